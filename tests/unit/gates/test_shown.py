"""What a Job and its pods show: tables of pods, as the kubelet reports them."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.engine.observed import RunState
from modelrollout.gates.shown import speaker, state_of
from modelrollout.kube.views import JobView, PodView, job_view, pod_view
from tests.support.objects import raw_object

pytestmark = pytest.mark.unit


def job(**status: Any) -> JobView:
    return job_view(raw_object("digits-gabc") | {"spec": status.pop("spec", {}), "status": status})


def ended(kind: str, reason: str = "", message: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": "True", "reason": reason, "message": message}]}


def container(name: str = "smoke", *, state: dict[str, Any] | None = None, last: dict[str, Any] | None = None) -> Any:
    return {"name": name, "restartCount": 0, "state": state or {}, "lastState": last or {}}


def pod(*containers: Any, name: str = "digits-gabc-x", **status: Any) -> PodView:
    return pod_view(raw_object(name, revision=None) | {"status": {"containerStatuses": list(containers), **status}})


def exited(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


RUNNING = container(state={"running": {"startedAt": "2026-11-21T10:00:00Z"}})
CREATING = container(state={"waiting": {"reason": "ContainerCreating"}})
NO_IMAGE = container(state={"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image smoke:9"}})
NO_NODE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: no memory"}
FAILED = ended("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
LATE = ended("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")


@pytest.mark.parametrize(
    ("found", "pods", "state", "text"),
    [
        pytest.param(job(), (), RunState.WAITING, "no pod", id="no pod yet"),
        pytest.param(job(spec={"suspend": True}), (), RunState.WAITING, "suspended", id="suspended"),
        pytest.param(job(), (pod(),), RunState.WAITING, "not begun", id="no container yet"),
        pytest.param(job(), (pod(CREATING),), RunState.WAITING, "not begun", id="being created"),
        pytest.param(job(), (pod(NO_IMAGE),), RunState.WAITING, "ImagePullBackOff: Back-off pulling", id="no image"),
        pytest.param(job(), (pod(conditions=[NO_NODE]),), RunState.WAITING, "no memory", id="no node"),
        pytest.param(job(), (pod(RUNNING),), RunState.RUNNING, "", id="running"),
        pytest.param(job(), (pod(RUNNING, NO_IMAGE),), RunState.WAITING, "ImagePullBackOff", id="half of it runs"),
        pytest.param(job(), (pod(container(state=exited(1))),), RunState.RUNNING, "", id="ended, and not said"),
        pytest.param(job(**ended("Complete")), (), RunState.SUCCEEDED, "", id="complete"),
        pytest.param(job(**FAILED), (pod(container(state=exited(3))),), RunState.FAILED, "exit code 3", id="failed"),
        pytest.param(job(**FAILED), (pod(container(state=exited(137, "OOMKilled"))),), RunState.FAILED,
                     "exit code 137 (OOMKilled)", id="out of memory"),
        pytest.param(job(**FAILED), (), RunState.FAILED, "BackoffLimitExceeded: Job has reached", id="its pod is gone"),
        pytest.param(job(**FAILED), (pod(container(state=exited(128, "StartError", "exec: no such file"))),),
                     RunState.IMPOSSIBLE, "StartError: exec: no such file", id="no such command"),
        pytest.param(job(**LATE), (pod(RUNNING),), RunState.TIMED_OUT, "", id="its own deadline"),
        pytest.param(job(**LATE), (), RunState.IMPOSSIBLE, "no pod of it ever ran", id="its own deadline, no pod"),
        pytest.param(job(**LATE), (pod(NO_IMAGE),), RunState.IMPOSSIBLE, "ImagePullBackOff", id="deadline, no image"),
        pytest.param(job(**ended("FailureTarget", "PodFailurePolicy")), (pod(RUNNING),), RunState.RUNNING, "",
                     id="about to fail: its pods still end"),
    ],
)  # fmt: skip
def test_state_of(found: JobView, pods: tuple[PodView, ...], state: RunState, text: str) -> None:
    shown, said = state_of(found, pods)
    assert (shown, text in said) == (state, True), said
    assert text or not said


@pytest.mark.parametrize(
    ("pods", "who"),
    [
        pytest.param((), None, id="nobody"),
        pytest.param((pod(CREATING),), None, id="nobody yet"),
        pytest.param((pod(RUNNING),), ("digits-gabc-x", "smoke"), id="the one"),
        pytest.param(
            (pod(container("first", state=exited(0)), container("second", state=exited(2)), RUNNING),),
            ("digits-gabc-x", "second"), id="the one that failed",
        ),
        pytest.param((pod(RUNNING, name="a"), pod(RUNNING, name="b")), ("b", "smoke"), id="the newest"),
        pytest.param((pod(RUNNING, name="a"), pod(CREATING, name="b")), ("a", "smoke"), id="the newest that ran"),
    ],
)  # fmt: skip
def test_speaker(pods: tuple[PodView, ...], who: tuple[str, str] | None) -> None:
    assert speaker(pods) == who
