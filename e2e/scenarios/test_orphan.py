"""A ModelRollout that is deleted in the middle of a step leaves the version that serves behind, for the next one."""

from __future__ import annotations

import pytest

from e2e.support.kube import DEPLOYMENT, HTTP_ROUTE, MODEL_ROLLOUT, SERVICE
from e2e.support.manifests import NAME
from e2e.support.scenario import Scenario
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e

ORPHAN = {"deletionPolicy": "Orphan"}


def test_deleted_in_a_step_and_made_anew(scenario: Scenario) -> None:
    traffic = scenario.serving("v1", ORPHAN)
    pods = sorted(scenario.pods("v1"))
    scenario.apply("v2", ORPHAN | {"stages.1.duration": "10m"})
    scenario.until_step("canary", 20)

    scenario.kube.delete(MODEL_ROLLOUT, NAME, scenario.namespace)
    until(lambda: not scenario.rollout, "the rollout to go", seconds=40)
    traffic.until_only("v1")
    until(lambda: not scenario.pods("v2"), "the candidate to be collected")
    for kind in (DEPLOYMENT, SERVICE, HTTP_ROUTE):
        left = scenario.kube.list(kind, scenario.namespace, f"modelrollout.io/name={NAME}")
        assert left, f"no {kind[1]} is left"
        assert not any(one["metadata"].get("ownerReferences") for one in left)
    assert traffic.next(100).versions == {"v1"}

    scenario.apply("v1")
    scenario.until_stable("v1")
    assert sorted(scenario.pods("v1")) == pods, "no pod restarts"
    assert traffic.next(100).versions == {"v1"}
    scenario.apply("v2")
    scenario.until_stable("v2")
    traffic.until_only("v2")
    assert not traffic.all.failed
