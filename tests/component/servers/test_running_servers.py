"""Presets on servers that run: each is found by its own series, which are those that were recorded, and its failures
and latency are counted exactly."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from modelrollout.api.metrics import Metric
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.engine.presets import Found
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.expansion import names_of
from modelrollout.metrics.preset_files import presets
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from modelrollout.metrics.ticks import Grid
from modelrollout.runtime.counting import Counted, counted_of
from modelrollout.runtime.presets import Presets
from modelrollout.runtime.settings import Settings
from tests.support.expositions import parsed, text_of
from tests.support.prometheus import RealPrometheus
from tests.support.scenes import NOW, STABLE, loading, raw_spec
from tests.support.servers import BAD, BROKEN, GOOD, SERVERS, SLOW, Running, running
from tests.support.waiting import eventually

pytestmark = pytest.mark.servers

SCRAPE_SECONDS = 0.5
READY_SECONDS = 300.0
WARM = 30
GOODS, SLOWS, BADS, REFUSED, UNKNOWN, PROBES = 40, 4, 5, 3, 2, 6
"""How many requests of each kind are sent: the model answers at once or late, or fails; the server does not understand
it, or does not know where it goes; a kubelet asks."""
COUNTS: Final = {"mlserver": REFUSED + UNKNOWN, "bentoml": REFUSED, "kserve": 0, "triton": 0}
"""How many of those that never get to the model are among all requests, and not among the errors."""
CLOSES: Final = {"mlserver"}
"""Servers that close the connection after each failure without a word, whatever the model does."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the operator has counted of one metric: marked things or an amount, and all things."""

    marked: float
    total: int


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(request.param, tmp_path_factory.mktemp(request.param.name), READY_SECONDS) as one:
        # The first answers are slow, and one in ten at most may be: the edge of latency is chosen by these.
        assert {one.ask(GOOD) for _ in range(WARM)} == {200}
        yield one


@pytest.fixture
def scraper(prometheus_binary: Path, tmp_path: Path, server: Running) -> Iterator[RealPrometheus]:
    """Scrapes the server as a pod of the stable version."""
    one = RealPrometheus(prometheus_binary, tmp_path / "prometheus", scrape_seconds=SCRAPE_SECONDS)
    pod = f"digits-{STABLE.hash}-1"
    one.set_target(pod, server.metrics, {"namespace": "demo", "pod": pod})
    with one:
        yield one


@pytest.fixture
async def provider(scraper: RealPrometheus) -> AsyncIterator[PrometheusProvider]:
    async with PrometheusProvider(PrometheusSettings(scraper.url, shortest_scrape=SCRAPE_SECONDS)) as one:
        yield one


async def test_it_is_found_and_what_the_model_does_is_counted(server: Running, provider: PrometheusProvider) -> None:
    name = server.server.name
    await _scraped(provider)
    found = await _found(provider)
    assert found.preset is not None
    assert found.preset.value == name
    since = await _now(provider)
    # Prometheus has seen the counters as they were: from here on, differences count.
    await _scraped(provider)
    await asyncio.to_thread(_drive, server)
    await _scraped(provider)

    answered = GOODS + SLOWS
    errors = await _counted(provider, _metric(found, "errors"), since)
    assert errors == Counts(BADS, answered + BADS + COUNTS[name])
    latency = _metric(found, "latency")
    timed = await _counted(provider, latency, since)
    # KServe times failures too.
    assert timed.total == (answered + BADS if name == "kserve" else answered)
    if latency.mean is None:
        assert SLOWS <= timed.marked <= timed.total
    else:
        assert timed.marked * latency.mean.factor >= SLOWS * SLOW
    for metric in found.metrics:
        if metric.name == "rejected-input":
            refused = await _counted(provider, metric, since)
            assert refused.total == errors.total
            # KServe's parser refuses without counting, and the one request that is under way may look refused.
            assert refused.marked in ((0, 1) if name == "kserve" else (COUNTS[name],))
        if metric.name == "rows-per-request":
            assert await _counted(provider, metric, since) == Counts(answered, answered)
        if metric.name == "rejected":
            assert await _counted(provider, metric, since) == Counts(0, errors.total)


