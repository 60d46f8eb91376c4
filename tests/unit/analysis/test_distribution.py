"""Two distributions on common bins."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.distribution import LEAST_POOLED, MOST_BINS, Cumulative, Labelled, Pair, paired, thickened
from modelrollout.analysis.ranges import Ranges
from tests.support.native import of

pytestmark = pytest.mark.unit

INF = math.inf
NUMBERS = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=60)
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


def test_native_histograms_are_compared_where_both_can_tell_values_apart() -> None:
    first = Ranges(((1, 1.5, 2), (1.5, 2, 3), (4, 8, 1)), 7)
    second = Ranges(((1, 2, 4), (8, math.inf, 2)), 6)
    assert paired(first, second) == Pair((5, 1, 0, 1), (4, 0, 2, 0), (1.5, 6, 8, 8), MOST_BINS)
    assert paired(Ranges((), 0), Ranges((), 0)) == Pair((0,), (0,), (0,), MOST_BINS)


def test_native_histograms_that_only_a_single_range_holds() -> None:
    one = Ranges(((1, 2, 5),), 5)
    assert paired(one, one) == Pair((5, 0), (5, 0), (1.5, 1.5), MOST_BINS)
    # Whatever either tells apart is lost: all is one range, in which everything looks alike.
    assert paired(Ranges(((1, 2, 5), (2, 4, 5)), 10), Ranges(((0, 16, 5),), 5)) is None


def test_a_native_histogram_beside_a_classic_one() -> None:
    native, classic = of([0.3, 0.7, 3.0], schema=3).ranges, cumulative((0.5, 4), (0.6, 5), (0.7, 6), (2, 7), (INF, 9))
    # 0.6 is no bound, and nothing lies there; 0.7 lies within a bucket.
    assert paired(native, classic) == Pair((1, 0, 1, 1), (4, 1, 2, 2), (0.5, 0.55, 1.3, 2))
    assert paired(of([5.0], schema=0).ranges, cumulative((5, 4), (INF, 9))) is None


@given(NUMBERS, NUMBERS, st.integers(0, 3), st.integers(0, 3))
def test_native_histograms_agree_with_classic_ones_of_the_same_values(
    first: list[float], second: list[float], one: int, other: int
) -> None:
    edges = [2.0**power for power in range(-8, 16)]

    def classic(values: list[float]) -> Cumulative:
        return cumulative(*((edge, sum(value <= edge for value in values)) for edge in (*edges, INF)))

    natives, classics = (of(first, one).ranges, of(second, other).ranges), (classic(first), classic(second))
    beside = (paired(natives[0], classics[1]), paired(classics[0], natives[1]), paired(*classics))
    assert beside[0] == beside[1] == beside[2]
    pair = paired(*natives)
    if pair is not None:
        assert (sum(pair.first), sum(pair.second)) == (len(first), len(second))
        assert len(thickened(pair).first) <= MOST_BINS
        assert list(pair.positions or ()) == sorted(pair.positions or ())


@given(NUMBERS, st.integers(0, 5), st.integers(0, 5))
def test_the_same_values_at_two_resolutions_do_not_differ(values: list[float], one: int, other: int) -> None:
    pair = paired(of(values, one).ranges, of(values, other).ranges)
    assert pair is None or pair.first == pair.second
