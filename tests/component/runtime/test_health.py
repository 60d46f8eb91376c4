"""What the kubelet is told, over real HTTP on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from modelrollout.runtime.health import Health
from modelrollout.runtime.telemetry import Telemetry

pytestmark = pytest.mark.component


@dataclass
class Clock:
    now: float = 0.0


@dataclass
class Probe:
    health: Health
    session: aiohttp.ClientSession
    url: str
    clock: Clock

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"{self.url}{path}") as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def probe() -> AsyncIterator[Probe]:
    clock = Clock()
    health = Health(Telemetry(), lambda: clock.now)
    runner = await health.serve(0)
    # Each address family has a free port of its own.
    port = next(address[1] for address in runner.addresses if address[0] == "0.0.0.0")  # noqa: S104 - where it listens
    async with aiohttp.ClientSession() as session:
        yield Probe(health, session, f"http://127.0.0.1:{port}", clock)
    await runner.cleanup()


async def test_ready_once_the_caches_are_full(probe: Probe) -> None:
    assert await probe.get("/readyz") == (503, "caches are being filled")
    probe.health.ready()
    assert await probe.get("/readyz") == (200, "ok")


async def test_live_as_long_as_the_event_loop_turns(probe: Probe) -> None:
    assert await probe.get("/livez") == (200, "ok")
    probe.clock.now = 11.0
    assert await probe.get("/livez") == (500, "the event loop has not turned for 11 s")
    beating = asyncio.create_task(probe.health.run_heartbeat())
    await asyncio.sleep(0)
    assert await probe.get("/livez") == (200, "ok")
    beating.cancel()


async def test_not_live_when_a_part_has_ended(probe: Probe) -> None:
    probe.health.fail("worker-1 has ended")
    assert await probe.get("/livez") == (500, "worker-1 has ended")


async def test_metrics_are_in_prometheus_own_format(probe: Probe) -> None:
    status, text = await probe.get("/metrics")
    assert status == 200
    assert "# TYPE modelrollout_queue_depth gauge" in text
