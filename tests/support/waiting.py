"""Waiting for a condition, with a deadline that only a broken system meets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")

_POLL_SECONDS = 0.05


async def eventually(what: str, ask: Callable[[], Awaitable[Found | None]], seconds: float = 30.0) -> Found:
    """Ask again and again until the answer is truthy, and give it.

    Raises:
        TimeoutError: it was not within the time; the message says what was waited for.
    """
    try:
        async with asyncio.timeout(seconds):
            while not (found := await ask()):
                await asyncio.sleep(_POLL_SECONDS)
            return found
    except TimeoutError:
        raise TimeoutError(f"within {seconds:g} s it did not happen that {what}") from None
