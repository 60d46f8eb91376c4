"""Raw samples into counts: one test for each rule, then that reading in pieces gives the same as reading at once."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.metrics.counters import FORGET_SECONDS, Batch, CounterRules, Ledger, advance
from tests.support.histories import rules, series

pytestmark = pytest.mark.unit


def read(batch: Batch, until: float, how: CounterRules | None = None) -> list[Tick]:
    how = how or rules()
    start = how.grid.tick_at_or_before(how.since)
    _, ticks = advance(Ledger(), batch, how, after=start, until=until, final="final")
    return list(ticks)


def candidate(batch: Batch, until: float, how: CounterRules | None = None) -> list[tuple[int, int] | None]:
    return [(c.events, c.total) if (c := tick.candidate) else None for tick in read(batch, until, how)]


def test_differences_land_in_the_tick_of_the_later_sample() -> None:
    total = series("total", "new-1", {-0.5: 100, 0.5: 103, 1.5: 110, 2.0: 111, 2.1: 115})
    assert candidate(Batch((total,), ()), until=3) == [(0, 3), (0, 8), (0, 4)]


def test_series_and_pods_of_a_revision_add_up_and_revisions_stay_apart() -> None:
    batch = Batch(
        total=(
            series("total", "new-1", {-0.5: 0, 0.5: 3}, code="200"),
            series("total", "new-1", {-0.5: 0, 0.5: 2}, code="500"),
            series("total", "new-2", {-0.7: 10, 0.3: 14}, code="200"),
            series("total", "old-1", {-0.2: 0, 0.8: 50}, code="200"),
            series("total", "other-1", {-0.2: 0, 0.8: 1000}, code="200"),
        ),
        marked=(series("events", "new-1", {-0.5: 0, 0.5: 2}), series("events", "old-1", {-0.2: 7, 0.8: 8})),
    )
    assert read(batch, until=1) == [Tick(at=1.0, candidate=Counts(2, 9), stable=Counts(1, 50), final=True)]


def test_a_revision_without_any_event_series_has_no_events() -> None:
    assert candidate(Batch((series("total", "new-1", {-1: 0, 0.5: 9}),), ()), until=1) == [(0, 9)]


def test_a_revision_that_fails_always() -> None:
    total = series("total", "new-1", {-0.5: 0, 0.5: 4, 1.5: 9}, code="500")
    events = series("total", "new-1", {-0.5: 0, 0.5: 4, 1.5: 9}, code="500")
    assert candidate(Batch((total,), (events,)), until=2) == [(4, 4), (5, 5)]


def test_an_error_series_born_with_its_first_errors_counts_them_all() -> None:
    total = series("total", "new-1", {-0.5: 0, 0.5: 4, 1.5: 9})
    events = series("events", "new-1", {1.5: 3}, code="500")
    assert candidate(Batch((total,), (events,)), until=2) == [(0, 4), (3, 5)]


def test_a_pod_seen_for_the_first_time_gives_a_baseline_and_then_counts() -> None:
    total = series("total", "new-2", {0.5: 1000, 1.5: 1003})
    events = series("events", "new-2", {0.5: 40, 1.5: 41})
    assert candidate(Batch((total,), (events,)), until=2) == [None, (1, 3)]


def test_a_counter_born_on_a_pod_that_had_answered_a_scrape_counts_from_zero() -> None:
    total = series("total", "new-1", {1.5: 6})
    up = series("up", "new-1", {0.5: 1, 1.5: 1})
    assert candidate(Batch((total,), (), (up,)), until=2) == [None, (0, 6)]


def test_a_scrape_that_failed_shows_nothing_of_what_the_pod_had() -> None:
    total = series("total", "new-1", {1.5: 6})
    up = series("up", "new-1", {0.5: 0, 1.5: 1})
    assert candidate(Batch((total,), (), (up,)), until=2) == [None, None]


def test_a_pod_that_is_scraped_late_is_not_taken_for_silent() -> None:
    """Prometheus may find a pod seconds after its first request: what it had answered by then is unknown."""
    total = series("total", "new-1", {1.5: 116, 2.5: 152})
    up = series("up", "new-1", {1.5: 1, 2.5: 1})
    batch = Batch((total, series("total", "old-1", {-0.5: 0, 0.5: 50, 1.5: 100, 2.5: 150})), (), (up,))
    ticks = read(batch, until=3)
    assert [tick.candidate for tick in ticks] == [None, None, Counts(0, 36)]
    assert [tick.stable for tick in ticks] == [Counts(0, 50)] * 3


def test_another_target_of_the_same_pod_shows_nothing_of_this_one() -> None:
    total = series("total", "new-1", {1.5: 6})
    up = series("up", "new-1", {0.5: 1, 1.5: 1}, instance="sidecar")
    assert candidate(Batch((total,), (), (up,)), until=2) == [None, (0, 0)]


def test_a_reset_counts_the_new_value() -> None:
    total = series("total", "new-1", {-0.5: 500, 0.5: 510, 1.5: 4, 2.5: 6})
    assert candidate(Batch((total,), ()), until=3) == [(0, 10), (0, 4), (0, 2)]


def test_a_missed_scrape_is_unknown_and_what_happened_lands_in_the_next() -> None:
    total = series("total", "new-1", {-0.5: 0, 0.5: 5, 3.5: 20})
    events = series("events", "new-1", {-0.5: 0, 0.5: 0, 3.5: 2})
    up = series("up", "new-1", {-0.5: 1, 0.5: 1, 1.5: 0, 2.5: 0, 3.5: 1})
    assert candidate(Batch((total,), (events,), (up,)), until=4) == [(0, 5), None, None, (2, 15)]


def test_a_pod_that_disappears_just_stops() -> None:
    batch = Batch(
        (series("total", "new-1", {-0.5: 0, 0.5: 5}), series("total", "new-2", {-0.5: 0, 0.5: 1, 1.5: 3})), ()
    )
    assert candidate(batch, until=3) == [(0, 6), (0, 2), None]


def test_a_pod_that_answers_scrapes_but_never_counted_is_zero_not_unknown() -> None:
    up = series("up", "new-1", {0.5: 1, 1.5: 1})
    batch = Batch((series("total", "old-1", {-0.5: 0, 0.5: 9}),), (), (up,))
    ticks = read(batch, until=2)
    assert [tick.candidate for tick in ticks] == [None, Counts(0, 0)]
    assert [tick.stable for tick in ticks] == [Counts(0, 9), None]


def test_a_pod_with_one_failing_target_is_unknown() -> None:
    app = series("up", "new-1", {0.5: 0})
    sidecar = series("up", "new-1", {0.5: 1}, instance="sidecar")
    assert candidate(Batch((), (), (app, sidecar)), until=1) == [None]


def test_nothing_before_the_step_counts() -> None:
    total = series("total", "new-1", {8.5: 10, 9.5: 20, 10.2: 30, 10.3: 31, 10.4: 33, 11.5: 37})
    assert candidate(Batch((total,), ()), until=12, how=rules(since=10.3)) == [(0, 2), (0, 4)]


def test_a_scrape_before_the_step_does_not_make_its_first_tick_known() -> None:
    batch = Batch((series("total", "new-1", {10.2: 1}),), (), (series("up", "new-1", {10.2: 1}),))
    assert candidate(batch, until=11, how=rules(since=10.3)) == [None]


def test_a_sample_read_twice_counts_once() -> None:
    """A Prometheus before 3 includes the left edge of a range."""
    batch = Batch((series("total", "new-1", {-0.5: 0, 1.0: 5}),), ())
    ledger, _ = advance(Ledger(), batch, rules(), after=0, until=1, final="final")
    again = Batch((series("total", "new-1", {0.9: 4, 1.0: 5, 1.5: 6}),), ())
    _, ticks = advance(ledger, again, rules(), after=1, until=2, final="final")
    assert [tick.candidate for tick in ticks] == [Counts(0, 1)]


def test_samples_after_the_last_tick_wait() -> None:
    total = series("total", "new-1", {-0.5: 0, 0.5: 5, 1.5: 9})
    ledger, ticks = advance(Ledger(), Batch((total,), ()), rules(), after=0, until=1, final="final")
    assert [tick.candidate for tick in ticks] == [Counts(0, 5)]
    _, ticks = advance(ledger, Batch((total,), ()), rules(), after=1, until=2, final="provisional")
    assert ticks == (Tick(at=2.0, candidate=Counts(0, 4), stable=None, final=False),)


def test_values_that_are_no_counts_are_as_if_not_scraped() -> None:
    total = series("total", "new-1", {-0.5: 3, 0.5: math.nan, 1.5: math.inf, 2.5: -1, 3.5: 7})
    assert candidate(Batch((total,), ()), until=4) == [None, None, None, (0, 4)]


def test_a_series_that_was_away_for_long_has_no_history() -> None:
    total = series("total", "new-1", {-1.0: 3, FORGET_SECONDS: 900, FORGET_SECONDS + 1: 901})
    ticks = candidate(Batch((total,), ()), until=FORGET_SECONDS + 1)
    assert ticks[-2:] == [None, (0, 1)]


def test_the_ledger_forgets_what_is_gone() -> None:
    batch = Batch((series("total", "new-1", {0.5: 1}),), (), (series("up", "new-1", {0.5: 1}),))
    ledger, _ = advance(Ledger(), batch, rules(), after=0, until=1, final="final")
    assert ledger.last
    assert ledger.scraped
    ledger, _ = advance(ledger, Batch((), ()), rules(), after=1, until=FORGET_SECONDS + 2, final="final")
    assert not ledger.last
    assert not ledger.scraped


def test_a_pod_that_two_jobs_scrape_counts_once() -> None:
    batch = Batch(
        total=(
            series("total", "old-1", {-0.5: 10, 0.5: 15, 1.5: 25}, job="digits"),
            series("total", "old-1", {-0.2: 12, 0.8: 17, 1.8: 28}, job="digits-old", service="digits-old"),
        ),
        marked=(
            series("events", "old-1", {-0.5: 1, 0.5: 2, 1.5: 2}, job="digits"),
            series("events", "old-1", {-0.2: 1, 0.8: 2, 1.8: 3}, job="digits-old", service="digits-old"),
        ),
    )
    assert [tick.stable for tick in read(batch, until=2)] == [Counts(1, 5), Counts(0, 10)]


def test_series_of_one_job_are_never_taken_for_the_same() -> None:
    total = (
        series("total", "new-1", {-0.5: 0, 0.5: 5}, endpoint="/predict"),
        series("total", "new-1", {-0.5: 0, 0.5: 2}, endpoint="/explain"),
    )
    assert candidate(Batch(total, ()), until=1) == [(0, 7)]


def test_a_second_job_takes_over_when_the_first_is_gone_and_not_before() -> None:
    batch = Batch(
        total=(
            series("total", "new-1", {-0.5: 0, 0.5: 1, 2.5: 3}, job="a"),
            series("total", "new-1", {n - 0.5: float(n) for n in range(9)}, job="b"),
        ),
        marked=(),
    )
    counted = candidate(batch, until=8)
    assert counted[:3] == [(0, 1), None, (0, 2)]
    assert counted[5:] == [(0, 1), (0, 1), (0, 1)]


def test_events_from_good() -> None:
    total = series("total", "new-1", {-0.5: 10, 0.5: 15, 1.5: 25})
    good = series("good", "new-1", {-0.5: 8, 0.5: 13, 1.5: 20})
    assert candidate(Batch((total,), (good,)), until=2, how=rules(marks="good")) == [(0, 5), (3, 10)]


def test_a_revision_without_any_good_series_has_only_events() -> None:
    total = series("total", "new-1", {-0.5: 10, 0.5: 15})
    assert candidate(Batch((total,), ()), until=1, how=rules(marks="good")) == [(5, 5)]


def test_requests_under_way_do_not_add_up_to_events() -> None:
    """Total counts a start, good counts an end: between 0 and 2 are under way at each scrape, and none ever failed."""
    starts = {-0.5 + n: 10.0 * n for n in range(60)}
    ends = {at: value - (0, 2, 1)[round(at + 0.5) % 3] for at, value in starts.items()}
    batch = Batch((series("total", "new-1", starts),), (series("good", "new-1", ends),))
    counted = candidate(batch, until=59, how=rules(marks="good"))
    assert sum(tick[0] for tick in counted if tick is not None) == 2


def test_without_a_stable_revision_only_the_candidate_is_read() -> None:
    how = rules()
    alone = CounterRules(how.grid, how.since, how.scope, candidate="new", stable=None, marks="events")
    batch = Batch((series("total", "new-1", {-0.5: 0, 0.5: 5}), series("total", "old-1", {-0.5: 0, 0.5: 5})), ())
    assert read(batch, 1, alone) == [Tick(at=1.0, candidate=Counts(0, 5), stable=None, final=True)]


def test_amounts_are_added_up_and_never_taken_for_events() -> None:
    batch = Batch(
        total=(series("count", "new-1", {-0.5: 0, 0.5: 3}), series("count", "old-1", {-0.5: 0, 0.5: 50})),
        marked=(series("sum", "new-1", {-0.5: 0, 0.5: 7.25}), series("sum", "old-1", {-0.5: 1, 0.5: 1.5})),
    )
    (tick,) = read(batch, until=1, how=replace(rules(), marks="amounts"))
    assert tick == Tick(1.0, Counts(0, 3), Counts(0, 50), final=True, candidate_sum=7.25, stable_sum=0.5)


def joins(batch: Batch, until: float) -> list[float]:
    return [tick.at for tick in read(batch, until) if tick.joined]


def test_a_pod_joins_when_it_first_answers_and_not_when_it_is_first_scraped() -> None:
    old = series("total", "new-1", {-1.5: 3, -0.5: 7, 0.5: 9, 1.5: 12, 2.5: 14})
    loading = series("total", "new-2", {0.2: 0, 1.2: 0, 2.2: 4, 3.2: 9})
    beside = series("total", "old-1", {0.4: 0, 1.4: 5})
    assert joins(Batch((old,), ()), until=4) == []
    assert joins(Batch((old, loading, beside), ()), until=4) == [3.0]


def test_a_pod_that_has_long_answered_nobody_joins_again() -> None:
    late = FORGET_SECONDS + 10
    total = series("total", "new-1", {-1.5: 3, -0.5: 7, **{float(at): 7 for at in range(0, int(late), 100)}, late: 9})
    assert joins(Batch((total,), ()), until=late + 1) == [late]


def test_who_joined_is_the_same_when_read_in_pieces() -> None:
    total = series("total", "new-1", {-0.5: 0, 0.5: 1, 1.5: 2, 2.5: 3})
    how = rules()
    ledger, first = advance(Ledger(), Batch((total,), ()), how, after=0, until=1, final="final")
    _, second = advance(ledger, Batch((total,), ()), how, after=1, until=3, final="final")
    assert [tick.joined for tick in (*first, *second)] == [True, False, False]
