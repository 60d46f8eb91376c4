"""What an operator says in its log, kept apart for each of many that run at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_LINES: ContextVar[list[str] | None] = ContextVar("lines", default=None)


@contextmanager
def heard() -> Iterator[None]:
    """Let `listen` hear the operators of this process, and nobody else."""
    structlog.configure(processors=[structlog.stdlib.add_log_level, _keep])
    try:
        yield
    finally:
        structlog.reset_defaults()


def listen() -> list[str]:
    """All that is logged by the task at hand, and by those that it begins, from now on: what it said, and of what."""
    lines: list[str] = []
    _LINES.set(lines)
    return lines


def _keep(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    lines = _LINES.get()
    if lines is not None:
        lines.append(" ".join(f"{name}={value}" for name, value in _plain(event).items()))
    raise structlog.DropEvent


def _plain(event: EventDict) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "rollout"}
