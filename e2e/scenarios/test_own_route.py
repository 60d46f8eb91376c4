"""The users' own HTTPRoute: one rule of it carries the rollout, and is theirs again afterwards."""

from __future__ import annotations

import pytest

from e2e.support.kube import MODEL_ROLLOUT
from e2e.support.manifests import NAME
from e2e.support.own_route import BY_THEIR_ROUTE, OwnRoute
from e2e.support.scenario import Scenario
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e


def test_a_rule_of_their_own_route(scenario: Scenario) -> None:
    route = OwnRoute(scenario)
    route.apply()
    written = route.live["spec"]
    traffic = scenario.serving("v1", BY_THEIR_ROUTE)

    scenario.apply("v2", BY_THEIR_ROUTE)
    scenario.until_step("canary", 20)
    assert len(route.backends) == 2
    assert traffic.next(100).versions == {"v1", "v2"}
    assert scenario.rollout["metadata"]["finalizers"]
    scenario.until_stable("v2")
    traffic.until_only("v2")
    until(lambda: route.live["spec"] == written, "the route to be as it was written")
    until(lambda: not scenario.rollout["metadata"].get("finalizers"), "nothing to hold the rollout")
    assert traffic.next(50).versions == {"v2"}

    scenario.apply("v1", BY_THEIR_ROUTE)
    scenario.until_step("canary", 20)
    scenario.apply("v2", BY_THEIR_ROUTE)
    scenario.until_stable("v2")
    traffic.until_only("v2")
    assert route.live["spec"] == written
    assert not traffic.all.failed


def test_deleted_in_the_middle_of_a_step(scenario: Scenario) -> None:
    route = OwnRoute(scenario)
    route.apply()
    written = route.live["spec"]
    scenario.serving("v1", BY_THEIR_ROUTE)
    scenario.apply("v2", BY_THEIR_ROUTE | {"stages.1.duration": "10m"})
    scenario.until_step("canary", 20)
    assert not scenario.traffic.all.failed
    # By default what serves goes along: users have to go first.
    scenario.traffic.stop()

    scenario.kube.delete(MODEL_ROLLOUT, NAME, scenario.namespace)
    until(lambda: not scenario.rollout, "the rollout to go", seconds=30)

    assert route.live["spec"] == written
    marks = [name for name in route.live["metadata"].get("annotations", {}) if name.startswith("modelrollout.io/")]
    assert not marks
