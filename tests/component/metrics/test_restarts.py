"""A Prometheus that ends and starts again, with its data and without: what was counted is not counted twice."""

from __future__ import annotations

import asyncio

import pytest

from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.outcome import Unavailable
from modelrollout.metrics.reader import CounterReader
from tests.component.metrics.conftest import SCRAPE_SECONDS, Pods
from tests.component.metrics.counting import Counting, candidate, summed
from tests.support.exporter import Exporter

pytestmark = pytest.mark.component


@pytest.fixture
async def two(pods: Pods) -> tuple[Exporter, Exporter]:
    both = pods.add("candidate", total__code_200=50), pods.add("stable", total__code_200=500)
    await pods.scraped()
    return both


async def test_what_is_served_while_it_is_away_is_counted_when_it_is_back(
    pods: Pods, two: tuple[Exporter, Exporter]
) -> None:
    new, old = two
    step = await Counting.begin(pods)
    reader = CounterReader(pods.provider, scrape_timeout=SCRAPE_SECONDS)
    new.add(total__code_200=9, total__code_500=1)
    old.add(total__code_200=90)
    before = await step.read(reader, until=await pods.scraped())
    assert candidate(before) == Counts(1, 10)
    await asyncio.to_thread(pods.prometheus.stop)
    new.add(total__code_200=30, total__code_500=10)
    old.add(total__code_200=300, total__code_500=3)
    assert isinstance(await pods.provider.now(), Unavailable)
    await asyncio.to_thread(pods.prometheus.start)
    await pods.scraped()
    new.add(total__code_200=5)
    await pods.scraped()
    ticks = await step.ticks()
    assert candidate(ticks) == Counts(11, 55)
    assert summed([tick.stable for tick in ticks]) == Counts(3, 393)
    # Who had read before it went away finds the rest, and nothing of it twice.
    assert candidate(await step.read(reader, until=ticks[-1].at, known=before)) == Counts(11, 55)


async def test_lost_data_are_not_made_up(pods: Pods, two: tuple[Exporter, Exporter]) -> None:
    """Who has read before goes on from there; who has not sees nothing but what was scraped since."""
    new, old = two
    step = await Counting.begin(pods)
    reader = CounterReader(pods.provider, scrape_timeout=SCRAPE_SECONDS)
    new.add(total__code_200=9, total__code_500=1)
    known = await step.read(reader, until=await pods.scraped())
    assert candidate(known) == Counts(1, 10)
    await asyncio.to_thread(pods.prometheus.stop)
    pods.prometheus.lose_data()
    new.add(total__code_200=30, total__code_500=10)
    old.add(total__code_200=300)
    await asyncio.to_thread(pods.prometheus.start)
    await pods.scraped()
    new.add(total__code_200=4, total__code_500=2)
    old.add(total__code_200=60)
    await pods.scraped()
    ticks = await step.ticks()
    assert candidate(ticks) == Counts(2, 6)
    assert summed([tick.stable for tick in ticks]) == Counts(0, 60)
    assert candidate(await step.read(reader, until=ticks[-1].at, known=known)) == Counts(13, 56)


async def test_a_pod_that_goes_away_takes_nothing_with_it(pods: Pods, two: tuple[Exporter, Exporter]) -> None:
    new, _ = two
    step = await Counting.begin(pods)
    other = pods.add("candidate", total__code_200=1)
    await pods.scraped()
    new.add(total__code_200=9, total__code_500=1)
    other.add(total__code_200=20)
    await pods.scraped()
    pods.remove(other)
    new.add(total__code_200=3)
    await pods.scraped()
    assert candidate(await step.ticks()) == Counts(1, 33)
