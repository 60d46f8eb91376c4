"""A distribution that somebody has written down."""

from __future__ import annotations

import math

import pytest

from modelrollout.analysis.distribution import Cumulative, Labelled
from modelrollout.metrics.snapshots import snapshot_of, snapshot_problem

pytestmark = pytest.mark.unit


def test_counts_per_bin_become_cumulative() -> None:
    assert snapshot_of([("2", 5), ("0.5", 10), ("+Inf", 1)], labelled=False) == Cumulative(
        ((0.5, 10.0), (2.0, 15.0), (math.inf, 16.0))
    )


def test_without_a_last_bin_nothing_lies_beyond_the_others() -> None:
    assert snapshot_of([("1", 4)], labelled=False) == Cumulative(((1.0, 4.0), (math.inf, 4.0)))


def test_labels_are_taken_as_they_are() -> None:
    assert snapshot_of([("7", 4), ("1", 3)], labelled=True) == Labelled({"7": 4.0, "1": 3.0})


@pytest.mark.parametrize(
    ("bins", "labelled", "says"),
    [
        ([("1", 4), ("+Inf", 0)], False, None),
        ([("cat", 4)], True, None),
        ([("cat", 4)], False, "'cat' is no edge"),
        ([("nan", 4)], False, "'nan' is no edge"),
        ([("1", 4), ("1.0", 5)], False, "an edge is there twice"),
        ([("1", 0)], False, "all counts are 0"),
        ([("cat", 0)], True, "all counts are 0"),
    ],
)
def test_what_is_wrong_with_a_snapshot(bins: list[tuple[str, int]], labelled: bool, says: str | None) -> None:  # noqa: FBT001 - a column
    problem = snapshot_problem(bins, labelled=labelled)
    assert problem is None if says is None else problem is not None and says in problem
