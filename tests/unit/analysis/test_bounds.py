import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.bounds import Bound, absolute_bounds, frozen_bound, relative_bound, value_bound
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.limits import Limits

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("bound", "value", "kept"),
    [
        (Bound(0.3, upper=True), 0.3, True),
        (Bound(0.3, upper=True), 0.1 + 0.2, True),
        (Bound(0.3, upper=True), 0.300001, False),
        (Bound(0.3, upper=False), 0.3, True),
        (Bound(0.3, upper=False), 0.299999, False),
        (Bound(0.3, upper=True), math.nan, False),
        (Bound(0.3, upper=False), math.nan, False),
    ],
)
def test_a_value_at_the_limit_keeps_it_and_nan_keeps_none(bound: Bound, value: float, *, kept: bool) -> None:
    assert bound.keeps(value) is kept


@pytest.mark.parametrize(
    ("bound", "samples", "text"),
    [
        (Bound(0.01, upper=True), 640, "error-rate 0.08 > 0.01 (n=640)"),
        (Bound(0.1, upper=True), None, "error-rate 0.08 <= 0.1"),
        (Bound(0.1, upper=False), 640, "error-rate 0.08 < 0.1 (n=640)"),
        (Bound(0.05, upper=False, stable=0.07), 640, "error-rate 0.08 >= 0.05 (stable 0.07, n=640)"),
        (Bound(0.01, upper=True, stable=0.005, frozen=True), 9, "error-rate 0.08 > 0.01 (stable 0.005 frozen, n=9)"),
    ],
)
def test_one_line_says_what_was_compared(bound: Bound, samples: int | None, text: str) -> None:
    assert bound.describe("error-rate", 0.08, samples) == text


def test_the_nearest_upper_limit_is_shown_first() -> None:
    bounds = [Bound(0.2, upper=False), Bound(0.5, upper=True), Bound(0.4, upper=True), Bound(0.3, upper=False)]
    assert [bound.limit for bound in sorted(bounds, key=lambda bound: bound.tightness)] == [0.4, 0.5, 0.3, 0.2]


def test_absolute_limits() -> None:
    assert absolute_bounds(Limits(ratio=2.0)) == []
    assert absolute_bounds(Limits(max=0.5, min=0.1)) == [Bound(0.5, upper=True), Bound(0.1, upper=False)]


def test_where_more_is_better_the_ratio_applies_to_what_is_missing() -> None:
    bound = relative_bound(Limits(min=0.3, ratio=1.5), Counts(98, 100))
    assert not bound.upper
    assert bound.limit == pytest.approx(0.97)
    assert bound.stable == 0.98
    assert frozen_bound(Limits(min=0.3, ratio=1.5), 0.02).limit == pytest.approx(0.97)


def test_where_more_is_better_a_value_is_divided_by_the_ratio() -> None:
    assert value_bound(Limits(min=0.3, ratio=1.25), 0.5, frozen=False).limit == pytest.approx(0.4)


@given(
    st.sampled_from([Limits(ratio=3.0), Limits(difference=0.6), Limits(min=0.1, ratio=3.0, difference=0.5)]),
    st.integers(0, 50),
)
def test_limits_of_a_rate_are_rates(limits: Limits, events: int) -> None:
    assert 0 <= relative_bound(limits, Counts(events, 50)).limit <= 1
    assert 0 <= frozen_bound(limits, events / 50).limit <= 1
