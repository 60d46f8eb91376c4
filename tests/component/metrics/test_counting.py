"""What a real Prometheus scraped is counted exactly, whatever happens to the pods meanwhile."""

from __future__ import annotations

import asyncio
import random
import re

import pytest

from modelrollout.analysis.evidence import Counts
from tests.component.metrics.conftest import SCRAPE_SECONDS, Pods
from tests.component.metrics.counting import Counting, candidate, query, summed

pytestmark = pytest.mark.component


async def test_every_request_is_counted_once_for_its_revision(pods: Pods) -> None:
    new = [pods.add("candidate", total__code_200=7, total__code_500=2) for _ in range(2)]
    old = [pods.add("stable", total__code_200=1000, total__code_500=30) for _ in range(2)]
    await pods.scraped()
    step = await Counting.begin(pods)
    served = {"candidate": [0, 0], "stable": [0, 0]}
    dice = random.Random(1)  # noqa: S311 - a history that can be repeated
    for _ in range(150):
        revision, choice = dice.choice([("candidate", new), ("stable", old)])
        code = dice.choice(["200", "200", "500"])
        dice.choice(choice).add(**{f"total__code_{code}": 1})
        served[revision][0] += code == "500"
        served[revision][1] += 1
        await asyncio.sleep(0.01)
    await pods.scraped()
    ticks = await step.ticks()
    assert candidate(ticks) == Counts(*served["candidate"])
    assert summed([tick.stable for tick in ticks]) == Counts(*served["stable"])
    assert sum(tick.candidate is not None and tick.candidate.total > 0 for tick in ticks) > 1


async def test_a_candidate_that_fails_from_its_first_request_on(pods: Pods) -> None:
    """Not one series exists before traffic: what shows that nothing was missed is that the pod had been scraped."""
    pod = pods.add("candidate")
    await pods.scraped()
    step = await Counting.begin(pods)
    pod.add(total__code_500=5)
    await pods.scraped()
    pod.add(total__code_500=6)
    await pods.scraped()
    assert candidate(await step.ticks()) == Counts(11, 11)


async def test_an_error_series_is_born_with_its_first_errors(pods: Pods) -> None:
    pod = pods.add("candidate", total__code_200=50)
    await pods.scraped()
    step = await Counting.begin(pods)
    pod.add(total__code_200=10, total__code_500=3)
    await pods.scraped()
    assert candidate(await step.ticks()) == Counts(3, 13)


async def test_good_in_place_of_events(pods: Pods) -> None:
    pod = pods.add("candidate", total=50, good=40)
    await pods.scraped()
    step = await Counting.begin(pods, marks="good")
    pod.add(total=10, good=7)
    await pods.scraped()
    assert candidate(await step.ticks()) == Counts(3, 10)


async def test_a_process_that_starts_again(pods: Pods) -> None:
    pod = pods.add("candidate", total__code_200=500, total__code_500=20)
    await pods.scraped()
    step = await Counting.begin(pods)
    pod.add(total__code_200=10)
    await pods.scraped()
    pod.restart()
    pod.add(total__code_200=4, total__code_500=1)
    await pods.scraped()
    assert candidate(await step.ticks()) == Counts(1, 15)


async def test_a_new_pod_brings_no_history(pods: Pods) -> None:
    first = pods.add("candidate", total__code_200=5)
    await pods.scraped()
    step = await Counting.begin(pods)
    second = pods.add("candidate", total__code_200=7000, total__code_500=900)
    await pods.scraped()
    second.add(total__code_200=2, total__code_500=1)
    first.add(total__code_200=4)
    await pods.scraped()
    assert candidate(await step.ticks()) == Counts(1, 7)


async def test_missed_scrapes_are_unknown_and_nothing_is_lost(pods: Pods) -> None:
    pod = pods.add("candidate", total__code_200=5)
    await pods.scraped()
    step = await Counting.begin(pods)
    pod.add(total__code_200=2)
    await pods.scraped()
    pod.break_down()
    selector = pods.scope.selector("candidate")
    up = f"up{{{selector}}}[{4 * SCRAPE_SECONDS * 1000:g}ms]"
    await query(pods.provider, f"count_over_time({up}) - sum_over_time({up})", 4.0)
    pod.add(total__code_200=30, total__code_500=8)
    pod.mend()
    await pods.scraped()
    ticks = await step.ticks()
    assert candidate(ticks) == Counts(8, 40)
    known = "".join("?" if tick.candidate is None else "k" for tick in ticks)
    assert re.search(r"k\?{3,}k", known), known
