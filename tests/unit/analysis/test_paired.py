"""Requests of two revisions in the same time, whatever scrapes were missed."""

from __future__ import annotations

from itertools import accumulate
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.paired import Paired, PairedTicks

pytestmark = pytest.mark.unit

KEEP = 300.0


def ticks(*counts: tuple[int | None, int | None]) -> tuple[Tick, ...]:
    """One tick a second, from second 1."""
    return tuple(
        Tick(float(at), _counts(candidate), _counts(stable), final=True)
        for at, (candidate, stable) in enumerate(counts, start=1)
    )


def _counts(total: int | None) -> Counts | None:
    return None if total is None else Counts(0, total)


def paired(*counts: tuple[int | None, int | None]) -> PairedTicks:
    return PairedTicks(interval=1.0, keep=KEEP).more(ticks(*counts))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(paired(), Paired(), id="nothing"),
        pytest.param(paired((1, 9), (2, 8)), Paired(3, 17, 2.0), id="both"),
        pytest.param(paired((1, 9), (None, 9), (2, 9)), Paired(3, 27, 3.0), id="candidate-missed-one"),
        pytest.param(paired((1, 9), (1, None), (1, 18)), Paired(3, 27, 3.0), id="stable-missed-one"),
        pytest.param(paired((1, 9), (None, None), (3, None), (1, 36)), Paired(5, 45, 4.0), id="outage"),
        pytest.param(paired((1, 9), (1, None)), Paired(1, 9, 1.0), id="the-rest-is-not-known-yet"),
        pytest.param(paired((None, 9), (2, 9), (1, 9)), Paired(1, 9, 1.0), id="nobody-knows-since-when"),
        pytest.param(paired((None, 9), (None, 9)), Paired(), id="candidate-never-scraped"),
        pytest.param(paired((0, None), (0, None)), Paired(), id="stable-never-scraped"),
    ],
)
def test_only_what_both_answered_in_the_same_time_counts(found: PairedTicks, expected: Paired) -> None:
    assert found.total() == expected


def test_a_stretch_longer_than_counters_are_remembered_shows_nothing() -> None:
    gap = [(None, None)] * int(KEEP)
    assert paired((1, 9), *gap, (1, 9), (1, 9)).total() == Paired(2, 18, 2.0)


def test_a_part_begins_where_a_stretch_begins() -> None:
    found = paired((1, 9), (None, 9), (2, 9), (1, 9))
    assert found.within(1.0) == Paired(3, 27, 3.0)
    assert found.within(2.0) == Paired(1, 9, 1.0), "nobody knows how much of the two answers came after second 2"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60), st.integers(1, 60))
def test_missed_scrapes_bias_nothing(scraped: list[tuple[bool, bool]], at: int) -> None:
    """One answers 1 a second and the other 9: their sums keep that ratio, also when old ticks become a sum."""
    found = PairedTicks(interval=1.0, keep=8.0)
    series = _lumps(scraped)
    found = found.more(series[:at]).more(series[at:])
    total = found.total()
    assert total.stable == 9 * total.candidate == pytest.approx(9 * total.seconds)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_old_ticks_are_given_up_and_their_sum_is_not(scraped: list[tuple[bool, bool]]) -> None:
    series = _lumps(scraped)
    whole = PairedTicks(interval=1.0, keep=16.0, ticks=series)
    steps = list(accumulate(series, lambda known, tick: known.more([tick]), initial=PairedTicks(1.0, 16.0)))
    assert steps[-1].total() == whole.total()
    assert max(len(step.ticks) for step in steps) <= 34
    assert steps[-1].within(inf) == Paired()


def _lumps(scraped: list[tuple[bool, bool]]) -> tuple[Tick, ...]:
    """What was answered while scrapes failed arrives with the next one."""
    missing = [0, 0]
    found: list[tuple[int | None, int | None]] = []
    for flags in scraped:
        counts: list[int | None] = []
        for index, (rate, known) in enumerate(zip((1, 9), flags, strict=True)):
            missing[index] += rate
            counts.append(missing[index] if known else None)
            missing[index] = 0 if known else missing[index]
        found.append((counts[0], counts[1]))
    return ticks(*found)
