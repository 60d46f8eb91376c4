"""Somebody edits the route by hand, or deletes it: it is put right, and said."""

from __future__ import annotations

import pytest

from e2e.support.kube import HTTP_ROUTE
from e2e.support.manifests import NAME
from e2e.support.scenario import Scenario
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e


def test_a_hand_edited_route_is_restored(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")
    # More samples than this scenario sends: it stays where it is.
    scenario.apply("v2", {"metrics.0.minSamples": 100_000, "metrics.0.stages": ["canary"]})
    scenario.until_step("canary")

    rules = scenario.route["spec"]["rules"]
    for backend in rules[0]["backendRefs"]:
        backend["weight"] = 100 - backend["weight"]
    scenario.kube.merge(HTTP_ROUTE, NAME, scenario.namespace, {"spec": {"rules": rules}})
    until(lambda: scenario.journal.weights_of("v2") == [0, 20, 80, 20], "the route to be restored")

    assert scenario.until_event("DriftRestored", "HTTPRoute")
    traffic.next(50)
    answers = traffic.next(500)
    assert answers.follows("v2", 20), answers
    assert not traffic.all.failed


@pytest.mark.bad("gateway")
def test_a_deleted_route_is_restored(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")

    scenario.kube.delete(HTTP_ROUTE, NAME, scenario.namespace)
    until(lambda: scenario.journal.weights_of("v1") == [100, 0, 100], "the route to come back")

    traffic.until_only("v1")
    assert {one.outcome for one in traffic.next(100).met} == {"200"}
    assert scenario.until_event("DriftRestored", "HTTPRoute")
