"""Counts by a label: from the same samples as the whole, and never more of them than were declared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.analysis.evidence import Counts, Slice, Tick
from modelrollout.metrics.counters import Batch, CounterRules, Ledger, advance
from modelrollout.metrics.provider import RawSeries
from modelrollout.metrics.slicing import Slicing
from tests.support.histories import rules, series

pytestmark = pytest.mark.unit

DIGITS = Slicing("digit", 3)


def sliced(marks: str = "events", slicing: Slicing = DIGITS) -> CounterRules:
    return replace(rules(marks=marks), slicing=slicing)


def read(batch: Batch, until: float, how: CounterRules) -> tuple[Tick, ...]:
    return advance(Ledger(), batch, how, after=0.0, until=until, final="final")[1]


BATCH = Batch(
    total=(
        series("total", "new-1", {-0.5: 0, 0.5: 3, 1.5: 3}, digit="3"),
        series("total", "new-2", {-0.5: 0, 0.5: 2, 1.5: 4}, digit="8"),
        series("total", "new-1", {-0.5: 0, 0.5: 1, 1.5: 1}, digit="8"),
        series("total", "old-1", {-0.2: 5, 0.8: 25, 1.8: 30}, digit="8"),
    ),
    marked=(
        series("events", "new-1", {1.5: 1}, digit="8"),
        series("events", "old-1", {-0.2: 1, 0.8: 2, 1.8: 2}, digit="8"),
    ),
)


def test_each_value_has_its_own_counts_and_the_whole_has_all() -> None:
    first, second = read(BATCH, 2, sliced())
    assert (first.candidate, first.stable) == (Counts(0, 6), Counts(1, 20))
    assert first.slices == (Slice("3", Counts(0, 3), Counts()), Slice("8", Counts(0, 3), Counts(1, 20)))
    # Nothing was counted of the 3, which says so by its absence; pods of a revision add up.
    assert second.slices == (Slice("8", Counts(1, 2), Counts(0, 5)),)
    assert second.unsliced is None


def test_slices_change_nothing_of_the_whole() -> None:
    plain = read(BATCH, 2, rules())
    assert [replace(tick, slices=()) for tick in read(BATCH, 2, sliced())] == list(plain)


def test_reading_in_pieces_gives_the_same_slices() -> None:
    how = sliced()
    early = Batch(*(tuple(_until(one, 1.0) for one in side) for side in (BATCH.total, BATCH.marked)))
    ledger, first = advance(Ledger(), early, how, after=0.0, until=1.0, final="final")
    _, second = advance(ledger, BATCH, how, after=1.0, until=2.0, final="final")
    assert (*first, *second) == read(BATCH, 2, how)


def test_good_things_that_are_ahead_are_set_off_within_their_slice() -> None:
    batch = Batch(
        total=(
            series("total", "new-1", {-0.5: 0, 0.5: 4, 1.5: 8}, digit="3"),
            series("total", "new-1", {-0.5: 0, 0.5: 4, 1.5: 8}, digit="8"),
        ),
        marked=(
            series("good", "new-1", {-0.5: 0, 0.5: 5, 1.5: 8}, digit="3"),
            series("good", "new-1", {-0.5: 0, 0.5: 2, 1.5: 6}, digit="8"),
        ),
    )
    ticks = read(batch, 2, sliced("good"))
    assert [[part.candidate for part in tick.slices] for tick in ticks] == [
        [Counts(0, 4), Counts(2, 4)],
        [Counts(0, 4), Counts(0, 4)],
    ]


def test_where_a_revision_is_not_scraped_its_slices_are_unknown_too() -> None:
    batch = Batch((series("total", "new-1", {-0.5: 0, 0.5: 4}, digit="8"),), ())
    (tick,) = read(batch, 1, sliced())
    assert (tick.stable, tick.slices) == (None, (Slice("8", Counts(0, 4), None),))


@pytest.mark.parametrize(
    ("total", "marked", "problem"),
    [
        pytest.param({"1", "2", "3"}, {"1"}, None, id="as-many-as-declared"),
        pytest.param(
            {"1", "2", "3"},
            {"4"},
            "4 values of the label digit are more than maxSlices: 3: raise it, or use a coarser label",
            id="more",
        ),
        pytest.param(set(), set(), None, id="nothing-counted-yet"),
        pytest.param({""}, set(), "no series has the label digit", id="no-label"),
        pytest.param({"1", ""}, {""}, None, id="some-without"),
        pytest.param(
            {"1"}, {""}, "the label digit is on the counter of all things only, and both need it", id="one-counter-only"
        ),
    ],
)
def test_what_cannot_be_sliced_is_said(total: set[str], marked: set[str], problem: str | None) -> None:
    assert DIGITS.problem(total, marked) == problem


def test_a_tick_that_cannot_be_sliced_still_counts_as_a_whole() -> None:
    first, _ = read(BATCH, 2, sliced(slicing=Slicing("digit", 1)))
    assert (first.candidate, first.slices) == (Counts(0, 6), ())
    assert first.unsliced is not None
    first, _ = read(BATCH, 2, sliced(slicing=Slicing("tenant", 3)))
    assert first.unsliced == "no series has the label tenant"


def _until(one: RawSeries, end: float) -> RawSeries:
    return replace(one, samples=tuple(sample for sample in one.samples if sample[0] <= end))
