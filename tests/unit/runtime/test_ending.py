"""Ending what runs side by side, what does not want to included."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from modelrollout.runtime.ending import StuckError, cancelled, ended

pytestmark = pytest.mark.unit


async def obedient() -> None:
    await asyncio.Event().wait()


async def deaf(enough: asyncio.Event) -> None:
    while not enough.is_set():
        with suppress(asyncio.CancelledError):
            await enough.wait()


async def test_the_others_are_cancelled_and_the_first_is_waited_for() -> None:
    over = asyncio.Event()
    first, other = asyncio.create_task(deaf(over)), asyncio.create_task(obedient())
    asyncio.get_running_loop().call_soon(over.set)
    await ended(first, [other])
    assert first.done()
    assert other.cancelled()


async def test_nothing_to_end() -> None:
    await ended(None, [])


@pytest.mark.parametrize("is_first", [True, False])
async def test_who_does_not_end_is_told(is_first: bool) -> None:  # noqa: FBT001 - a case
    enough = asyncio.Event()
    stuck, other = asyncio.create_task(deaf(enough)), asyncio.create_task(obedient())
    await asyncio.sleep(0)
    with pytest.raises(StuckError, match="1 of 2 watches did not end"):
        await (ended(stuck, [other], within=0.01) if is_first else ended(None, [stuck, other], within=0.01))
    enough.set()
    await stuck
    await cancelled(other)
    assert other.cancelled()
