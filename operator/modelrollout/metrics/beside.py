"""Work on very many series, beside the event loop: it has a Lease to renew, and others to serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

Made = TypeVar("Made")

THREADED_SERIES: Final = 200
"""From so many series on a thread does it: thousands take seconds."""


async def beside(series: int, work: Callable[[], Made]) -> Made:
    """Do pure work, in a thread if it is about many series."""
    return work() if series < THREADED_SERIES else await asyncio.to_thread(work)
