"""What is read of a log, and what is not waited for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from modelrollout.api.gates import Gate, GateJob, GateWhen
from modelrollout.engine.observed import GateRun, RunState
from modelrollout.engine.rounds import Due
from modelrollout.gates.jobs import LOG_CHARACTERS, JobGates
from modelrollout.kube.apply import Applier
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient
from modelrollout.kube.errors import UnavailableError
from modelrollout.kube.resources import JOB, POD
from tests.support.objects import UID, raw_object, rollout

pytestmark = pytest.mark.unit

ROLLOUT = rollout()
GATE = Gate(name="smoke", job=GateJob(template={}))
DUE = Due(GATE, "smoke", "canary", GateWhen.PRE, "spec.stages[0].pre[0]", "gabc")


@dataclass
class Logs:
    """Stands in for the API server as far as logs go."""

    text: str = ""
    error: Exception | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def log(self, namespace: str, pod: str, container: str, *, lines: int) -> str:
        self.asked.append((namespace, pod, container))
        if self.error is not None:
            raise self.error
        return self.text


def a_job(kind: str | None = None, controller: str = UID) -> dict[str, Any]:
    conditions = [{"type": kind, "status": "True", "reason": "BackoffLimitExceeded"}] if kind else []
    return raw_object("digits-gabc", controller=controller) | {"spec": {}, "status": {"conditions": conditions}}


def a_pod(state: dict[str, Any]) -> dict[str, Any]:
    raw = raw_object("digits-gabc-x", revision=None)
    raw["metadata"]["labels"]["batch.kubernetes.io/job-name"] = "digits-gabc"
    return raw | {"status": {"containerStatuses": [{"name": "smoke", "restartCount": 0, "state": state}]}}


EXITED = {"terminated": {"exitCode": 1, "reason": "Error"}}
RUNNING: dict[str, Any] = {"running": {}}


async def observe(logs: Logs, job: dict[str, Any], state: dict[str, Any], *, is_late: bool = False) -> GateRun | None:
    cache = Cache()
    cache.apply_event(JOB, None, job)
    cache.apply_event(POD, None, a_pod(state))
    client = cast(KubeClient, logs)
    return await JobGates(client, cache, Applier(client, cache)).observe(ROLLOUT, DUE, is_late=is_late)


async def test_the_tail_of_a_job_that_has_ended() -> None:
    logs = Logs("first\n" + "x" * 5000 + "\nAssertionError: digit 7 is a 1\n")
    run = await observe(logs, a_job("Failed"), EXITED)
    assert run is not None
    assert run.state is RunState.FAILED
    assert run.message.startswith("exit code 1: …xx")
    assert run.message.endswith("AssertionError: digit 7 is a 1")
    assert len(run.message) < LOG_CHARACTERS + 20
    assert logs.asked == [("demo", "digits-gabc-x", "smoke")]


async def test_a_short_log_is_told_whole() -> None:
    assert await observe(Logs("all 20 as expected\n"), a_job("Complete"), EXITED) == GateRun(
        "gabc", RunState.SUCCEEDED, "all 20 as expected"
    )


@pytest.mark.parametrize(("is_late", "asked"), [(False, 0), (True, 1)])
async def test_of_a_job_that_runs_the_log_is_read_only_when_it_has_run_too_long(is_late: object, asked: int) -> None:
    logs = Logs("step 7")
    run = await observe(logs, a_job(), RUNNING, is_late=bool(is_late))
    assert run is not None
    assert (run.state, len(logs.asked)) == (RunState.RUNNING, asked)
    assert run.message == ("step 7" if asked else "")


async def test_a_log_that_cannot_be_read_keeps_nothing_from_being_decided() -> None:
    run = await observe(Logs(error=UnavailableError("Unavailable", "kubelet is away")), a_job("Failed"), EXITED)
    assert run == GateRun("gabc", RunState.FAILED, "exit code 1: (its log could not be read: kubelet is away)")


async def test_a_job_of_somebody_else_is_none_of_ours() -> None:
    assert await observe(Logs(), a_job("Complete", controller="other"), EXITED) is None
