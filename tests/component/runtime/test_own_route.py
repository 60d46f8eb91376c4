"""The whole loop over one rule of a route that somebody else owns, and keeps applying."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from modelrollout.api.names import FINALIZER
from modelrollout.engine import contest
from modelrollout.kube.resources import HTTP_ROUTE, MODEL_ROLLOUT, Object
from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

ROUTE = "shop"
REF = {"gatewayAPI": {"parentRefs": None, "httpRouteRef": {"name": ROUTE, "rule": "predict"}}, "settle": "1s"}
LONG = [{"name": "canary", "weight": 20, "duration": "60s"}, {"name": "full", "weight": 100}]
HEADERS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}}


def shop(**rule: Any) -> Object:
    """The owner's route as their repository has it."""
    predict = {"name": "predict", "filters": [HEADERS], "backendRefs": [{"name": "digits", "port": 80}]} | rule
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": {"name": ROUTE},
        "spec": {"parentRefs": [{"name": "gateway"}], "rules": [predict]},
    }


async def own(play: Playground, *options: str, **rule: Any) -> None:
    """Its owner applies it."""
    arguments = ["apply", "--filename", "-", *options]
    await asyncio.to_thread(play.kubectl, *arguments, stdin=json.dumps(shop(**rule)))


async def serving(play: Playground) -> Object:
    """Version 1 serves behind the owner's route; the spec of that route."""
    play.players.route_name = ROUTE
    await own(play)
    before: Object = (await play.route())["spec"]
    await play.apply("1", traffic=REF)
    await play.until("the first version serves", stable="1", phase="Succeeded", applied=True)
    return before


async def finalizers(play: Playground) -> list[str]:
    """Of the ModelRollout, live."""
    live = await play.client.get(MODEL_ROLLOUT, play.namespace, "digits")
    assert live is not None
    return list(live["metadata"].get("finalizers", ()))


@asynccontextmanager
async def repeating(play: Playground, *options: str) -> AsyncIterator[None]:
    """Somebody whose tool applies the route again whenever it is not as in the repository."""

    async def again() -> None:
        while True:
            if [entry["name"] for entry in (await play.route())["spec"]["rules"][0]["backendRefs"]] != ["digits"]:
                await own(play, *options)
            await asyncio.sleep(0.3)

    task = asyncio.create_task(again())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_rollout_over_the_owners_route_leaves_it_as_it_was(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        before = await serving(play)
        assert await finalizers(play) == []
        await play.apply("2", traffic=REF)
        await play.until("the canary is in force", stage="canary", in_force=True)
        assert await play.weights() == {"1": 80, "2": 20}
        assert await finalizers(play) == [FINALIZER]
        status = await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=120)

        async def rests() -> bool:
            return (await play.route())["spec"] == before and not await finalizers(play)

        await eventually("the route is as its owner wrote it", rests)
    entered = [line for line in play.decisions(status) if line.startswith(("Enter", "Promote"))]
    assert entered == ["Enter shadow 0", "Enter canary 20", "Enter full 100", "Promote full 0"]
    assert play.servers["2"].mirrored > 0
    assert all(reason != "DriftRestored" for reason, _ in await play.events())


async def test_deleted_in_a_step_the_route_is_given_back(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        before = await serving(play)
        await play.apply("2", traffic=REF, stages=LONG)
        await play.until("the canary is in force", stage="canary", in_force=True)
        await play.delete(MODEL_ROLLOUT, "digits")

        async def gone() -> bool:
            return await play.client.get(MODEL_ROLLOUT, play.namespace, "digits") is None

        await eventually("it is gone", gone)
    route = await play.route()
    assert route["spec"] == before
    assert not [name for name in route["metadata"]["annotations"] if name.startswith("modelrollout.io/")]


async def test_one_more_apply_is_restored_and_named(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await serving(play)
        await play.apply("2", traffic=REF, stages=LONG)
        await play.until("the canary is in force", stage="canary", in_force=True)
        await own(play)

        async def told() -> bool:
            return any(reason == "DriftRestored" and "kubectl" in note for reason, note in await play.events())

        await eventually("it is told who did it", told)
        assert await play.weights() == {"1": 80, "2": 20}


@pytest.mark.parametrize(
    ("options", "who"),
    [
        ((), "kubectl-client-side-apply"),
        (("--server-side", "--field-manager=argocd-controller", "--force-conflicts"), "argocd-controller"),
    ],
    ids=["client-side", "server-side"],
)
async def test_who_keeps_applying_holds_the_candidate_at_weight_0(
    play: Playground, options: tuple[str, ...], who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(play.server.kubeconfig, play.settings):
        before = await serving(play)
        await play.apply("2", traffic=REF, stages=LONG)
        await play.until("the canary begins", stage="canary")
        async with repeating(play, *options):
            status = await play.until("the route is contested", reason="RouteContested", phase="Suspended")
            assert status.attempt is not None
            assert status.attempt.contest is not None
            assert who in status.attempt.contest.by
            assert await play.weights() == {"stable": 1}
            await play.told("RouteContested", who)
            generation = (await play.route())["metadata"]["generation"]
            await asyncio.sleep(3)
            assert (await play.route())["metadata"]["generation"] == generation, "nobody fights any more"
        assert (await play.route())["spec"] == before
        monkeypatch.setattr(contest, "QUIET", contest.QUIET * 0)
        await play.apply("2", traffic=REF, stages=[LONG[0] | {"duration": "2s"}, LONG[1] | {"duration": "1s"}])
        await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=120)


async def test_a_rule_that_its_owner_points_elsewhere_holds_the_rollout(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await serving(play)
        await play.apply("2", traffic=REF, stages=LONG)
        await play.until("the canary is in force", stage="canary", in_force=True)
        await own(play, backendRefs=[{"name": "maintenance", "port": 80}])
        await play.until("it is told", waits="RouteRejected")
        assert [entry["name"] for entry in (await play.route())["spec"]["rules"][0]["backendRefs"]] == ["maintenance"]
        await own(play)
        await play.until("it goes on", waits="Gathering", applied=True)
        assert await play.weights() == {"1": 80, "2": 20}
