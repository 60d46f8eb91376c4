"""Blue and green: shown to smoke tests, then all at once, against the real API server and a real Prometheus."""

from __future__ import annotations

import pytest

from modelrollout.kube.resources import HTTP_ROUTE, SERVICE
from tests.support.operators import running
from tests.support.playground import QUICK, Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

NAME = "digits-preview"
STAGES = [
    {"name": "preview", "preview": {"hostnames": ["preview.example.com"]}, "duration": "5s"},
    {"name": "full", "weight": 100, "duration": "2s"},
]
BLUE_GREEN = {"stages": STAGES, "metrics": [QUICK["metrics"][0] | {"stages": ["full"]}]}


async def test_what_shows_a_candidate_is_there_for_the_stage_and_gone_after_it(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **BLUE_GREEN)
        await play.until("it is shown", stage="preview", in_force=True)
        route = await play.client.get(HTTP_ROUTE, play.namespace, NAME)
        service = await play.client.get(SERVICE, play.namespace, NAME)
        assert route is not None
        assert service is not None
        assert route["spec"]["hostnames"] == ["preview.example.com"]
        assert [entry["name"] for entry in route["spec"]["rules"][0]["backendRefs"]] == [f"digits-{play.hashes['2']}"]
        assert service["spec"]["selector"]["modelrollout.io/revision"] == play.hashes["2"]
        assert await play.weights() == {"1": 100}

        await play.delete(HTTP_ROUTE, NAME)

        async def is_back() -> bool:
            found = await play.client.get(HTTP_ROUTE, play.namespace, NAME)
            return found is not None and found["metadata"]["uid"] != route["metadata"]["uid"]

        await eventually("the route is restored", is_back)
        await play.until("version 2 is stable", stable="2", applied=True)

        async def are_gone() -> bool:
            left = [await play.client.get(kind, play.namespace, NAME) for kind in (HTTP_ROUTE, SERVICE)]
            return left == [None, None]

        await eventually("nothing of the preview is left", are_gone)
        assert play.servers["2"].answered > 0
        assert [weights for _, weights in play.players.routes][-1] == {play.hashes["2"]: 100}


async def test_a_name_that_is_taken_is_told_before_anything_begins(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.make(SERVICE, NAME, spec={"ports": [{"port": 80}]})
        await play.apply("2", **BLUE_GREEN)
        status = await play.until("it is refused", reason="NameTaken")
        assert NAME in (status.verdict or "")
        assert await play.weights() == {"1": 100}
