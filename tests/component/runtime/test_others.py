"""More than one operator, and one that knows only what was: nobody raises what another has lowered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from kubernetes.aio import config

from modelrollout.kube.errors import ConflictError
from modelrollout.runtime.app import App
from tests.support.operators import OperatorProcess, running
from tests.support.playground import Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

BROAD = {"stages": [{"name": "canary", "weight": 20, "duration": "60s"}, {"name": "full", "weight": 100}]}
SHORT = {"stages": [{"name": "canary", "weight": 20, "duration": "3s"}, {"name": "full", "weight": 100}]}


@pytest.fixture
async def other(play: Playground) -> AsyncIterator[OperatorProcess]:
    """Another operator, in a process of its own."""
    process = OperatorProcess(play.server.kubeconfig, play.settings, play.directory / "trap")
    await process.start()
    yield process
    await process.end()


@asynccontextmanager
async def frozen(play: Playground) -> AsyncIterator[App]:
    """An operator that has read everything once, and sees nothing of what happens since."""
    async with await config.new_client_from_config(str(play.server.kubeconfig)) as api:
        app = App(play.settings, api)
        await app.fill()
        yield app


async def test_two_operators_take_each_step_once(play: Playground, other: OperatorProcess) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2")
        status = await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=120)
    entered = [line for line in play.decisions(status) if line.startswith(("Enter", "Promote"))]
    assert entered == ["Enter shadow 0", "Enter canary 20", "Enter full 100", "Promote full 0"]
    rising = [weights.get(play.hashes["2"], 0) for _, weights in play.players.routes]
    assert rising == sorted(rising)
    assert len(await play.told("Promoted")) == 1


async def test_two_operators_roll_back_once_and_for_good(play: Playground, other: OperatorProcess) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **BROAD)
        await play.until("the canary is in force", stage="canary", in_force=True)
        play.servers["2"].error_rate = 0.5
        status = await play.until("version 2 is rolled back", phase="RolledBack")
        since = len(play.players.routes)
        # Whatever the other one had in mind it has done by the time it rests.
        await play.until("it rests", waits="Harm")
        await asyncio.sleep(3)
        status = await play.status()
    assert [line for line in play.decisions(status) if line.startswith("RollBack")] == ["RollBack canary 0"]
    assert all(play.hashes["2"] not in weights for _, weights in play.players.routes[since:])
    assert await play.weights() == {"1": 100}


async def test_a_frozen_operator_that_wakes_up_does_not_take_the_next_step(
    play: Playground, other: OperatorProcess
) -> None:
    await play.serving("1")
    await play.apply("2", **SHORT)
    await play.until("the canary is in force", stage="canary", in_force=True)
    async with frozen(play) as stale:
        await play.apply("1")
        await play.until("the spec is reverted", phase="Succeeded", stable="1", applied=True, retired=())
        before = await play.rollout(), await play.route()

        async def refused() -> bool:
            try:
                await stale.reconciler.reconcile(play.key)
            except ConflictError:
                return True
            return False

        await eventually("what it decides is refused", refused)
        assert (await play.rollout(), await play.route()) == before
        assert await play.weights() == {"1": 100}


async def test_a_stale_cache_does_not_raise_what_another_lowered_in_between(
    play: Playground, other: OperatorProcess
) -> None:
    """It knows of the step and sees a route without it, as after a crash; the other was killed before its status."""
    play.servers["2"].ready = False
    await play.serving("1")
    await play.apply("2", **BROAD)
    await play.until("version 2 loads", waits="CandidateLoading")
    while (await play.status()).stage != "1/2 canary":
        other.set_trap("update ModelRollout")
        play.servers["2"].ready = True
        await other.died()
        if (await play.status()).stage != "1/2 canary":
            await other.start()
    assert await play.weights() == {"1": 100}, "the step is decided, and its route not written yet"
    async with frozen(play) as stale:
        await other.start()
        await play.until("the canary is in force", stage="canary", in_force=True)
        other.set_trap("patch HTTPRoute")
        play.servers["2"].error_rate = 0.5
        await other.died()
        assert await play.weights() == {"1": 100}
        with pytest.raises(ConflictError):
            await stale.reconciler.reconcile(play.key)
        assert await play.weights() == {"1": 100}