def test_its_series_are_those_that_were_recorded(server: Running) -> None:
    """Names, labels and edges of all that the preset reads."""
    _drive(server, 1)
    one = next(preset for preset in presets() if preset.name.value == server.server.name)
    wanted = re.compile(names_of([one]))
    assert _shape(server.exposition(), wanted) == _shape(text_of(one.name.value), wanted)


def test_what_follows_a_failure_on_its_connection(server: Running) -> None:
    """Behind a gateway that is somebody else's request, which no metric of the server has."""
    assert server.ask(BAD, GOOD) == (None if server.server.name in CLOSES else 200)
    if server.server.name == "kserve":
        assert server.ask(BROKEN, GOOD) is None


def _drive(server: Running, most: int = GOODS) -> None:
    """Send all kinds of requests, and not more than so many of each."""
    for _ in range(min(GOODS, most)):
        assert server.ask(GOOD) == 200
    for _ in range(min(SLOWS, most)):
        assert server.ask(SLOW) == 200
    for _ in range(min(BADS, most)):
        assert server.ask(BAD) == 500
    for _ in range(min(REFUSED, most)):
        assert server.send("{bad") not in (200, None)
    for _ in range(min(UNKNOWN, most)):
        assert server.send(server.body(GOOD), server.server.unknown) not in (200, None)
    for _ in range(min(PROBES, most)):
        assert server.probe() == 200


def _shape(text: str, wanted: re.Pattern[str]) -> dict[str, set[frozenset[str]]]:
    """By name of the series its labels, each with its value where that is an edge."""
    found: dict[str, set[frozenset[str]]] = defaultdict(set)
    for series in parsed(text):
        name = series.labels["__name__"]
        if wanted.fullmatch(name):
            found[name].add(frozenset(f"{key}={value}" if key == "le" else key for key, value in series.labels.items()))
    return dict(found)


def _metric(found: Found, name: str) -> Metric:
    return next(metric for metric in found.metrics if metric.name == name)


async def _scraped(provider: PrometheusProvider) -> None:
    """Whatever has happened is scraped: twice, for a server may count what it answers after it has answered."""
    end = await _now(provider)

    async def seen() -> bool:
        now = await _now(provider)
        series = await provider.raw('up{namespace="demo"}', now, now - end)
        assert isinstance(series, tuple)
        return sum(1 for one in series for at, value in one.samples if at > end and value == 1) >= 2

    await eventually("it is scraped", seen, READY_SECONDS)


async def _now(provider: PrometheusProvider) -> float:
    clock = await provider.now()
    assert isinstance(clock, float)
    return clock


async def _found(provider: PrometheusProvider) -> Found:
    look = Presets(provider, Settings(scrape_interval=timedelta(seconds=1)))

    async def ask() -> Found | None:
        found, _ = await look.find(_rollout(), NOW)
        return found if found.preset is not None else None

    return await eventually("the server is found by its series", ask, READY_SECONDS)


def _rollout() -> ModelRollout:
    return replace(loading(2, raw_spec(metrics=[])).rollout, key=Key("demo", "digits"))


async def _counted(provider: PrometheusProvider, metric: Metric, since: float) -> Counts:
    """What is counted of the stable version's pod, as the operator counts it."""
    averaged = metric.mean
    counted = Counted(averaged.count, averaged.sum, "good") if averaged is not None else counted_of(metric)
    assert counted is not None
    marks = "amounts" if averaged is not None else counted.marks
    grid = Grid(round(2 * SCRAPE_SECONDS * 1000), 0)
    request = CounterRequest(
        uid="uid",
        metric=metric.name,
        total=counted.total,
        marked=counted.marked,
        rules=CounterRules(grid, since, Scope("demo", "digits"), STABLE.hash, None, marks),
        cursor=since,
        now=await _now(provider),
    )
    reading = await CounterReader(provider, SCRAPE_SECONDS).read(request)
    assert isinstance(reading, CounterReading)
    ticks = [tick for tick in (*reading.final, *reading.provisional) if tick.candidate is not None]
    total = sum(tick.candidate.total for tick in ticks if tick.candidate is not None)
    if averaged is not None:
        return Counts(sum(tick.candidate_sum for tick in ticks), total)
    return Counts(sum(tick.candidate.events for tick in ticks if tick.candidate is not None), total)
