"""The Job of a gate, and what a gate is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from modelrollout.api.gates import Gate, GateJob, GateWhen
from modelrollout.api.names import LABEL_NAME, LABEL_REVISION
from modelrollout.api.status import AttemptStatus
from modelrollout.engine.revisions import Revision
from modelrollout.engine.rounds import Due
from modelrollout.gates.render import Candidate, candidate_of, facts, job, job_name, job_problems
from tests.support import scenes
from tests.support.behind import TWO, judged
from tests.support.scenes import CANDIDATE, NOW

pytestmark = pytest.mark.unit

SEEN = scenes.stepping()
CONTAINER: dict[str, Any] = {"name": "smoke", "image": "smoke:1"}


def candidate() -> Candidate:
    assert SEEN.status.attempt is not None
    return candidate_of(SEEN.rollout, SEEN.status.attempt, CANDIDATE)


def made(template: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The Job of a gate with this template."""
    wanted = GateJob(template=template or {"spec": {"containers": [CONTAINER]}}, **more)
    gate = Gate(name="smoke", job=wanted, timeout=timedelta(minutes=2))
    return job(candidate(), Due(gate, "smoke", "canary", GateWhen.POST, "spec.stages[1].post[0]", "gabc"), wanted)


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


def test_it_is_owned_and_named_after_its_run_and_never_begun_twice() -> None:
    body = made()
    assert body["metadata"]["name"] == job_name(SEEN.rollout, "gabc") == "digits-gabc"
    assert body["metadata"]["ownerReferences"][0]["uid"] == "uid"
    assert body["metadata"]["labels"][LABEL_REVISION] == CANDIDATE.hash
    spec = body["spec"]
    assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 3600)
    assert spec["activeDeadlineSeconds"] == 180, "after our own timeout: with the pod its log would go"
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert made(retries=3)["spec"]["backoffLimit"] == 3


def test_nothing_that_selects_a_revision_finds_its_pod() -> None:
    labels = made({"metadata": {"labels": {"app": "smoke"}}, "spec": {"containers": [CONTAINER]}})["spec"]["template"][
        "metadata"
    ]["labels"]
    assert labels == {"app": "smoke", LABEL_NAME: "digits"}


def test_a_drained_node_is_not_the_candidates_fault() -> None:
    (rule,) = made()["spec"]["podFailurePolicy"]["rules"]
    assert rule["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    restarting = made({"spec": {"restartPolicy": "OnFailure", "containers": [CONTAINER]}})["spec"]
    assert "podFailurePolicy" not in restarting, "the API server refuses it there"


def test_every_container_is_told_and_the_users_word_counts() -> None:
    mine = [{"name": "MODELROLLOUT_STAGE", "value": "mine"}, {"name": "URL", "value": "http://$(MODELROLLOUT_SERVICE)"}]
    pod = {"initContainers": [CONTAINER], "containers": [CONTAINER | {"env": mine}]}
    spec = made({"spec": pod})["spec"]["template"]["spec"]
    init, main = environment(spec["initContainers"][0]), environment(spec["containers"][0])
    address = f"digits-{CANDIDATE.hash}.demo.svc:8080"
    assert (init["MODELROLLOUT_STAGE"], init["MODELROLLOUT_SERVICE"]) == ("canary", address)
    assert init["MODELROLLOUT_STABLE_VERSION"] == "1"
    assert main["MODELROLLOUT_STAGE"] == "mine"
    names = [entry["name"] for entry in spec["containers"][0]["env"]]
    assert names.index("MODELROLLOUT_SERVICE") < names.index("URL"), "what is used comes first"
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "broken", [{}, {"spec": None}, {"spec": {"containers": "smoke"}}, {"spec": {"containers": [1]}}]
)
def test_what_is_no_template_is_the_api_servers_to_refuse(broken: dict[str, Any]) -> None:
    assert made(broken)["kind"] == "Job"


def test_the_users_template_is_left_as_it_is() -> None:
    template = {"spec": {"containers": [dict(CONTAINER)]}}
    made(template)
    assert template == {"spec": {"containers": [CONTAINER]}}


def test_the_first_versions_gates_know_of_no_stable() -> None:
    attempt = AttemptStatus(**CANDIDATE.ref.model_dump(), started_at=NOW)
    about = candidate_of(scenes.empty().rollout, attempt, Revision(CANDIDATE.hash, "2", ""))
    due = Due(Gate(name="a", job=GateJob(template={})), "a", "canary", GateWhen.PRE, "", "gabc")
    assert (facts(about, due)["stableVersion"], facts(about, due)["weight"]) == ("", "0")


def test_labels_that_make_a_pod_somebodys_are_refused() -> None:
    wanted = GateJob(template={"metadata": {"labels": {LABEL_NAME: "x", LABEL_REVISION: "y", "app": "z"}}})
    problems = list(job_problems("spec.stages[0].pre[0]", wanted))
    assert len(problems) == 2
    assert all(text.startswith("spec.stages[0].pre[0].job.template.metadata.labels: ") for text in problems)
    assert list(job_problems("p", GateJob(template={"metadata": {"labels": ["?"]}}))) == []


def test_a_gate_is_told_the_service_that_somebody_else_has_deployed_to() -> None:
    seen = judged()
    assert seen.status.attempt is not None
    about = candidate_of(seen.rollout, seen.status.attempt, TWO)
    assert about.address == "digits-b.demo.svc:8080"
