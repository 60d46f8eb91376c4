"""What costs nothing costs nothing: a rollout at rest, and numbers that move."""

from __future__ import annotations

import asyncio
import re

import pytest

from modelrollout.runtime.record import QUIET
from tests.support.operators import Operator, running
from tests.support.playground import Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

BROAD = {"stages": [{"name": "canary", "weight": 20, "duration": "90s"}, {"name": "full", "weight": 100}]}
WATCHED_SECONDS = 10
KINDS = ("modelrollouts", "httproutes", "deployments", "controllerrevisions", "services", "endpointslices", "gateways")


def served(metrics: str) -> float:
    """Requests for our kinds that the API server says it has served, but for watches."""
    total = 0.0
    for labels, value in re.findall(r"^apiserver_request_total\{(.*)\} (\S+)$", metrics, re.MULTILINE):
        found = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if found["resource"] in KINDS and found["verb"] != "WATCH":
            total += float(value)
    return total


async def last_served(play: Playground) -> float:
    """What has been served once the players' last requests, which nobody waits for any more, have been, too."""

    async def count() -> float:
        return served(await asyncio.to_thread(play.kubectl, "get", "--raw", "/metrics"))

    async def stable() -> float | None:
        before = await count()
        await asyncio.sleep(1)
        return before if await count() == before else None

    return await eventually("nobody asks any more", stable)


async def settled(operator: Operator, play: Playground) -> None:
    """Wait until nothing is planned any more."""
    await play.until("it rests", waits="Serving")

    async def quiet() -> bool:
        before = len(operator.requests)
        await asyncio.sleep(2)
        return len(operator.requests) == before

    await eventually("the operator is quiet", quiet)


async def test_a_rollout_at_rest_costs_no_request_at_all(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings) as operator:
        await play.serving("1")
        await play.apply("2", rollbackWindow="1s")
        await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=90)
        await settled(operator, play)
        # Only the operator is left: the players ask the API server too.
        await play.stop_players()
        counted = await last_served(play)
        before, asked = len(operator.requests), operator.app.telemetry.exposition().decode()
        await asyncio.sleep(WATCHED_SECONDS)
        assert operator.requests[before:] == []
        assert served(await asyncio.to_thread(play.kubectl, "get", "--raw", "/metrics")) == counted
        now = operator.app.telemetry.exposition().decode()
        pattern = r"^modelrollout_(?:prometheus_requests|reconciles)_total.*$"
        assert re.findall(pattern, now, re.MULTILINE) == re.findall(pattern, asked, re.MULTILINE)


async def test_while_only_numbers_move_status_is_written_every_15_seconds_at_most(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings) as operator:
        await play.serving("1")
        await play.apply("2", **BROAD)
        await play.until("the canary passes", stage="canary", waits="Passing")
        first = len(operator.writes())
        looked = operator.app.telemetry.reconciles.labels("ok")

        async def written() -> bool:
            return len(operator.writes()) >= first + 2

        began, looks = asyncio.get_running_loop().time(), looked._value.get()
        await eventually("status is written twice", written, 60)
        seconds = asyncio.get_running_loop().time() - began
        made = operator.writes()[first : first + 2]
    assert [(each.verb, each.resource.kind) for each in made] == [("update", "ModelRollout")] * 2
    assert seconds > QUIET.total_seconds() - 1, "two writes are about fifteen seconds apart"
    assert looked._value.get() - looks > 10, "it looked all the time"
