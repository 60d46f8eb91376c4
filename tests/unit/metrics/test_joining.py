"""Counters that no pod carries: whose they are, who was scraped for them, and what a restart of the job means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.metrics.counters import Batch, Ledger
from modelrollout.metrics.joining import SERIES, advance, joined
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import RawSeries
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from tests.support.histories import HistoryProvider, rules

pytestmark = pytest.mark.unit

RULES = replace(rules(), scope=Scope("demo", "digits", SERIES), carried_by="nobody")
Samples = Mapping[float, float]


def counter(revision: str, samples: Samples, pod: str = "labels-0", name: str = "labels", **labels: str) -> RawSeries:
    base = {"__name__": name, "namespace": "demo", "pod": pod, "instance": f"{pod}:80", "job": "labels"}
    return RawSeries(base | {"rollout": "digits", "revision": revision} | labels, tuple(sorted(samples.items())))


def read(*total: RawSeries, marked: tuple[RawSeries, ...] = (), until: float = 3.0) -> list[Tick]:
    _, ticks = advance(Ledger(), Batch(total, marked), RULES, after=0.0, until=until, final="final")
    return list(ticks)


def candidate(*total: RawSeries, until: float = 3.0) -> list[int | None]:
    return [None if tick.candidate is None else tick.candidate.total for tick in read(*total, until=until)]


def test_revisions_are_told_by_the_counters_own_label_whoever_was_scraped() -> None:
    total = (
        counter("new", {-0.5: 10, 0.5: 13}),
        counter("old", {-0.5: 100, 0.5: 150}),
        counter("new", {-0.5: 5, 0.5: 6}, part="b"),
        counter("gone", {-0.5: 0, 0.5: 900}),
    )
    marked = (counter("new", {-0.5: 1, 0.5: 2}, name="bad"),)
    assert read(*total, marked=marked, until=1) == [Tick(1.0, Counts(1, 4), Counts(0, 50), final=True)]


def test_a_revision_nobody_has_counted_yet_shows_zero_and_not_the_unknown() -> None:
    ticks = read(counter("old", {-0.5: 100, 0.5: 150, 2.5: 160}))
    assert [tick.candidate for tick in ticks] == [Counts(0, 0), None, Counts(0, 0)]
    assert [tick.stable for tick in ticks] == [Counts(0, 50), None, Counts(0, 10)]


def test_a_counter_that_is_born_while_others_are_there_counts_from_zero() -> None:
    assert candidate(counter("old", {-0.5: 100, 0.5: 150}), counter("new", {1.5: 7, 2.5: 9})) == [0, 7, 2]


def test_what_was_counted_before_anybody_looked_is_the_baseline() -> None:
    assert candidate(counter("new", {0.5: 700, 1.5: 703})) == [None, 3, None]


@pytest.mark.parametrize(
    ("after_it", "expected"),
    [
        pytest.param({6.5: 112, 7.5: 115}, [3, None, None, None, None, None, 9, 3], id="goes-on-with-what-it-stored"),
        pytest.param({6.5: 4, 7.5: 5}, [3, None, None, None, None, None, 4, 1], id="begins-at-zero"),
    ],
)
def test_a_job_that_is_restarted_in_another_pod_counts_on(after_it: Samples, expected: list[int | None]) -> None:
    one, other = counter("new", {-0.5: 100, 0.5: 103}), counter("new", after_it, pod="labels-1")
    assert candidate(one, other, until=8) == expected


def test_a_value_that_drops_is_a_reset() -> None:
    assert candidate(counter("new", {-0.5: 100, 0.5: 2, 1.5: 5})) == [2, 3, None]


def test_two_replicas_of_a_job_count_once() -> None:
    one = counter("new", {-0.5: 100, 0.5: 103, 1.5: 110, 2.5: 111})
    other = counter("new", {-0.4: 99, 0.6: 103, 1.6: 109, 2.6: 112}, pod="labels-1")
    assert candidate(one, other) == [3, 7, 1]


def test_reading_in_pieces_gives_what_reading_at_once_gives() -> None:
    one = counter("new", {-0.5: 100, 0.5: 103, 1.5: 110})
    other = counter("new", {-0.4: 99, 0.6: 103, 1.6: 110, 2.6: 111, 3.6: 112, 4.6: 113, 5.6: 115}, pod="labels-1")
    batch = Batch((one, other), ())
    _, whole = advance(Ledger(), batch, RULES, after=0.0, until=6.0, final="final")
    ledger = Ledger()
    pieces: list[Tick] = []
    for end in range(1, 7):
        ledger, ticks = advance(ledger, batch, RULES, after=end - 1.0, until=float(end), final="final")
        pieces += ticks
    assert pieces == list(whole)
    assert [tick.candidate.total if tick.candidate else None for tick in whole] == [3, 7, None, None, 3, 2]


def test_a_reading_takes_over_only_after_a_silence() -> None:
    one, other = counter("new", {0.0: 1, 1.0: 2}), counter("new", {2.0: 3, 3.5: 4}, pod="labels-1")
    (series,), leads = joined((one, other), {}, quiet=2.5)
    assert series.samples == ((0.0, 1), (1.0, 2), (3.5, 4))
    assert [dict(lead.reading)["pod"] for lead in leads.values()] == ["labels-1"]
    assert "pod" not in series.labels


async def test_scrapes_of_the_job_say_nothing_of_the_revisions() -> None:
    refused = counter("new", {5.5: 0.0, 10.5: 0.0}, name="up")
    history = {"labels": (counter("new", {5.5: 0, 10.5: 8}),), "bad": (), "up": (refused,)}
    how = replace(RULES, since=6.0)
    request = CounterRequest("uid", "m", "labels{$selector}", "bad{$selector}", how, cursor=6.0, now=20.0)
    provider = HistoryProvider(history, clock=20.0, delays={})
    reading = await CounterReader(provider, 1.0).read(request)
    assert isinstance(reading, CounterReading)
    counts = [tick.candidate for tick in reading.final if tick.candidate is not None]
    assert counts == [Counts(0, 8)]
