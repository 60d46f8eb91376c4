"""Outcomes of requests of the same minutes, all equally old; and why not by when the outcomes arrive."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.outcome import Unavailable
from modelrollout.metrics.cohorts import Buckets, CohortRules, cohort_tick, read_cohort
from modelrollout.metrics.joining import SERIES
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import MetricProvider, RawOutcome, RawSeries

pytestmark = pytest.mark.unit

HOUR = 3600.0
BUCKETS = Buckets(width=600.0, maturity=HOUR)
RULES = CohortRules(
    scope=Scope("demo", "fraud", SERIES),
    candidate="new",
    stable="old",
    total="labels{$selector}",
    marked="missed{$selector}",
    marks="events",
    label="made_at",
    buckets=BUCKETS,
)
MATURE = 1200.0 + 600.0 + HOUR


def counter(revision: str, samples: Mapping[float, float], pod: str = "labels-0") -> RawSeries:
    labels = {"namespace": "demo", "rollout": "fraud", "revision": revision, "pod": pod, "made_at": "1200"}
    return RawSeries(labels, tuple(sorted(samples.items())))


def tick(*total: RawSeries, marked: tuple[RawSeries, ...] = (), rules: CohortRules = RULES) -> Tick:
    return cohort_tick(total, marked, rules, 1200.0)


@pytest.mark.parametrize(
    ("since", "until", "starts"),
    [
        pytest.param(1200.0, 2400.0, (1200.0, 1800.0), id="whole-ones"),
        pytest.param(1200.1, 2399.9, (), id="none-that-began-before-or-goes-on"),
        pytest.param(1100.0, 1900.0, (1200.0,), id="the-one-in-between"),
        pytest.param(2400.0, 1200.0, (), id="no-time"),
    ],
)
def test_only_buckets_that_both_were_live_in_count(since: float, until: float, starts: tuple[float, ...]) -> None:
    assert BUCKETS.within(since, until) == starts


def test_a_bucket_is_mature_when_its_last_request_is() -> None:
    assert BUCKETS.mature_at(1200.0) == MATURE


def test_a_first_sample_counts_from_zero_and_what_is_not_mature_does_not_count() -> None:
    found = tick(
        counter("new", {1900.0: 40, MATURE - 15: 95, MATURE + 15: 200}),
        counter("old", {1900.0: 400, MATURE - 15: 950}),
        marked=(counter("new", {MATURE - 15: 5}),),
    )
    assert found == Tick(1800.0, Counts(5, 95), Counts(0, 950), final=True)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([counter("new", {1900.0: 40, 2000.0: 10, MATURE: 60})], id="reset"),
        pytest.param([counter("new", {1900.0: 40}), counter("new", {2000.0: 10, MATURE: 60}, "b")], id="another-pod"),
    ],
)
def test_a_job_that_begins_again_at_zero_has_counted_before(samples: list[RawSeries]) -> None:
    assert tick(*samples).candidate == Counts(0, 100)


def test_what_a_restarted_job_had_stored_is_counted_once() -> None:
    assert tick(counter("new", {1900.0: 40}), counter("new", {2000.0: 42, MATURE: 60}, "b")).candidate == Counts(0, 60)


def test_good_things_are_set_off() -> None:
    rules = replace(RULES, marks="good")
    assert tick(counter("new", {MATURE: 60}), marked=(counter("new", {MATURE: 57}),), rules=rules).candidate == Counts(
        3, 60
    )


def test_a_job_that_was_away_when_they_were_mature_may_know_half_of_them() -> None:
    assert tick(counter("new", {1900.0: 40}), counter("old", {1900.0: 40})) == Tick(1800.0, None, None, final=True)


def test_a_revision_that_answered_nothing_counts_nothing() -> None:
    assert tick(counter("old", {MATURE: 40})) == Tick(1800.0, Counts(0, 0), Counts(0, 40), final=True)


@dataclass
class Prometheus:
    answer: RawOutcome = ()
    asked: list[tuple[str, float, float]] = field(default_factory=list)

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        self.asked.append((selector, at, seconds))
        return self.answer


async def test_the_counters_of_one_bucket_are_read_from_its_beginning_until_they_are_mature() -> None:
    prometheus = Prometheus((counter("new", {MATURE: 7}),))
    found = await read_cohort(cast(MetricProvider, prometheus), RULES, 1200.0)
    assert found == Tick(1800.0, Counts(7, 7), Counts(0, 0), final=True)
    where = 'namespace="demo",rollout="fraud",revision=~"(new|old)",made_at="1200"'
    assert prometheus.asked == [(f"{name}{{{where}}}", MATURE, 4200.0) for name in ("labels", "missed")]


async def test_an_outage_is_no_cohort() -> None:
    found = await read_cohort(cast(MetricProvider, Prometheus(Unavailable("away"))), RULES, 1200.0)
    assert found == Unavailable("away")


@dataclass(frozen=True)
class Outcomes:
    """Two equal models: 2 % of what each lets through is fraud. That nothing is wrong is taken for granted at once (the
    payment settles); fraud is reported hours later."""

    rate: float = 0.02
    a_minute: int = 20
    half_known_after: float = 8 * HOUR

    def fraud_is_known(self, source: random.Random) -> float:
        return source.expovariate(math.log(2) / self.half_known_after)


def test_by_arrival_an_equal_model_looks_five_times_better_and_by_cohort_it_looks_equal() -> None:
    """Stable has served for three days when the candidate gets half of all requests; two hours later one looks."""
    source, world = random.Random(7), Outcomes()  # noqa: S311 - a simulation
    began, maturity, live = 0.0, 48 * HOUR, 72 * HOUR
    looked = live + 2 * HOUR
    arrived: dict[str, Counter[str]] = {"new": Counter(), "old": Counter()}
    cohorts: dict[str, Counter[str]] = {"new": Counter(), "old": Counter()}
    for minute in range(int(began), int(looked), 60):
        for index in range(world.a_minute):
            model = "new" if minute >= live and index % 2 else "old"
            is_fraud = source.random() < world.rate
            known = minute + (world.fraud_is_known(source) if is_fraud else 0.0)
            if live <= known < looked:
                arrived[model]["fraud" if is_fraud else "fine"] += 1
            if minute >= live and known < minute + maturity:
                cohorts[model]["fraud" if is_fraud else "fine"] += 1

    def rate(counts: Counter[str]) -> float:
        return counts["fraud"] / counts.total()

    assert rate(arrived["old"]) > 5 * rate(arrived["new"])
    assert rate(cohorts["old"]) == pytest.approx(rate(cohorts["new"]), abs=0.01)
    assert rate(cohorts["new"]) == pytest.approx(world.rate, abs=0.01)
