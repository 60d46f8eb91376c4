"""The operator killed between two writes: what it left is taken up, and nothing is skipped, repeated or raised."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from modelrollout.api.status import ModelRolloutStatus
from tests.support.operators import OperatorProcess
from tests.support.playground import Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

WHOLE = ["Enter shadow 0", "Enter canary 20", "Enter full 100", "Promote full 0"]
"""What is entered on the way of a good version, whatever happens to the operator."""
BROAD = {"stages": [{"name": "canary", "weight": 20, "duration": "60s"}, {"name": "full", "weight": 100}]}


@pytest.fixture
async def operator(play: Playground) -> AsyncIterator[OperatorProcess]:
    """In a process of its own, not started yet."""
    process = OperatorProcess(play.server.kubeconfig, play.settings, play.directory / "trap")
    yield process
    await process.end()


def entered(play: Playground, status: ModelRolloutStatus) -> list[str]:
    return [line for line in play.decisions(status) if line.startswith(("Enter", "Promote"))]


def raised(routes: list[dict[str, int]], revision: str) -> bool:
    """Whether a revision's weight rose from one route to the next."""
    weights = [route.get(revision, 0) for route in routes]
    return any(later > earlier for earlier, later in itertools.pairwise(weights))


async def test_killed_between_the_weight_0_and_its_status_no_weight_comes_back(
    play: Playground, operator: OperatorProcess
) -> None:
    """Even with Prometheus away after the restart: the route carries the decision."""
    await operator.start()
    await play.serving("1")
    await play.apply("2", **BROAD)
    await play.until("the canary is in force", stage="canary", in_force=True)
    operator.set_trap("patch HTTPRoute")
    play.servers["2"].error_rate = 0.5
    await operator.died()
    assert await play.weights() == {"1": 100}
    left = await play.status()
    assert left.phase == "Progressing", "the status write did not happen"
    await asyncio.to_thread(play.prometheus.stop)
    since = len(play.players.routes) - 1
    await operator.start()
    status = await play.until("the rollback is taken up", phase="RolledBack")
    assert status.failed is not None
    assert status.failed.reason == "Harm"
    assert "error-rate" in status.failed.message
    assert [line for line in play.decisions(status) if line.startswith("RollBack")] == ["RollBack canary 0"]

    async def told() -> bool:
        return "RolledBack" in [reason for reason, _ in await play.events()]

    await eventually("the rollback is told, although its author was killed before", told)
    assert not raised([weights for _, weights in play.players.routes[since:]], play.hashes["2"])


async def test_killed_between_a_status_and_the_raise_that_it_tells_of_the_step_is_entered_once(
    play: Playground, operator: OperatorProcess
) -> None:
    await operator.start()
    await play.serving("1")
    await play.apply("2")
    await play.until("the shadow is in force", stage="shadow", in_force=True)
    # In a step each look writes status at a change of outcome only: the next such writes lead to the canary.
    while (await play.status()).stage != "2/3 canary":
        operator.set_trap("update ModelRollout")
        await operator.died()
        left = await play.status()
        if left.attempt is not None and left.attempt.step is not None and left.attempt.step.stage == "canary":
            assert await play.weights() == {"1": 100}, "the route write did not happen"
        await operator.start()
    status = await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=120)
    assert entered(play, status) == WHOLE
    assert await play.weights() == {"2": 100}


@pytest.mark.parametrize("write", ["patch HTTPRoute", "patch Service", "create Event"])
async def test_killed_again_and_again_the_rollout_ends_the_same(
    play: Playground, operator: OperatorProcess, write: str
) -> None:
    await operator.start()
    await play.serving("1")
    await play.apply("2")
    for _ in range(3):
        operator.set_trap(write)
        if await operator.died_unless(play.is_promoted_to("2")):
            await operator.start()
    status = await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=120)
    assert entered(play, status) == WHOLE
    assert await play.weights() == {"2": 100}
