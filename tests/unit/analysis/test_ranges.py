"""Native histograms of any resolution, brought together."""

from __future__ import annotations

import math
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.ranges import Ranges, added, aligned, increase
from tests.support.native import of

pytestmark = pytest.mark.unit

INF: Final = math.inf
VALUES = st.lists(st.floats(-1e6, 1e6), max_size=40)
SCHEMAS = st.integers(-2, 8)
DOUBLINGS: Final = tuple(2.0**power for power in range(-8, 24, 4))
"""Bounds at any of these resolutions."""


def ranges(*found: tuple[float, float, float], nowhere: float = 0) -> Ranges:
    return Ranges(found, sum(count for _, _, count in found) + nowhere)


def test_counts_are_known_of_every_number_that_lies_in_no_bucket() -> None:
    one = ranges((-1, 1, 2), (4, 8, 3), nowhere=1)
    known = {-2: 0, -1: 0, 1: 2, 2.5: 2, 4: 2, 8: 5, 100: 5, INF: 6}
    assert {edge: one.at_or_below(edge) for edge in known} == known
    assert [one.at_or_below(edge) for edge in (0, 5)] == [None, None]
    assert one.nowhere == 1


def test_a_bound_may_be_written_without_its_last_digits() -> None:
    one = of([1.0, 1.05, 1.2], schema=3).ranges
    assert one.at_or_below(1.0905) == 2
    assert one.at_or_below(1.2) is None


@pytest.mark.parametrize(
    ("one", "edge", "around"),
    [
        (ranges((0.25, 0.5, 1)), 0.3, (0.25, 0.5)),
        (ranges((0.25, 0.5, 1)), 0.5, None),
        # Nothing lies there yet, and the buckets that hold something show where bounds would be.
        (of([7.0], schema=1).ranges, 0.3, (0.25, 0.5 / 2**0.5)),
        (of([-7.0], schema=1).ranges, -0.3, (-0.5 / 2**0.5, -0.25)),
        (of([7.0], schema=1).ranges, 0.3536, None),
        (of([7.0], schema=1).ranges, 0.25, None),
        (of([7.0], schema=1).ranges, 0.0, None),
        # Custom bounds, of which some are doublings by chance.
        (ranges((-INF, 0.1, 1), (0.25, 0.5, 1), (0.5, 1, 1)), 2.5, None),
        (ranges(), 0.3, None),
    ],
)
def test_which_bounds_are_next_to_a_number_that_is_none(
    one: Ranges, edge: float, around: tuple[float, float] | None
) -> None:
    assert one.around(edge) == (around if around is None else pytest.approx(around))


def test_two_resolutions_meet_in_the_coarser_one() -> None:
    fine, coarse = of([1.1, 1.3, 1.9, 8.0], schema=3).ranges, of([1.2, 1.7, 5.0], schema=0).ranges
    assert aligned((fine, coarse)) == [
        (1.0, 2.0, (3.0, 2.0)),
        (4.0, 8.0, (1.0, 1.0)),
    ]


def test_bounds_that_differ_by_rounding_are_one() -> None:
    bound = 2**0.5
    nearby = math.nextafter(bound, 2)
    assert len(aligned((ranges((1, nearby, 1)), ranges((bound, 2, 1))))) == 2


def test_a_zero_bucket_that_has_grown_takes_in_what_lies_in_it() -> None:
    before, now = ranges((-0.001, 0.001, 1), (0.25, 0.5, 2)), ranges((-0.5, 0.5, 7))
    assert increase(before, now) == ranges((-0.5, 0.5, 4))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (ranges((1, 2, 5)), ranges((1, 2, 4), (2, 4, 3))),
        (ranges((1, 2, 5)), ranges((2, 4, 6))),
        (ranges(nowhere=5), ranges((2, 4, 3))),
    ],
    ids=["a bucket fell", "a bucket is gone", "fewer in all"],
)
def test_counting_began_anew(before: Ranges, now: Ranges) -> None:
    assert increase(before, now) is None


@given(VALUES, VALUES, SCHEMAS, SCHEMAS)
def test_what_was_observed_since_is_what_is_there_now_less_what_was_before(
    old: list[float], new: list[float], schema: int, loss: int
) -> None:
    before, now = of(old, schema), of([*old, *new], schema)
    for _ in range(max(0, loss - 2)):
        if now.schema > -2:
            now.coarsen()
    grown = increase(before.ranges, now.ranges)
    assert grown is not None
    assert grown.total == len(new)
    for edge in DOUBLINGS:
        assert grown.at_or_below(edge) == sum(value <= edge for value in new)


@given(st.lists(st.tuples(VALUES, SCHEMAS), max_size=5))
def test_adding_up_loses_nothing(parts: list[tuple[list[float], int]]) -> None:
    whole = added([of(values, schema).ranges for values, schema in parts])
    every = [value for values, _ in parts for value in values]
    assert whole.total == len(every)
    for edge in DOUBLINGS:
        assert whole.at_or_below(edge) == sum(value <= edge for value in every)
