"""What the Job of a gate and its pods show. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import shorten
from typing import Final

from modelrollout.engine.observed import RunState
from modelrollout.kube.views import ContainerView, JobView, PodView
from modelrollout.workload.pods import waiting

NEVER_RAN: Final = frozenset({"StartError", "ContainerCannotRun"})
"""Reasons for which a container has ended that never was: no such command, no such user."""
DEADLINE: Final = "DeadlineExceeded"
WIDTH: Final = 300


def state_of(job: JobView, pods: Iterable[PodView]) -> tuple[RunState, str]:
    """How far it is, and what stands in its way or how it ended, without its log."""
    known = sorted(pods, key=lambda pod: (pod.meta.created_at, pod.meta.name))
    if job.complete:
        return RunState.SUCCEEDED, ""
    dead = next((text for pod in known for text in _never_ran(pod)), None)
    obstacle = waiting(known) or next((text for pod in known for text in _unscheduled(pod)), None)
    if job.failed is not None:
        return _failed(job, known, dead, obstacle)
    if not any(map(_has_run, known)):
        return RunState.WAITING, obstacle or _not_begun(job, known)
    return (RunState.RUNNING, "") if obstacle is None else (RunState.WAITING, obstacle)


def speaker(pods: Iterable[PodView]) -> tuple[str, str] | None:
    """The pod and the container whose log tells most: of the newest that has run, the container that failed."""
    ran = [pod for pod in pods if _has_run(pod)]
    if not ran:
        return None
    newest = max(ran, key=lambda pod: (pod.meta.created_at, pod.meta.name))
    begun = [container for container in newest.containers if _runs_or_ran(container)]
    failed = [container for container in begun if container.exit_code]
    return newest.meta.name, (failed or begun)[-1].name


def _failed(job: JobView, pods: list[PodView], dead: str | None, obstacle: str | None) -> tuple[RunState, str]:
    if dead is not None:
        return RunState.IMPOSSIBLE, dead
    if job.failed == DEADLINE:
        has_run = any(map(_has_run, pods)) and obstacle is None
        return (RunState.TIMED_OUT, "") if has_run else (RunState.IMPOSSIBLE, obstacle or "no pod of it ever ran")
    exits = [_exit(container) for pod in pods for container in pod.containers if container.exit_code]
    return RunState.FAILED, exits[-1] if exits else shorten(f"{job.failed}: {job.message}", WIDTH)


def _exit(container: ContainerView) -> str:
    # "Error" is what the kubelet calls any exit code but 0.
    reason = f" ({container.exit_reason})" if container.exit_reason not in {"", "Error"} else ""
    return f"exit code {container.exit_code}{reason}"


def _not_begun(job: JobView, pods: list[PodView]) -> str:
    if job.suspended:
        return f"Job {job.meta.name} is suspended"
    return "its pod has not begun yet" if pods else "it has no pod yet"


def _has_run(pod: PodView) -> bool:
    return any(_runs_or_ran(container) for container in pod.containers)


def _runs_or_ran(container: ContainerView) -> bool:
    if container.exit_reason in NEVER_RAN:
        return False
    return container.waiting is None or container.exit_code is not None


def _never_ran(pod: PodView) -> Iterator[str]:
    for container in pod.containers:
        if container.exit_reason in NEVER_RAN:
            text = f": {shorten(container.exit_message, WIDTH)}" if container.exit_message else ""
            yield f"container {container.name}: {container.exit_reason}{text}"


def _unscheduled(pod: PodView) -> Iterator[str]:
    if pod.unschedulable is not None:
        yield f"no node for pod {pod.meta.name}: {shorten(pod.unschedulable, WIDTH)}"
