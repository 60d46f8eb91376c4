"""Two operators and one Lease: the one that acts is killed, told to end, frozen, cut off. The other goes on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from modelrollout.api.status import ModelRolloutStatus
from modelrollout.kube.election import Timing
from modelrollout.kube.lease import record_of
from modelrollout.kube.resources import LEASE
from tests.support.operators import LEASE as SHORT
from tests.support.operators import OperatorProcess
from tests.support.playground import Playground
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

NAME = "modelrollout"
PATIENCE = 120.0
"""Seconds: a machine that is busy takes half a minute to start a process."""
WHOLE = ["Enter shadow 0", "Enter canary 20", "Enter full 100", "Promote full 0"]
STAGES = [
    {"name": "shadow", "shadow": {"percent": 50}, "duration": "4s"},
    {"name": "canary", "weight": 20, "duration": "4s"},
    {"name": "full", "weight": 100, "duration": "4s"},
]
BROAD = {"stages": [{"name": "canary", "weight": 20, "duration": "60s"}, {"name": "full", "weight": 100}]}


@dataclass
class Pair:
    """Two of them, which agree in the playground's namespace."""

    play: Playground
    kubeconfig: Path
    timing: Timing
    started: list[OperatorProcess]

    async def start(self, name: str) -> OperatorProcess:
        """Start one, and wait until it leads, stands by, or finds nobody to ask."""
        settings = replace(self.play.settings, lease_namespace=self.play.namespace, lease=self.timing)
        one = OperatorProcess(self.kubeconfig, settings, self.play.directory / name)
        self.started.append(one)
        await one.start()

        async def ready() -> bool:
            waits = "standing by" in one.log or "waiting for the API server" in one.log
            return waits or await self.leads(one)

        await eventually(f"{name} is ready", ready, PATIENCE)
        return one

    async def start_both(self) -> tuple[OperatorProcess, OperatorProcess]:
        """The first one leads."""
        one = await self.start("one")
        return one, await self.start("two")

    async def leads(self, one: OperatorProcess) -> bool:
        """Whether the Lease names it."""
        found = await self.play.client.get(LEASE, self.play.namespace, NAME)
        return found is not None and record_of(found).holder.startswith(f"{one.name}_")

    async def until_leads(self, one: OperatorProcess) -> None:
        """Wait until the Lease names it."""

        async def ask() -> bool:
            return await self.leads(one)

        await eventually(f"{one.name} leads", ask, PATIENCE)


@pytest.fixture
async def pair(play: Playground) -> AsyncIterator[Pair]:
    """None of the two is started yet."""
    made = Pair(play, play.server.kubeconfig, SHORT, [])
    yield made
    for each in made.started:
        await each.end()


def entered(play: Playground, status: ModelRolloutStatus) -> list[str]:
    return [line for line in play.decisions(status) if line.startswith(("Enter", "Promote"))]


def raised(play: Playground, version: str, since: int) -> bool:
    """Whether a version's weight rose from one route to the next."""
    weights = [route.get(play.hashes[version], 0) for _, route in play.players.routes[since:]]
    return any(later > earlier for earlier, later in itertools.pairwise(weights))


async def assert_lost(one: OperatorProcess) -> None:
    """It has ended by itself, because it may not write any more."""
    assert await one.ended() == 1, one.log[-3000:]
    assert "LeaseLost" in one.log


@pytest.mark.parametrize("way", ["kill", "freeze"])
async def test_the_leader_is_lost_in_each_kind_of_step_and_the_other_goes_on(
    play: Playground, pair: Pair, way: str
) -> None:
    leader, other = await pair.start_both()
    await play.serving("1")
    await play.apply("2", stages=STAGES)
    for number, stage in enumerate(("shadow", "canary", "full")):
        await play.until(f"{stage} is in force", stage=stage, in_force=True)
        if way == "kill":
            leader.kill()
            await pair.until_leads(other)
            assert await leader.ended() < 0
        else:
            leader.freeze()
            await pair.until_leads(other)
            leader.thaw()
            await assert_lost(leader)
        leader, other = other, await pair.start(f"successor-{number}")
    status = await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=120)
    assert entered(play, status) == WHOLE
    assert await play.weights() == {"2": 100}


