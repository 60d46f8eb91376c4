"""The operator is uninstalled in the middle of a step: users notice nothing, and nothing waits for it any more."""

from __future__ import annotations

import pytest

from e2e.support.kube import DEPLOYMENT, MODEL_ROLLOUT, SERVICE
from e2e.support.manifests import NAME
from e2e.support.own_route import BY_THEIR_ROUTE, OwnRoute
from e2e.support.release import Release
from e2e.support.scenario import Scenario
from e2e.support.waiting import until
from modelrollout.api.names import FINALIZER

pytestmark = pytest.mark.e2e


def test_uninstalled(scenario: Scenario, release: Release) -> None:
    route = OwnRoute(scenario)
    route.apply()
    written = route.live["spec"]
    traffic = scenario.serving("v1", BY_THEIR_ROUTE)
    scenario.apply("v2", BY_THEIR_ROUTE | {"stages.1.duration": "10m"})
    scenario.until_step("canary", 20)
    assert scenario.rollout["metadata"]["finalizers"] == [FINALIZER]
    assert len(route.backends) == 2

    release.uninstall()

    assert not scenario.rollout["metadata"].get("finalizers"), "nothing holds it"
    assert route.live["spec"] == written, "what was lent is given back"
    assert not scenario.kube.list(DEPLOYMENT, release.namespace)
    traffic.until_only("v1")
    assert traffic.next(100).versions == {"v1"}
    assert not traffic.all.failed

    # What serves goes along: users have to go first.
    traffic.stop()
    scenario.kube.delete(MODEL_ROLLOUT, NAME, scenario.namespace)
    until(lambda: not scenario.rollout, "the rollout to go", seconds=30)
    for kind in (DEPLOYMENT, SERVICE):
        until(lambda kind=kind: not _made(scenario, kind), f"each {kind[1]} to be collected")  # type: ignore[misc]


def _made(scenario: Scenario, kind: tuple[str, str]) -> list[object]:
    return [*scenario.kube.list(kind, scenario.namespace, f"modelrollout.io/name={NAME}")]
