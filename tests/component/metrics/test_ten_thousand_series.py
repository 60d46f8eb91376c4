"""Ten thousand series of each counter on a real Prometheus: counted as few are, and more are refused."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from modelrollout.analysis.evidence import Counts
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings
from modelrollout.runtime.series_problems import series_problems
from tests.component.metrics.looking_back import Told, aligned, counted, stepping
from tests.support.backfill import RECEIVES, Series, write_all
from tests.support.prometheus import RealPrometheus
from tests.support.scenes import CANDIDATE, STABLE
from tests.support.scraped import SCRAPE_SECONDS

pytestmark = pytest.mark.component

PODS, CLASSES, WIDE = 50, 100, 6
"""Fifty pods of each revision, a hundred values of a label: ten thousand series of each counter; scraped six times."""


def wide(begin: float) -> Iterator[Series]:
    """At each scrape each series has counted one more request; in the first classes of the candidate they failed."""
    for revision, failing in ((CANDIDATE, 20), (STABLE, 1)):
        for number in range(PODS):
            pod = f"digits-{revision.hash}-{number}"
            at = [begin + SCRAPE_SECONDS * scrape + number % 20 * 0.7 for scrape in range(WIDE)]
            labels = {"namespace": "wide", "pod": pod, "instance": pod, "job": "pods"}
            yield labels | {"__name__": "up"}, [(one, 1.0) for one in at]
            for each in range(CLASSES):
                mine = labels | {"class": str(each)}
                counts = [(one, float(index)) for index, one in enumerate(at)]
                yield mine | {"__name__": "requests_total"}, counts
                errors = counts if each < failing else [(one, 0.0) for one in at]
                yield mine | {"__name__": "errors_total"}, errors


@pytest.fixture(scope="module")
def begin() -> float:
    return aligned(time.time() - WIDE * SCRAPE_SECONDS - 60)


@pytest.fixture(scope="module")
def past(prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory, begin: float) -> Iterator[RealPrometheus]:
    with RealPrometheus(prometheus_binary, tmp_path_factory.mktemp("wide"), options=RECEIVES) as one:
        write_all(one.url, wide(begin))
        yield one


@pytest.fixture
async def provider(past: RealPrometheus) -> AsyncIterator[PrometheusProvider]:
    async with PrometheusProvider(PrometheusSettings(past.url, timeout=60.0, shortest_scrape=SCRAPE_SECONDS)) as one:
        yield one


async def test_ten_thousand_series_are_counted_as_ten_are(provider: PrometheusProvider, begin: float) -> None:
    scrapes = WIDE - 1
    of = Told("wide", begin + 14, begin + WIDE * SCRAPE_SECONDS, {})
    counts = {"candidate": Counts(PODS * 20 * scrapes, PODS * CLASSES * scrapes)}
    counts["stable"] = Counts(PODS * scrapes, PODS * CLASSES * scrapes)
    assert await counted(of, provider) == counts


async def test_more_of_them_are_refused_before_any_traffic_moves(provider: PrometheusProvider) -> None:
    rollout = stepping(Told("wide", 0.0, 0.0, {}))
    (metric, *_) = rollout.spec.metrics
    assert metric.ratio is not None
    assert [text async for text in series_problems(rollout, metric, provider)] == []
    both = metric.ratio.model_copy(update={"total": '{__name__=~"(errors|requests)_total",$selector}'})
    (problem,) = [text async for text in series_problems(rollout, metric.model_copy(update={"ratio": both}), provider)]
    assert problem.startswith(
        "ratio.total (absolute): selects 10000 series of the stable version, which makes 20000 with the candidate's"
    )
