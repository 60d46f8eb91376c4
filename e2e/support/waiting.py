"""Conditions that are awaited: with a deadline, and with words for what did not come about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 180.0
"""Seconds that a scenario waits for one thing: long for a busy machine, and never waited out by an idle one."""


def until(probe: Callable[[], T | None], what: str, *, seconds: float = PATIENCE, every: float = 0.1) -> T:
    """Poll until `probe` returns something that is true, and return that.

    Raises:
        AssertionError: it did not come about in time; says what.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(every)
