"""Gates on the real kube-apiserver: Jobs as objects, the Job controller's part played by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelrollout.api.gates import GateState
from modelrollout.api.names import LABEL_NAME, LABEL_REVISION
from modelrollout.kube.resources import JOB
from tests.support.job_controller import MOMENT, end, jobs_of, make_pod, until_job
from tests.support.operators import OperatorProcess, running
from tests.support.playground import QUICK, Playground
from tests.support.receiver import Receiver
from tests.support.waiting import eventually

pytestmark = pytest.mark.component


def job(name: str, **more: Any) -> dict[str, Any]:
    """A Job that runs one container."""
    return {"template": {"spec": {"containers": [{"name": name, "image": "localhost/smoke:1"}], **more}}}


def gate(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "job": job(name), **more}


def canary(**gates: Any) -> dict[str, Any]:
    """Stages of a canary with gates and of the bake."""
    return {
        "stages": [
            {"name": "canary", "weight": 20, "duration": "1s", **gates},
            {"name": "full", "weight": 100, "duration": "1s"},
        ]
    }


async def begun(play: Playground) -> list[str]:
    attempt = (await play.status()).attempt
    return [f"{entry.name} {entry.state.value}" for entry in attempt.gates] if attempt else []


async def test_gates_are_run_in_order_and_one_that_fails_rolls_back(play: Playground) -> None:
    stages = canary(pre=[gate("smoke")], post=[gate("verify")])
    warm = {"workload": {"deployment": {**QUICK["workload"]["deployment"], "warmup": {"job": job("warm")}}}}
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **stages, **warm)

        made = await until_job(play, "warm")
        assert await begun(play) == ["warm-up Running"]
        revision = play.hashes["2"]
        assert made["metadata"]["labels"][LABEL_REVISION] == revision
        template = made["spec"]["template"]
        assert template["metadata"]["labels"][LABEL_NAME] == "digits"
        assert LABEL_REVISION not in template["metadata"]["labels"], "no Service may select it"
        told = {entry["name"]: entry.get("value", "") for entry in template["spec"]["containers"][0]["env"]}
        assert told["MODELROLLOUT_SERVICE"] == f"digits-{revision}.{play.namespace}.svc:80"
        assert (told["MODELROLLOUT_VERSION"], told["MODELROLLOUT_STABLE_VERSION"]) == ("2", "1")
        await end(play, made)

        made = await until_job(play, "smoke")
        assert await begun(play) == ["warm-up Succeeded", "smoke Running"]
        assert await play.weights() == {"1": 100}, "no live request before"
        await end(play, made)

        made = await until_job(play, "verify")
        assert await play.weights() == {"1": 80, "2": 20}
        await make_pod(play, made, {"terminated": {"exitCode": 3, "reason": "Error"}})
        await end(play, made, failed="BackoffLimitExceeded", message="Job has reached the specified backoff limit")
        status = await play.until("version 2 is rolled back", phase="RolledBack")
        assert await play.weights() == {"1": 100}
        assert status.failed is not None
        assert (status.failed.reason, status.failed.stage) == ("GateFailed", "canary")
        assert status.failed.message.startswith("post gate verify of canary failed after")
        assert "exit code 3" in status.failed.message
        assert [entry.reason for entry in status.log if "Gate" in entry.action] == [
            "GateBegun",
            "GateSucceeded",
            "GateBegun",
            "GateSucceeded",
            "GateBegun",
        ]
        assert len(await jobs_of(play)) == 3, "they stay to be read"


@pytest.mark.parametrize(
    ("state", "status", "reason", "says"),
    [
        pytest.param(
            {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}, {},
            "GateNotStarted", "ImagePullBackOff", id="no image",
        ),
        pytest.param(
            None,
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                             "message": "0/1 nodes are available: 1 Insufficient memory."}]},
            "GateNotStarted", "Insufficient memory", id="no node",
        ),
        pytest.param({"running": {"startedAt": MOMENT}}, {}, "GateTimedOut", "timeout of 3s", id="slow"),
    ],
)  # fmt: skip
async def test_what_never_ran_is_told_from_what_took_too_long(
    play: Playground, state: dict[str, Any] | None, status: dict[str, Any], reason: str, says: str
) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **canary(pre=[gate("smoke", timeout="3s")]))
        made = await until_job(play, "smoke")
        await make_pod(play, made, state, **status)
        seen = await play.until("version 2 is rolled back", phase="RolledBack")
        assert seen.failed is not None
        assert seen.failed.reason == reason
        assert says in seen.failed.message

        async def gone() -> bool:
            return not await jobs_of(play)

        await eventually("the Job that goes on is deleted", gone)


async def test_a_quota_that_is_full_holds_and_says_so(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        play.kubectl("create", "quota", "none", "--hard=count/jobs.batch=0")
        full = '{"status": {"hard": {"count/jobs.batch": "0"}, "used": {"count/jobs.batch": "0"}}}'
        play.kubectl("patch", "quota", "none", "--subresource=status", "--type=merge", f"--patch={full}")
        await play.apply("2", **canary(pre=[gate("smoke", timeout="2s", onFailure="Hold")]))
        status = await play.until("it is held", waits="GateHeld")
        assert status.attempt is not None
        (entry,) = status.attempt.gates
        assert entry.state is GateState.NOT_STARTED
        assert "exceeded quota" in entry.message
        assert await play.weights() == {"1": 100}
        play.kubectl("delete", "quota", "none")
        await play.apply("2", **canary(pre=[gate("smoke", timeout="60s", onFailure="Hold")]))
        await end(play, await until_job(play, "smoke"))
        await play.until("the edited gate lets it on", stage="canary")


async def test_what_can_never_be_a_job_is_an_invalid_spec(play: Playground) -> None:
    nameless: dict[str, Any] = {"template": {"spec": {"containers": [{"name": "smoke"}], "restartPolicy": "Always"}}}
    labelled = job("smoke") | {}
    labelled["template"] = labelled["template"] | {"metadata": {"labels": {LABEL_REVISION: "x"}}}
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        pre = [{"name": "smoke", "job": nameless}, {"name": "own", "job": labelled}]
        await play.apply("2", **canary(pre=pre))
        status = await play.until("the spec is refused", reason="InvalidSpec")
        (message,) = [row.message for row in status.conditions if row.type == "Stalled"]
        assert "spec.stages[0].pre[0].job.template.spec.containers[0].image" in message
        assert "spec.stages[0].pre[0].job.template.spec.restartPolicy" in message
        assert "spec.stages[0].pre[1].job.template.metadata.labels" in message
        assert await jobs_of(play) == []


async def test_another_version_ends_the_jobs_of_the_one_before(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **canary(pre=[gate("smoke")]))
        old = (await until_job(play, "smoke"))["metadata"]["name"]
        await play.apply("3", **canary(pre=[gate("smoke")]))

        async def replaced() -> bool:
            names = [each["metadata"]["name"] for each in await jobs_of(play)]
            return len(names) == 1 and names != [old]

        await eventually("its Job is gone, and that of version 3 is there", replaced)


async def test_harm_acts_while_a_webhook_hangs(play: Playground) -> None:
    with Receiver() as receiver:
        receiver.hangs.set()
        async with running(play.server.kubeconfig, play.settings):
            await play.serving("1")
            ask = {"name": "ask", "webhook": {"url": receiver.url}}
            await play.apply("2", **canary(post=[ask]))
            await play.until("the webhook is asked", waits="GateRunning")
            assert await play.weights() == {"1": 80, "2": 20}
            play.servers["2"].error_rate = 0.5
            status = await play.until("version 2 is rolled back", phase="RolledBack")
            assert status.failed is not None
            assert status.failed.reason == "Harm"
            assert len(receiver.calls) == 1


async def test_a_gate_survives_the_operator(play: Playground, tmp_path: Path) -> None:
    """Killed right after it has made the Job, and a second time while that runs: there is one Job, and one result."""
    process = OperatorProcess(play.server.kubeconfig, play.settings, tmp_path / "trap")
    try:
        await process.start()
        await play.serving("1")
        process.set_trap("patch Job")
        await play.apply("2", **canary(pre=[gate("smoke")]))
        await process.died()
        made = await until_job(play, "smoke")
        await process.start()
        process.kill()
        await end(play, made)
        await process.end()
        await process.start()
        await play.until("it goes on", stage="canary")
        assert [each["metadata"]["uid"] for each in await jobs_of(play)] == [made["metadata"]["uid"]]
        assert (await play.client.get(JOB, play.namespace, made["metadata"]["name"])) is not None
    finally:
        await process.end()
