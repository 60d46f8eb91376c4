"""Native histograms that a real Prometheus has scraped: counted as the classic ones of the same values, and judged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelrollout.analysis.distribution import Cumulative
from modelrollout.analysis.ranges import Ranges
from modelrollout.analysis.verdict import Verdict
from modelrollout.metrics.distributions import distribution
from modelrollout.metrics.series import series_of
from tests.component.metrics import test_drift, test_histograms
from tests.component.metrics.conftest import SCRAPE_SECONDS, Pods
from tests.support.native import CONTENT_TYPE, NativeHistogram
from tests.support.prometheus import RealPrometheus
from tests.support.scenes import CANDIDATE, STABLE

pytestmark = pytest.mark.component

EDGES = (0.125, 0.25, 0.5, 1.0, 2.0)
CONFIG = f"""\
global:
  scrape_interval: {round(SCRAPE_SECONDS * 1000)}ms
  scrape_timeout: {round(SCRAPE_SECONDS * 1000)}ms
  scrape_native_histograms: true
scrape_configs:
- job_name: pods
  always_scrape_classic_histograms: true
  file_sd_configs: [{{files: ["targets.json"], refresh_interval: 1s}}]
"""


@pytest.fixture
def own_prometheus(prometheus_binary: Path, tmp_path: Path) -> Iterator[RealPrometheus]:
    """It scrapes native histograms, and the classic buckets of the same histogram."""
    one = RealPrometheus(prometheus_binary, tmp_path / "prometheus", config=CONFIG)
    yield one
    one.stop()


class Process:
    """A pod with one histogram, native and classic at once."""

    def __init__(self, pods: Pods, revision: str, schema: int) -> None:
        self.histogram = NativeHistogram(schema)
        self.values: list[float] = []
        self._exporter = pods.add(revision)
        self._show()

    def observe(self, *values: float) -> None:
        self.values += values
        self.histogram.observe(*values)
        self._show()

    def coarsen(self) -> None:
        self.histogram.coarsen()
        self._show()

    def restart(self, schema: int) -> None:
        self.histogram, self.values = NativeHistogram(schema), []
        self._show()

    def _show(self) -> None:
        classic = [(edge, sum(value <= edge for value in self.values)) for edge in EDGES]
        body = self.histogram.exposed("seconds", classic=classic)
        self._exporter.show(lambda: (CONTENT_TYPE, body))


def values(seed: int, count: int, middle: float = 0.4) -> list[float]:
    generator = random.Random(seed)  # noqa: S311 - the same values each time
    return [generator.lognormvariate(0, 0.7) * middle for _ in range(count)]


async def counted(pods: Pods, revision: str, selector: str, after: float, until: float) -> Any:
    series = await series_of(
        pods.provider, selector, pods.scope, (revision,), at=until, seconds=until - after + 20 * SCRAPE_SECONDS
    )
    assert isinstance(series, tuple), series
    return distribution(series, None, after=after, until=until)


async def test_counts_are_those_of_the_classic_buckets_of_the_same_process(pods: Pods) -> None:
    """Through a loss of resolution, a restart and values that are no positive numbers."""
    process = Process(pods, CANDIDATE.hash, schema=3)
    process.observe(*values(1, 100))
    after = await pods.scraped()
    process.observe(*values(2, 300), 0.0, -0.3, float("nan"))
    await pods.scraped()
    process.coarsen()
    process.observe(*values(3, 50))
    await pods.scraped()
    process.restart(schema=5)
    process.observe(*values(4, 40))
    until = await pods.scraped()
    native = await counted(pods, CANDIDATE.hash, "seconds{$selector}", after, until)
    classic = await counted(pods, CANDIDATE.hash, "seconds_bucket{$selector}", after, until)
    assert isinstance(native, Ranges)
    assert isinstance(classic, Cumulative)
    assert classic.total == 393
    assert [(edge, native.at_or_below(edge)) for edge, _ in classic.counts] == list(classic.counts)
    assert len(native.ranges) > len(classic.counts)


@pytest.mark.parametrize(
    ("middle", "verdict", "says"), [(0.4, Verdict.PASS, "<= 0.2 from stable"), (0.8, Verdict.HARM, "> 0.2 from stable")]
)
async def test_drift_of_revisions_with_different_resolutions(
    pods: Pods, middle: float, verdict: Verdict, says: str
) -> None:
    candidate, stable = Process(pods, CANDIDATE.hash, schema=4), Process(pods, STABLE.hash, schema=2)
    since = await pods.scraped()
    candidate.observe(*values(5, 1500, middle))
    stable.observe(*values(6, 3000))
    metric = test_drift.INK | {"drift": {"of": "seconds{$selector}", "window": "1m"}}
    result = await test_drift.judged(pods, since, metric)
    assert result.verdict is verdict, result.reason
    assert result.reason.endswith(f"{says} (n=1500 and 3000)")


async def test_a_quantile_of_a_native_histogram(pods: Pods) -> None:
    candidate, stable = Process(pods, CANDIDATE.hash, schema=4), Process(pods, STABLE.hash, schema=1)
    metric = test_histograms.LATENCY | {"histogram": {"buckets": "seconds{$selector}", "quantile": "0.9"}}
    # A pass counts from the first whole tick of the step on.
    since = await pods.scraped() - 2
    candidate.observe(*[0.3] * 95, *[0.6] * 5)
    stable.observe(*[0.3] * 900, *[0.6] * 100)
    result = await test_histograms.judged(pods, Verdict.PASS, since, metric)
    assert result.reason == "latency p90 <= 0.5 s: 5 % above 0.5 s (<= 10 %), n=100"
    since = await pods.scraped()
    candidate.observe(*[0.3] * 60, *[0.6] * 40)
    result = await test_histograms.judged(pods, Verdict.HARM, since, metric)
    assert result.reason == "latency p90 <= 0.5 s: 40 % above 0.5 s (limit 10 %), n=100, confidence >0.999999"


async def test_a_limit_that_is_no_bound(pods: Pods) -> None:
    candidate, stable = Process(pods, CANDIDATE.hash, schema=2), Process(pods, STABLE.hash, schema=1)
    candidate.observe(0.3, 0.6)
    stable.observe(0.3, 0.6)
    since = await pods.scraped()
    metric = test_histograms.LATENCY | {
        "histogram": {"buckets": "seconds{$selector}", "quantile": "0.9"},
        "check": {"max": "0.6"},
    }
    result = await test_histograms.judged(pods, Verdict.NO_DATA, since, metric)
    assert result.reason.startswith(
        "latency p90 <= 0.6 s: 0.6 is no bound of the native buckets: the nearest are 0.5 and 0.707107; powers"
    )