async def test_told_to_end_it_hands_over(play: Playground, pair: Pair) -> None:
    """Long before the Lease would run out."""
    pair.timing = Timing(duration=600, deadline=400, retry=0.5)
    one, two = await pair.start_both()
    await play.serving("1")
    await play.apply("2", stages=STAGES)
    await play.until("the canary is in force", stage="canary", in_force=True)
    one.tell_to_end()
    await pair.until_leads(two)
    assert await one.ended() == 0, one.log[-3000:]
    status = await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=120)
    assert entered(play, status) == WHOLE


@pytest.mark.parametrize(
    "request_made",
    [
        pytest.param("get ModelRollout", id="after it has looked whether the ModelRollout is the one decided on"),
        pytest.param("get HTTPRoute", id="between the look at the route and the raise"),
    ],
)
async def test_frozen_before_a_raise_it_raises_nothing_when_it_wakes_up(
    play: Playground, pair: Pair, request_made: str
) -> None:
    one, two = await pair.start_both()
    await play.serving("1")
    one.set_trap(request_made, "freeze")
    await play.apply("2", **BROAD)
    await one.froze()
    assert await play.weights() == {"1": 100}, "the raise did not happen"
    await pair.until_leads(two)
    await play.until("the other enters the canary", stage="canary", in_force=True)
    play.servers["2"].error_rate = 0.5
    await play.until("and rolls it back", phase="RolledBack")
    since = len(play.players.routes) - 1
    one.thaw()
    await assert_lost(one)
    assert await play.weights() == {"1": 100}
    assert not raised(play, "2", since)
    status = await play.status()
    assert play.decisions(status).count("RollBack canary 0") == 1


async def test_frozen_between_a_lowering_and_its_status_the_decision_is_taken_over(
    play: Playground, pair: Pair
) -> None:
    """Even with Prometheus away: the route tells what was decided."""
    one, two = await pair.start_both()
    await play.serving("1")
    await play.apply("2", **BROAD)
    await play.until("the canary is in force", stage="canary", in_force=True)
    one.set_trap("patch HTTPRoute", "freeze")
    play.servers["2"].error_rate = 0.5
    await one.froze()
    since = len(play.players.routes) - 1
    assert (await play.status()).phase == "Progressing", "the status write did not happen"
    await asyncio.to_thread(play.prometheus.stop)
    await pair.until_leads(two)
    status = await play.until("the rollback is taken over", phase="RolledBack")
    assert status.failed is not None
    assert status.failed.reason == "Harm"
    one.thaw()
    await assert_lost(one)
    assert [line for line in play.decisions(await play.status()) if line.startswith("RollBack")] == [
        "RollBack canary 0"
    ]
    assert not raised(play, "2", since)


async def test_cut_off_for_longer_than_the_lease_it_ends_and_they_come_back(
    play: Playground, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(play.server)
    await proxy.open()
    pair.kubeconfig = proxy.kubeconfig(play.directory)
    monkeypatch.setenv("KUBECONFIG", str(pair.kubeconfig))
    one, two = await pair.start_both()
    await play.serving("1")
    await play.apply("2", **BROAD)
    await play.until("the canary is in force", stage="canary", in_force=True)
    await proxy.cut()
    await assert_lost(one)
    successor = await pair.start("successor")
    play.servers["2"].error_rate = 0.5
    assert await play.weights() == {"1": 80, "2": 20}
    await proxy.open()

    async def either_leads() -> bool:
        return await pair.leads(two) or await pair.leads(successor)

    await eventually("one of them leads", either_leads, PATIENCE)
    status = await play.until("version 2 is rolled back", phase="RolledBack")
    assert status.failed is not None
    assert status.failed.reason == "Harm"
    await proxy.cut()
