"""Two distributions on common bins."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.distribution import LEAST_POOLED, Cumulative, Labelled, Pair, paired, thickened

pytestmark = pytest.mark.unit

INF = math.inf
COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=12)


def cumulative(*counts: tuple[float, float]) -> Cumulative:
    return Cumulative(counts)


@pytest.mark.parametrize("edges", [(), (1.0,), (1.0, 1.0, INF), (2.0, 1.0, INF)])
def test_edges_ascend_and_end_in_infinity(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="edges must ascend"):
        Cumulative(tuple((edge, 1.0) for edge in edges))


def test_only_common_edges_are_compared_and_counts_stay_exact() -> None:
    first = cumulative((1, 2), (2, 5), (4, 6), (INF, 10))
    second = cumulative((1, 1), (3, 7), (4, 8), (INF, 8))
    assert paired(first, second) == Pair((2, 4, 4), (1, 7, 0), (1, 2.5, 4))


def test_without_a_common_finite_edge_there_is_nothing_to_compare() -> None:
    assert paired(cumulative((1, 2), (INF, 3)), cumulative((2, 2), (INF, 3))) is None
    assert paired(cumulative((1, 2), (INF, 3)), Labelled({"a": 1})) is None


def test_labels_are_compared_by_all_values_that_either_has() -> None:
    assert paired(Labelled({"b": 2, "a": 1}), Labelled({"c": 4, "b": 3})) == Pair((1, 2, 0), (0, 3, 4), None)
    assert Labelled({"b": 2, "a": 1}).total == 3


def test_buckets_that_are_not_monotonic_give_no_negative_count() -> None:
    pair = paired(cumulative((1, 5), (2, 4), (INF, 9)), cumulative((1, 1), (2, 2), (INF, 3)))
    assert pair is not None
    assert pair.first == (5, 0, 5)


def test_thin_bins_join_their_neighbours() -> None:
    pair = Pair((20, 1, 2, 30, 3), (20, 2, 1, 30, 3), (1, 2, 3, 4, 5))
    assert thickened(pair) == Pair((20, 36), (20, 36), None)


def test_rare_values_of_a_label_join_each_other() -> None:
    pair = Pair((1, 30, 2, 3), (1, 30, 2, 3), None)
    assert thickened(pair) == Pair((30, 6), (30, 6), None)


def test_few_counts_are_one_bin() -> None:
    assert thickened(Pair((1, 2), (0, 1), (1, 2))) == Pair((3,), (1,), None)


@given(COUNTS, st.data())
def test_joining_loses_nothing_and_leaves_no_thin_bin(first: list[int], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.integers(0, 40), min_size=len(first), max_size=len(first)))
    positions = data.draw(st.sampled_from([None, tuple(map(float, range(len(first))))]))
    joined = thickened(Pair(tuple(map(float, first)), tuple(map(float, second)), positions))
    assert (sum(joined.first), sum(joined.second)) == (sum(first), sum(second))
    if sum(first) + sum(second) >= LEAST_POOLED:
        assert all(a + b >= LEAST_POOLED for a, b in zip(joined.first, joined.second, strict=True))
