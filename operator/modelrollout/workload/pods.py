"""What the pods of a revision tell about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import shorten
from typing import Final

from modelrollout.kube.views import ContainerView, PodView

CRASH_LOOP: Final = "CrashLoopBackOff"
MANY_RESTARTS: Final = 3
"""Restarts after which a container that ends with an error is said to crash, even if it runs at this moment."""
HARMLESS_WAITING: Final = frozenset({"ContainerCreating", "PodInitializing", CRASH_LOOP})

MESSAGE_WIDTH: Final = 200
"""The kubelet repeats a whole chain of errors; its beginning says it."""


def crashing(pods: Iterable[PodView]) -> str | None:
    """Why containers keep ending, or None. Once a pod is ready again its past is forgiven."""
    texts = (
        f"container {container.name} of pod {pod.meta.name} keeps ending:"
        f" {container.restarts} restarts{_exit(container)}"
        for pod, container in _containers(pods)
        if _crashes(container)
    )
    return next(texts, None)


def waiting(pods: Iterable[PodView]) -> str | None:
    """What containers wait for that needs a person, such as ImagePullBackOff, or None."""
    texts = (
        f"container {container.name} of pod {pod.meta.name}: {container.waiting}"
        + (f": {shorten(container.waiting_message, MESSAGE_WIDTH)}" if container.waiting_message else "")
        for pod, container in _containers(pods)
        if container.waiting is not None and container.waiting not in HARMLESS_WAITING
    )
    return next(texts, None)


def _containers(pods: Iterable[PodView]) -> Iterator[tuple[PodView, ContainerView]]:
    return ((pod, container) for pod in pods if not pod.ready for container in pod.containers)


def _crashes(container: ContainerView) -> bool:
    if container.waiting == CRASH_LOOP:
        return True
    return container.restarts >= MANY_RESTARTS and bool(container.exit_code)


def _exit(container: ContainerView) -> str:
    if container.exit_code is None:
        return ""
    reason = f" ({container.exit_reason})" if container.exit_reason else ""
    return f", last exit code {container.exit_code}{reason}"
