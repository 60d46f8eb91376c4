"""Pairs that a comparer counted, from raw samples to a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.metrics.reader import CounterReader
from modelrollout.runtime.agreement_problems import agreement_problems
from modelrollout.runtime.agreements import Agreements
from modelrollout.runtime.counting import Counting
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.looks import look_at
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

SECONDS = 1200
SETTINGS = Settings(scrape_interval=timedelta(seconds=1), scrape_timeout=timedelta(seconds=1))
SOURCE = 'answer_pairs_total{$selector,candidate="$revision",reference="$stable"}'
AGREEMENT: dict[str, Any] = {
    "name": "agreement",
    "agreement": {"source": SOURCE, "comparer": 'pod=~"comparer-.*"', "perClass": {"min": "0.9"}},
}
WINS: dict[str, Any] = {
    "name": "wins",
    "agreement": {"source": SOURCE, "comparer": 'pod=~"comparer-.*"', "paired": {}},
}


@dataclass
class Prometheus:
    """A comparer that is scraped each second.

    Attributes:
        rates: pairs a second, by class and outcome.
    """

    rates: Mapping[tuple[str, str], int]
    asked: list[str] = field(default_factory=list)

    async def raw(self, selector: str, at: float, seconds: float) -> tuple[RawSeries, ...]:
        self.asked.append(selector)
        begin = int(NOW.timestamp()) - SECONDS
        times = [float(time) for time in range(begin, int(NOW.timestamp()) + 1) if at - seconds < time <= at]
        base = {"namespace": "demo", "pod": "comparer-0", "job": "pods", "instance": "comparer"}
        if selector.startswith("up"):
            return (RawSeries(base | {"__name__": "up"}, tuple((time, 1.0) for time in times)),)
        found = []
        for (value, outcome), rate in self.rates.items():
            if 'outcome="' in selector and f'outcome="{outcome}"' not in selector:
                continue
            labels = base | {"__name__": "answer_pairs_total", "class": value, "outcome": outcome}
            found.append(RawSeries(labels, tuple((time, (time - begin) * rate) for time in times)))
        return tuple(found)


class Bench:
    def __init__(self, metric: dict[str, Any], rates: Mapping[tuple[str, str], int]) -> None:
        self.prometheus = Prometheus(rates)
        provider = cast(MetricProvider, self.prometheus)
        self.agreements = Agreements(provider, Counting(CounterReader(provider, 1.0)))
        self.seen = scenes.stepping(0, scenes.raw_spec(metrics=[scenes.METRICS[0], metric]))

    async def result(self, seconds_ago: float = 0.0) -> CheckResult:
        look = look_at(self.seen, SETTINGS, seconds_ago)
        metric = self.seen.rollout.spec.metrics[1]
        assert self.agreements.judges(metric)
        return (await self.agreements.find(look, metric)).judged.result


async def test_two_that_answer_alike() -> None:
    found = await Bench(AGREEMENT, {("3", "agree"): 5, ("8", "agree"): 5}).result()
    assert found.verdict is Verdict.PASS
    assert found.samples > 1000


async def test_a_class_that_is_answered_otherwise_is_named() -> None:
    found = await Bench(AGREEMENT, {("3", "agree"): 20, ("8", "differ"): 1, ("8", "agree"): 1}).result()
    assert found.verdict is Verdict.HARM
    assert found.worst_slice is not None
    assert found.worst_slice.startswith("class=8 agrees in 0.5 < 0.9")


async def test_looking_often_gives_the_same_and_reads_this_pair_of_revisions_only() -> None:
    bench = Bench(AGREEMENT, {("3", "agree"): 3})
    for ago in (40.0, 15.0):
        await bench.result(ago)
    assert await bench.result() == await Bench(AGREEMENT, {("3", "agree"): 3}).result()
    pairs = [query for query in bench.prometheus.asked if not query.startswith("up")]
    assert all(f'candidate="{CANDIDATE.hash}",reference="{STABLE.hash}"' in query for query in pairs)
    assert all('namespace="demo",pod=~"comparer-.*"' in query for query in bench.prometheus.asked)


async def test_without_pairs_nothing_is_known() -> None:
    assert (await Bench(AGREEMENT, {}).result()).verdict is Verdict.NO_DATA


async def test_stable_with_itself_is_the_ceiling() -> None:
    """The stand-in answers the ceiling's query with the same counts: 80 % is then as much as can be asked for."""
    lots = {("8", "agree"): 4, ("8", "differ"): 1}
    assert (await Bench(AGREEMENT, lots).result()).verdict is Verdict.HARM
    with_ceiling = {"min": "0.9", "ceiling": 'answer_pairs_total{$selector,candidate="$stable"}'}
    metric = AGREEMENT | {"agreement": AGREEMENT["agreement"] | {"perClass": with_ceiling}}
    bench = Bench(metric, lots)
    found = await bench.result()
    assert found.verdict is Verdict.CONTINUE
    assert "stable with itself" in found.reason
    assert any(f'candidate="{STABLE.hash}"' in query for query in bench.prometheus.asked)


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        ({("", "win"): 3, ("", "loss"): 1, ("", "tie"): 9}, Verdict.PASS),
        ({("", "win"): 1, ("", "loss"): 3, ("", "tie"): 9}, Verdict.HARM),
        ({("", "tie"): 9}, Verdict.PASS),
        ({}, Verdict.NO_DATA),
    ],
    ids=["better", "worse", "always alike", "nothing"],
)
async def test_wins_and_losses(rates: Mapping[tuple[str, str], int], verdict: Verdict) -> None:
    assert (await Bench(WINS, rates).result()).verdict is verdict


def test_agreement_warns_and_wins_may_enforce() -> None:
    metrics = scenes.stepping(0, scenes.raw_spec(metrics=[scenes.METRICS[0], AGREEMENT, WINS])).rollout.spec.metrics
    assert [str(metric.mode) for metric in metrics] == ["Enforce", "Warn", "Enforce"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"source": "sum(answer_pairs_total)"}, "agreement.source (agreement): a ratio reads raw counters"),
        ({"source": "answer_pairs_total{$selector,a='$windows'}"}, "agreement.source (agreement): unknown variable"),
        ({"comparer": "up"}, "agreement.comparer (agreement): cannot read the matchers"),
        ({"perClass": {"min": "1.5"}}, "agreement.perClass.min (agreement): a share of pairs lies between 0 and 1"),
        (
            {"perClass": {"min": "0.9", "ceiling": "pairs"}},
            "agreement.perClass.ceiling (agreement): a ratio reads raw counters",
        ),
        (
            {"perClass": None, "paired": {"lossRatio": "0"}},
            "agreement.paired.lossRatio (agreement): losses for each win are above 0",
        ),
    ],
)
def test_what_is_said_of_its_text(changes: dict[str, Any], problem: str | None) -> None:
    raw = AGREEMENT | {"agreement": AGREEMENT["agreement"] | changes}
    (metric,) = scenes.stepping(0, scenes.raw_spec(metrics=[scenes.METRICS[0], raw])).rollout.spec.metrics[1:]
    found = list(agreement_problems(metric))
    assert (not found) if problem is None else found[0].startswith(problem), found
