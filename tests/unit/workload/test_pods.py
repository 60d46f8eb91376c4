from __future__ import annotations

from typing import Any

import pytest

from modelrollout.kube.views import pod_view
from modelrollout.workload.pods import crashing, waiting
from tests.support.objects import raw_object

pytestmark = pytest.mark.unit


def container(
    restarts: int = 0, *, waits: str | None = None, exit_code: int | None = None, reason: str = "Error"
) -> dict[str, Any]:
    state = {"waiting": {"reason": waits, "message": "because"}} if waits else {"running": {}}
    last = {"terminated": {"exitCode": exit_code, "reason": reason}} if exit_code is not None else {}
    return {"name": "server", "restartCount": restarts, "state": state, "lastState": last}


def pod(*containers: dict[str, Any], ready: bool = False, name: str = "p", init: Any = ()) -> Any:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    status = {"conditions": conditions, "containerStatuses": list(containers), "initContainerStatuses": list(init)}
    return pod_view(raw_object(name, status=status))


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (container(), None),
        (container(1, waits="CrashLoopBackOff"), "1 restarts"),
        (container(1, waits="CrashLoopBackOff", exit_code=137, reason="OOMKilled"), "last exit code 137 (OOMKilled)"),
        (container(3, exit_code=1), "3 restarts, last exit code 1 (Error)"),
        (container(2, exit_code=1), None),
        (container(9, exit_code=0), None),
        (container(9), None),
        (container(waits="ImagePullBackOff"), None),
    ],
)
def test_crashing(entry: dict[str, Any], text: str | None) -> None:
    found = crashing([pod(entry)])
    assert (found is None) == (text is None)
    assert (text or "") in (found or "")


def test_a_pod_that_is_ready_again_does_not_crash() -> None:
    assert crashing([pod(container(9, exit_code=1), ready=True)]) is None


def test_one_crashing_pod_of_several_is_named() -> None:
    found = crashing([pod(container(), name="good"), pod(container(5, exit_code=1), name="bad")])
    assert found is not None
    assert "container server of pod bad" in found


def test_a_crashing_init_container_counts() -> None:
    assert crashing([pod(init=[container(1, waits="CrashLoopBackOff")])]) is not None


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("ImagePullBackOff", True),
        ("ErrImagePull", True),
        ("CreateContainerConfigError", True),
        ("ContainerCreating", False),
        ("PodInitializing", False),
        ("CrashLoopBackOff", False),
    ],
)
def test_what_needs_a_person_is_shown(reason: str, *, shown: bool) -> None:
    text = f"container server of pod p: {reason}: because"
    assert waiting([pod(container(waits=reason))]) == (text if shown else None)
