"""Presets on servers that run: each is found by its own series, and its errors are counted exactly."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from modelrollout.api.metrics import Metric
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.engine.presets import Found
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from modelrollout.metrics.ticks import Grid
from modelrollout.runtime.counting import counted_of
from modelrollout.runtime.presets import Presets
from modelrollout.runtime.settings import Settings
from tests.support.prometheus import RealPrometheus
from tests.support.scenes import NOW, STABLE, loading, raw_spec
from tests.support.servers import BAD, GOOD, SERVERS, SLOW, Running, running
from tests.support.waiting import eventually

pytestmark = pytest.mark.servers

SCRAPE_SECONDS = 0.5
READY_SECONDS = 300.0
WARM = 30
ANSWERED: Final = {"good": 40, "bad": 5, "refused": 3, "slow": 4}
COUNTS_REFUSED: Final = {"mlserver", "bentoml"}
"""Servers whose total has what their parser refuses; none has it among the errors."""


@pytest.fixture(params=SERVERS, ids=lambda server: server.name)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    with running(request.param, tmp_path / "server") as one:
        yield one


@pytest.fixture
def scraper(prometheus_binary: Path, tmp_path: Path, server: Running) -> Iterator[RealPrometheus]:
    """Scrapes the server as a pod of the stable version."""
    one = RealPrometheus(prometheus_binary, tmp_path / "prometheus", scrape_seconds=SCRAPE_SECONDS)
    pod = f"digits-{STABLE.hash}-1"
    one.set_target(pod, server.metrics, {"namespace": "demo", "pod": pod})
    with one:
        yield one


async def test_it_is_found_and_its_failures_are_counted_and_nobody_elses(
    server: Running, scraper: RealPrometheus
) -> None:
    async def answers() -> bool:
        return await asyncio.to_thread(server.ask, GOOD) == 200

    await eventually(f"{server.server.name} answers", answers, READY_SECONDS)
    # The first answers are slow, and one in ten at most may be: the edge of latency is chosen by these.
    for _ in range(WARM):
        assert await answers()
    settings = PrometheusSettings(scraper.url, shortest_scrape=SCRAPE_SECONDS)
    async with PrometheusProvider(settings) as provider:
        begun = await _now(provider)
        await eventually("it is scraped", lambda: _is_later(provider, begun + 4 * SCRAPE_SECONDS))
        found = await _found(provider)
        assert found.preset is not None
        assert found.preset.value == server.server.name
        errors = _metric(found, "errors")
        assert _metric(found, "latency")
        since = await _now(provider)
        # Prometheus has seen the counters as they were: from here on, differences count.
        await eventually("it is scraped again", lambda: _is_later(provider, since + 4 * SCRAPE_SECONDS))
        await asyncio.to_thread(_drive, server)
        end = await _now(provider)
        await eventually("it is scraped again", lambda: _is_later(provider, end + 4 * SCRAPE_SECONDS))
        events, total = await _counted(provider, errors, since)
        refused = ANSWERED["refused"] if server.server.name in COUNTS_REFUSED else 0
        assert events == ANSWERED["bad"]
        assert total == sum(ANSWERED.values()) - ANSWERED["refused"] + refused
        latency = _metric(found, "latency")
        if counted_of(latency) is not None:
            slow, timed = await _counted(provider, latency, since)
            assert ANSWERED["slow"] <= slow < timed


def _drive(server: Running) -> None:
    for _ in range(ANSWERED["good"]):
        assert server.ask(GOOD) == 200
    for _ in range(ANSWERED["slow"]):
        assert server.ask(SLOW) == 200
    for _ in range(ANSWERED["bad"]):
        assert server.ask(BAD) == 500
    for _ in range(ANSWERED["refused"]):
        assert server.send("{bad") != 200


def _metric(found: Found, name: str) -> Metric:
    return next(metric for metric in found.metrics if metric.name == name)


async def _now(provider: PrometheusProvider) -> float:
    clock = await provider.now()
    assert isinstance(clock, float)
    return clock


async def _is_later(provider: PrometheusProvider, than: float) -> bool:
    return await _now(provider) > than


async def _found(provider: PrometheusProvider) -> Found:
    look = Presets(provider, Settings(scrape_interval=timedelta(seconds=1)))

    async def ask() -> Found | None:
        found, _ = await look.find(_rollout(), NOW)
        return found if found.preset is not None else None

    return await eventually("the server is found by its series", ask)


def _rollout() -> ModelRollout:
    return replace(loading(2, raw_spec(metrics=[])).rollout, key=Key("demo", "digits"))


async def _counted(provider: PrometheusProvider, metric: Metric, since: float) -> tuple[int, int]:
    """Events and total of the stable version's pod, as the operator counts them."""
    counted = counted_of(metric)
    assert counted is not None
    grid = Grid(round(2 * SCRAPE_SECONDS * 1000), 0)
    rules = CounterRules(grid, since, Scope("demo", "digits"), STABLE.hash, None, counted.marks)
    request = CounterRequest(
        uid="uid",
        metric=metric.name,
        total=counted.total,
        marked=counted.marked,
        rules=rules,
        cursor=since,
        now=await _now(provider),
    )
    reading = await CounterReader(provider, SCRAPE_SECONDS).read(request)
    assert isinstance(reading, CounterReading)
    ticks = [tick.candidate for tick in (*reading.final, *reading.provisional) if tick.candidate is not None]
    return sum(counts.events for counts in ticks), sum(counts.total for counts in ticks)
