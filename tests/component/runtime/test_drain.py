"""A version that has lost its traffic keeps its pods, however late the gateway hears of it."""

from __future__ import annotations

import asyncio

import pytest

from modelrollout.engine.revisions import object_name
from modelrollout.kube.resources import DEPLOYMENT
from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

BROAD = {"stages": [{"name": "canary", "weight": 20, "duration": "60s"}, {"name": "full", "weight": 100}]}


async def replicas(play: Playground, version: str) -> int:
    found = await play.client.get(DEPLOYMENT, play.namespace, object_name("digits", play.hashes[version]))
    assert found is not None
    count: int = found["spec"]["replicas"]
    return count


async def test_its_pods_stay_while_the_gateway_goes_by_an_older_route(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **BROAD)
        await play.until("the canary is in force", stage="canary", in_force=True)
        play.players.gateway_answers = False
        await play.apply("1")
        status = await play.until("the way back is written", phase="Succeeded", stable="1", applied=False)
        assert await play.weights() == {"1": 100}
        (entry,) = status.retired
        assert entry.gone_at is None

        await asyncio.sleep(3)
        assert (await play.status()).retired == status.retired, "three times the drain, and nothing written"
        assert await replicas(play, "2") == 1

    # Another operator process, which knows only what is stored.
    async with running(play.server.kubeconfig, play.settings):
        await asyncio.sleep(2)
        assert await replicas(play, "2") == 1
        play.players.gateway_answers = True

        async def gone() -> bool:
            return await replicas(play, "2") == 0

        await eventually("the pods stop", gone)
        await play.until("the drain is over", applied=True, retired=())
