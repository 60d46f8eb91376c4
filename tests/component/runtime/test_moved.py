"""The Gateway, or the Prometheus, is another one in the middle of a step."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from modelrollout.api.status import StepStatus
from modelrollout.kube.resources import GATEWAY
from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.prometheus import RealPrometheus

pytestmark = pytest.mark.component

LONG: list[dict[str, object]] = [{"name": "canary", "weight": 20, "duration": "60s"}, {"name": "full", "weight": 100}]
LASTING = timedelta(seconds=8)
SHORT: list[dict[str, object]] = [
    {"name": "canary", "weight": 20, "duration": "8s"},
    {"name": "full", "weight": 100, "duration": "1s"},
]
ELSEWHERE = {"gatewayAPI": {"parentRefs": [{"name": "second"}]}, "settle": "1s"}


async def step(play: Playground) -> StepStatus:
    attempt = (await play.status()).attempt
    assert attempt is not None
    assert attempt.step is not None
    return attempt.step


async def in_the_canary(play: Playground, stages: list[dict[str, object]] | None = None) -> None:
    await play.serving("1")
    await play.apply("2", stages=stages or LONG)
    await play.until("the canary is in force", stage="canary", in_force=True)


async def test_another_gateway_has_to_accept_before_the_step_counts(play: Playground) -> None:
    listeners = [{"name": "web", "port": 80, "protocol": "HTTP"}]
    content = {"gatewayClassName": f"class-{play.namespace}", "listeners": listeners}
    await play.make(GATEWAY, "second", spec=content)
    async with running(play.server.kubeconfig, play.settings):
        await in_the_canary(play)
        before = await step(play)
        play.players.gateway_answers = False
        await play.apply("2", stages=LONG, traffic=ELSEWHERE)
        await play.until("it waits for the new one", waits="RoutePending", in_force=False)
        after = await step(play)
        assert (after.number, after.weight) == (before.number + 1, 20)
        assert [ref["name"] for ref in (await play.route())["spec"]["parentRefs"]] == ["second"]
        assert await play.weights() == {"1": 80, "2": 20}
        play.players.gateway_answers = True
        await play.until("the canary is in force again", stage="canary", in_force=True)
    assert {weights.get(play.hashes["2"], 0) for _, weights in play.players.routes} == {0, 20}


async def test_a_gateway_that_does_not_exist_moves_nothing(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await in_the_canary(play)
        before = await play.route()
        await play.apply("2", stages=LONG, traffic={"gatewayAPI": {"parentRefs": [{"name": "nowhere"}]}})
        await play.until("it is told", reason="InvalidSpec")
        assert (await play.route())["spec"] == before["spec"]


async def test_what_another_prometheus_has_counted_does_not_count(
    play: Playground, prometheus_binary: Path, tmp_path: Path
) -> None:
    second = RealPrometheus(prometheus_binary, tmp_path / "second", scrape_seconds=0.25)
    for version, revision in play.hashes.items():
        pod = f"digits-{revision}-0"
        address = play.servers[version].exporter.address
        second.set_target(pod, address, {"namespace": play.namespace, "pod": pod})
    async with running(play.server.kubeconfig, play.settings):
        await asyncio.to_thread(second.start)
        try:
            await in_the_canary(play, SHORT)
            await play.apply("2", stages=SHORT, prometheus={"url": second.url})
            status = await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=120)
        finally:
            await asyncio.to_thread(second.stop)
    entered = [entry for entry in status.log if entry.action == "Enter"]
    assert [(entry.stage, entry.weight) for entry in entered] == [("canary", 20), ("canary", 20), ("full", 100)]
    assert entered[1].reason == "PrometheusEdited"
    assert entered[2].at - entered[1].at >= LASTING, "what was counted before does not count"
