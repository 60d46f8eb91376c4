"""The pod of the operator that acts is deleted, as a drained node or an upgrade does it: the other pod goes on."""

from __future__ import annotations

import pytest

from e2e.support.kube import LEASE
from e2e.support.manifests import QUICK_STAGES, QUICK_STEPS
from e2e.support.platform import OPERATOR_NAMESPACE, RELEASE
from e2e.support.scenario import Scenario
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e


def leader(scenario: Scenario) -> str:
    """The name of its pod; empty while there is none."""
    lease = scenario.kube.get(LEASE, RELEASE, OPERATOR_NAMESPACE) or {}
    return str(lease.get("spec", {}).get("holderIdentity", "")).rpartition("_")[0]


def test_leader_pod_deleted(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")
    scenario.apply("v2", {"stages": QUICK_STAGES})
    scenario.until_step("canary", 20)

    before = leader(scenario)
    scenario.platform.run_kubectl("--namespace", OPERATOR_NAMESPACE, "delete", "pod", before, "--wait=false")
    until(lambda: leader(scenario) not in {before, ""}, "the other pod to lead")
    log = scenario.until_stable("v2").status.log

    assert scenario.journal.weights_of("v2") == [0, 20, 50, 100], "nothing skipped, nothing fell"
    assert [(entry.stage, entry.weight) for entry in log if entry.action == "Enter"] == QUICK_STEPS
    assert not traffic.all.failed
