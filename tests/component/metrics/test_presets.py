"""Presets on a real Prometheus that has scraped the expositions: each server is found, and each query can be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from modelrollout.analysis.outcome import Ambiguous, Rejected
from modelrollout.api.preset import PresetName
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.engine.presets import Found
from modelrollout.metrics.preset_files import presets
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings
from modelrollout.metrics.promql import expand, variables_of
from modelrollout.runtime.looking import scope_of
from modelrollout.runtime.presets import Presets
from modelrollout.runtime.settings import Settings
from tests.support.exporter import Exporter
from tests.support.expositions import text_of
from tests.support.prometheus import RealPrometheus
from tests.support.scenes import NOW, STABLE, loading, raw_spec
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

SERVERS = [preset.name for preset in presets()]
SETTINGS = Settings(scrape_interval=timedelta(seconds=1))
SCRAPE_SECONDS = 0.5


def just(text: str, _: Mapping[str, float]) -> str:
    return text


@pytest.fixture(scope="module")
def scraped(prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    """One that scrapes each exposition as the one stable pod of a rollout with the server's name."""
    one = RealPrometheus(prometheus_binary, tmp_path_factory.mktemp("presets"), scrape_seconds=SCRAPE_SECONDS)
    with ExitStack() as stack:
        for server in SERVERS:
            exporter = stack.enter_context(Exporter())
            exporter.say(partial(just, text_of(server)))
            pod = f"{server}-{STABLE.hash}-1"
            one.set_target(pod, exporter.address, {"namespace": "demo", "pod": pod})
        with one:
            yield one


@pytest.fixture
async def reading(scraped: RealPrometheus) -> AsyncIterator[PrometheusProvider]:
    async with PrometheusProvider(PrometheusSettings(scraped.url, shortest_scrape=SCRAPE_SECONDS)) as one:
        yield one


def rollout(server: PresetName, *, asked: PresetName) -> ModelRollout:
    raw = raw_spec(metrics=[], preset=asked.value)
    return replace(loading(2, raw).rollout, key=Key("demo", server.value))


async def found(provider: PrometheusProvider, of: ModelRollout) -> Found:
    async def ask() -> Found | None:
        answer, _ = await Presets(provider, SETTINGS).find(of, NOW)
        return answer if answer.preset is not None else None

    return await eventually(f"{of.key.name} is found", ask)


@pytest.mark.parametrize("server", [name for name in SERVERS if name is not PresetName.ENVOY_GATEWAY])
async def test_it_is_found(reading: PrometheusProvider, server: PresetName) -> None:
    assert (await found(reading, rollout(server, asked=PresetName.AUTO))).preset is server


@pytest.mark.parametrize("server", SERVERS)
async def test_its_queries_can_be_asked(reading: PrometheusProvider, server: PresetName) -> None:
    of = rollout(server, asked=server)
    clock = await reading.now()
    assert isinstance(clock, float)
    for metric in (await found(reading, of)).metrics:
        if metric.query is None:
            continue
        query = expand(metric.query, variables_of(scope_of(of, SETTINGS), STABLE.hash, "1", 60.0))
        assert await reading.check(query) is None
        assert not isinstance(await reading.instant(query, clock), Ambiguous | Rejected), metric.name


async def test_what_is_nobodys_pod_is_not_found(reading: PrometheusProvider) -> None:
    answer, _ = await Presets(reading, SETTINGS).find(rollout(PresetName.AUTO, asked=PresetName.AUTO), NOW)
    assert answer == Found(None, why="Prometheus has no series of a known model server for version 1")
