"""Somebody else deploys the versions, each behind a Service: requests move, and nothing else is written."""

from __future__ import annotations

import pytest

from e2e.support import existing
from e2e.support.kube import DEPLOYMENT, SERVICE, Object
from e2e.support.manifests import LADDER
from e2e.support.scenario import Scenario, serves
from e2e.support.traffic import Traffic
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e

A, B = "digits-a", "digits-b"


def deploy(scenario: Scenario, name: str, version: str) -> None:
    """What a pipeline does: a Deployment, and its Service."""
    scenario.kube.create(existing.deployment(scenario.namespace, version, name))
    scenario.kube.create(existing.service(scenario.namespace, name))


def between(stable: str, candidate: str | None = None, **others: object) -> dict[str, object]:
    """What a ModelRollout says of them."""
    named = {"stable": stable} | ({} if candidate is None else {"candidate": candidate})
    return {
        "workload.deployment": None,
        "workload.services": named,
        "service": {"port": existing.PORT},
        **others,
    }


def serving(scenario: Scenario) -> Traffic:
    """Version 1, behind the first Service."""
    deploy(scenario, A, "v1")
    return scenario.serving("v1", between(A))


def found(scenario: Scenario) -> list[Object]:
    """What somebody else has deployed, but for what its own controllers write."""
    objects = [scenario.kube.get(kind, name, scenario.namespace) for kind in (DEPLOYMENT, SERVICE) for name in (A, B)]
    kept = ("uid", "generation", "labels", "ownerReferences", "finalizers")
    return [{"spec": one["spec"], **{name: one["metadata"].get(name) for name in kept}} for one in objects if one]


def test_requests_move_to_the_other_service_and_back(scenario: Scenario) -> None:
    traffic = serving(scenario)
    deploy(scenario, B, "v2")
    before = found(scenario)
    scenario.apply("v2", between(A, B, rollbackWindow="5m"))
    scenario.until_stable("v2")
    traffic.until_only("v2")
    assert scenario.journal.weights_of("v2") == [0, *LADDER]
    assert scenario.journal.mirrors_of("v2") == [0, 100, 0]

    # As Git has it after a revert: back in one write.
    writes = len(scenario.journal.splits)
    scenario.apply("v1", between(A, rollbackWindow="5m"))
    scenario.until(lambda s: serves(s, "v1"), "version 1 to be stable again")
    traffic.until_only("v1")
    assert next(split.weights for split in scenario.journal.splits[writes:] if split.weights != {B: 100}) == {A: 100}
    assert found(scenario) == before, "nothing of it was written"
    assert not traffic.all.failed


def test_a_deployment_in_the_middle_begins_anew(scenario: Scenario) -> None:
    traffic = serving(scenario)
    deploy(scenario, B, "v2")
    patient = {"stages.1.duration": "30s"}
    scenario.apply("v2", between(A, B, **patient))
    scenario.until_step("canary")
    scenario.kubectl("rollout", "restart", f"deployment/{B}")
    assert B in scenario.until_event("Abandoned", "CandidateReplaced")
    scenario.until(lambda s: s.attempt is not None and s.attempt.step is None, "it to wait for the deployment to end")
    scenario.until_step("shadow")
    scenario.apply("v2", between(A, B))
    scenario.until_stable("v2")
    traffic.until_only("v2")
    assert scenario.journal.weights_of("v2") == [0, LADDER[0], 0, *LADDER], "from the first stage on"
    assert not traffic.all.failed


@pytest.mark.bad("v5")
def test_a_bad_candidate_gives_its_requests_back(scenario: Scenario) -> None:
    traffic = serving(scenario)
    deploy(scenario, B, "v5")
    live = [{"name": "canary", "weight": 20}, {"name": "full", "weight": 100}]
    scenario.apply("v5", between(A, B, stages=live))
    scenario.until_rolled_back("v5", "Harm")
    traffic.until_only("v1")
    assert traffic.next(200).versions == {"v1"}
    assert {one.version for one in traffic.all.failed.met} == {"v5"}
    until(lambda: len(found(scenario)) == 4, "all of it to be there as before")
