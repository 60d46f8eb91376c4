"""A real Prometheus that a test may stop, and pods made of exporters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings
from modelrollout.metrics.promql import Scope
from tests.support.exporter import Exporter
from tests.support.prometheus import RealPrometheus
from tests.support.waiting import eventually

SCRAPE_SECONDS = 0.25


@pytest.fixture
def own_prometheus(prometheus_binary: Path, tmp_path: Path) -> Iterator[RealPrometheus]:
    """Not started yet."""
    one = RealPrometheus(prometheus_binary, tmp_path / "prometheus", scrape_seconds=SCRAPE_SECONDS)
    yield one
    one.stop()


@pytest.fixture
async def provider(prometheus: RealPrometheus) -> AsyncIterator[PrometheusProvider]:
    async with PrometheusProvider(PrometheusSettings(prometheus.url)) as one:
        yield one


@dataclass
class Pods:
    """Exporters that a Prometheus of their own scrapes as the pods of one rollout.

    It starts with the pods that are there by then: while it runs, it takes up to 5 s to look at a new target.
    """

    prometheus: RealPrometheus
    provider: PrometheusProvider
    stack: ExitStack
    scope: Scope = field(default_factory=lambda: Scope("demo", "digits"))
    exporters: list[Exporter] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def add(self, revision: str, **counters: float) -> Exporter:
        """A new pod of a revision, its counters already at these values."""
        exporter = self.stack.enter_context(Exporter())
        exporter.set(**counters)
        self.exporters.append(exporter)
        pod = f"{self.scope.rollout}-{revision}-{len(self.exporters)}"
        self.names.append(pod)
        self.prometheus.set_target(pod, exporter.address, {"namespace": self.scope.namespace, "pod": pod})
        return exporter

    def remove(self, exporter: Exporter) -> None:
        """The pod goes away."""
        index = self.exporters.index(exporter)
        self.prometheus.remove_target(self.names.pop(index))
        del self.exporters[index]

    async def scraped(self) -> float:
        """Wait for a scrape of each pod that began after this call and was stored; Prometheus's clock then."""
        if not self.prometheus.running:
            await asyncio.to_thread(self.prometheus.start)
        before = [exporter.scrapes for exporter in self.exporters]

        async def all_again() -> bool:
            # The first may have begun before; when the third begins, the second is stored.
            return all(each.scrapes >= count + 3 for each, count in zip(self.exporters, before, strict=True))

        await eventually("every pod is scraped", all_again)
        clock = await self.provider.now()
        assert isinstance(clock, float)
        return clock


@pytest.fixture
async def pods(own_prometheus: RealPrometheus) -> AsyncIterator[Pods]:
    settings = PrometheusSettings(own_prometheus.url, shortest_scrape=SCRAPE_SECONDS)
    with ExitStack() as stack:
        async with PrometheusProvider(settings) as provider:
            yield Pods(own_prometheus, provider, stack)
