import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.evidence import NOTHING, Counts

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("events", "total"), [(-1, 3), (4, 3), (1, 0)])
def test_impossible_counts_are_refused(events: int, total: int) -> None:
    with pytest.raises(ValueError, match=r"0 <= events <= total"):
        Counts(events, total)


@pytest.mark.parametrize(
    ("events", "total", "expected"),
    [
        pytest.param(3, 40, Counts(3, 40), id="as-they-are"),
        pytest.param(1, 0, Counts(1, 1), id="event-scraped-before-its-total-is-kept"),
        pytest.param(0, 1, Counts(0, 1), id="its-total-follows"),
        pytest.param(-2, 5, Counts(0, 5), id="more-good-than-total"),
        pytest.param(-2, -5, Counts(0, 0), id="negative-increases"),
        pytest.param(2.9999999, 7.0000001, Counts(3, 7), id="floats-that-mean-counts"),
    ],
)
def test_counters_that_disagree_never_lose_an_event(events: float, total: float, expected: Counts) -> None:
    assert Counts.observed(events, total) == expected


@pytest.mark.parametrize(("events", "total"), [(math.nan, 1.0), (0.0, math.inf)])
def test_counts_must_be_finite(events: float, total: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Counts.observed(events, total)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_any_increase_gives_possible_counts(events: float, total: float) -> None:
    counts = Counts.observed(events, total)
    assert counts.complement.complement == counts
    assert counts + NOTHING == counts


def test_rate_is_unknown_without_requests() -> None:
    assert NOTHING.rate is None
    assert Counts(1, 4).rate == 0.25
    assert Counts(1, 4).complement.rate == 0.75
