"""Ends what runs side by side, in a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final

from modelrollout.api.errors import TransientError

WATCHES_END_SECONDS: Final = 10.0
"""kopf takes two or three."""


class StuckError(TransientError):
    """A part does not end, and neither would the process: it would do nothing, and nobody would start it again."""

    def __init__(self, message: str) -> None:
        super().__init__("Stuck", message)


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks of our own, which end at once, and wait for them."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def ended(
    first: asyncio.Task[None] | None, others: Collection[asyncio.Task[None]], within: float = WATCHES_END_SECONDS
) -> None:
    """Wait for the watch that is over, and end the others.

    Args:
        within: seconds.

    Raises:
        StuckError: one of them does not end.
    """
    for task in others:
        task.cancel()
    tasks = [*others] if first is None else [first, *others]
    if tasks:
        _, stuck = await asyncio.wait(tasks, timeout=within)
        if stuck:
            raise StuckError(f"{len(stuck)} of {len(tasks)} watches did not end within {within:.0f} s")
