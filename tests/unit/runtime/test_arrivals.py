"""What is waited for after a start: as much as there is, unless no more comes."""

from __future__ import annotations

import asyncio

import pytest

from modelrollout.kube.resources import MODEL_ROLLOUT, SERVICE
from modelrollout.runtime.arrivals import Arrivals

pytestmark = pytest.mark.unit


def expecting(*counts: int) -> Arrivals:
    arrivals = Arrivals()
    for resource, count in zip((MODEL_ROLLOUT, SERVICE), counts, strict=False):
        arrivals.expect(resource, count)
    return arrivals


async def test_where_nothing_is_nothing_is_awaited() -> None:
    await asyncio.wait_for(Arrivals().are_in(), 1)
    await asyncio.wait_for(expecting(0, 0).are_in(), 1)


async def test_all_kinds_are_awaited_and_what_a_watch_tells_is_none_of_it() -> None:
    arrivals = expecting(2, 1)
    waiting = asyncio.create_task(arrivals.are_in())
    for event in (None, "ADDED", "MODIFIED", None):
        arrivals.count(event)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
    arrivals.count(None)
    await asyncio.wait_for(waiting, 1)


async def test_what_was_deleted_meanwhile_is_not_awaited_for_ever() -> None:
    arrivals = expecting(2)
    arrivals.count(None)
    await asyncio.wait_for(arrivals.are_in(quiet=0.01), 1)


async def test_a_later_list_changes_nothing() -> None:
    arrivals = expecting(1)
    arrivals.count(None)
    arrivals.expect(MODEL_ROLLOUT, 7)
    await asyncio.wait_for(arrivals.are_in(), 1)
