"""The grid of ticks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.metrics.ticks import SCRAPES_TO_COMPARE, Grid, grid, is_final

pytestmark = pytest.mark.unit

grids = st.builds(
    lambda interval, phase: Grid(interval, phase % interval), st.integers(1, 600_000), st.integers(0, 600_000)
)
times = st.integers(1_700_000_000_000, 1_900_000_000_000).map(lambda ms: ms / 1000)


@pytest.mark.parametrize(
    ("interval", "scrape", "scrapes", "expected"),
    [
        pytest.param(10, 1, 1, 10, id="as-the-metric-asks"),
        pytest.param(1, 15, 1, 15, id="never-finer-than-a-scrape"),
        pytest.param(1, 15, SCRAPES_TO_COMPARE, 30, id="two-scrapes-to-compare"),
        pytest.param(0.25, 0.1, 1, 0.25, id="below-a-second"),
    ],
)
def test_interval(interval: float, scrape: float, scrapes: int, expected: float) -> None:
    assert grid("uid", interval, scrape, scrapes).interval == expected


@pytest.mark.parametrize(("interval", "scrape"), [(0, 1), (-1, 1), (1, 0)])
def test_refuses_what_is_not_positive(interval: float, scrape: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        grid("uid", interval, scrape)


def test_the_phase_is_of_the_uid_and_the_same_in_every_process() -> None:
    assert grid("4b7d", 10, 1) == Grid(10_000, 7_245)
    phases = {grid(f"uid-{n}", 10, 1).phase_ms for n in range(100)}
    assert len(phases) > 90


def test_ticks_around_an_instant() -> None:
    ticks = Grid(interval_ms=10_000, phase_ms=3_000)
    assert ticks.tick_after(1003.0) == 1013.0
    assert ticks.tick_at_or_before(1003.0) == 1003.0
    assert ticks.tick_of(1003.0) == 1003.0
    assert ticks.tick_of(1003.001) == 1013.0
    assert ticks.ticks_between(1003.0, 1033.0) == (1013.0, 1023.0, 1033.0)


@given(grids, times)
def test_a_sample_lies_in_the_span_of_its_tick(ticks: Grid, sample: float) -> None:
    tick = ticks.tick_of(sample)
    assert tick - ticks.interval - 0.0005 < sample <= tick
    assert ticks.tick_after(sample) > sample >= ticks.tick_at_or_before(sample)


@given(grids, times, st.integers(0, 50))
def test_spans_in_a_row_leave_nothing_out_and_nothing_twice(ticks: Grid, start: float, count: int) -> None:
    end = start + count * ticks.interval / 3
    middle = (start + end) / 2
    whole = ticks.ticks_between(start, end)
    assert whole == ticks.ticks_between(start, middle) + ticks.ticks_between(middle, end)
    assert all(ticks.tick_of(tick) == tick for tick in whole)


@given(grids, times, st.floats(0, 60))
def test_the_last_final_tick_is_the_last_one_that_is_final(ticks: Grid, now: float, timeout: float) -> None:
    last = ticks.last_final(now, round(timeout, 3))
    assert is_final(last, now + 0.001, round(timeout, 3))
    assert not is_final(ticks.tick_after(last), now - 0.001, round(timeout, 3))


def test_a_tick_is_final_a_second_after_the_scrape_timeout() -> None:
    assert not is_final(1000.0, now=1010.9, scrape_timeout=10)
    assert is_final(1000.0, now=1011.0, scrape_timeout=10)
