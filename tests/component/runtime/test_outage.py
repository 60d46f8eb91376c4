"""The API server goes away in the middle of a canary, and comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

BROAD = {"stages": [{"name": "canary", "weight": 20, "duration": "60s"}, {"name": "full", "weight": 100}]}


@pytest.fixture
async def proxy(play: Playground) -> AsyncIterator[Proxy]:
    """Between the operator and the API server; the players have a way of their own."""
    made = Proxy(play.server)
    await made.open()
    yield made
    await made.cut()


async def test_harm_that_falls_while_the_api_server_is_away_acts_as_soon_as_it_is_back(
    play: Playground, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubeconfig = proxy.kubeconfig(play.directory)
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    async with running(kubeconfig, play.settings) as operator:
        await play.serving("1")
        await play.apply("2", **BROAD)
        await play.until("the canary is in force", stage="canary", in_force=True)
        await proxy.cut()
        play.servers["2"].error_rate = 0.5
        failed = operator.app.telemetry.api_requests.labels("patch", "httproutes.gateway.networking.k8s.io", "error")

        async def refused() -> bool:
            return bool(failed._value.get() >= 3)

        await eventually("it tries to take the traffic away, again and again", refused)
        assert await play.weights() == {"1": 80, "2": 20}
        await proxy.open()
        status = await play.until("version 2 is rolled back", phase="RolledBack")
        assert status.failed is not None
        assert status.failed.reason == "Harm"
        assert await play.weights() == {"1": 100}
        # Its watches are alive: a change by the user is seen.
        play.servers["3"].ready = False
        await play.apply("3", **BROAD)
        await play.until("version 3 begins", candidate="3")
