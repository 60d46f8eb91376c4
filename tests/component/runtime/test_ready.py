"""When a replica says that it is ready: a rolling update then ends the one that leads."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import aiohttp
import pytest

from modelrollout.runtime.arrivals import Arrivals
from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.ports import free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.component


async def test_with_full_caches_and_what_the_watches_list_at_first(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With thousands of rollouts there are minutes between the two, and a leader that looks at nothing until then."""
    all_in, port = asyncio.Event(), free_port()

    async def are_in(_: Arrivals) -> None:
        await all_in.wait()

    async def answer() -> int:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/readyz") as found,
        ):
            return found.status

    monkeypatch.setattr(Arrivals, "are_in", are_in)
    await play.apply("1")
    async with running(play.server.kubeconfig, replace(play.settings, http_port=port)) as operator:

        async def full() -> bool:
            return len(list(operator.app.rollouts.known())) > 0

        await eventually("its caches are full", full)
        assert await answer() == 503
        all_in.set()
        await play.until("it acts", phase="Succeeded")
        assert await answer() == 200
