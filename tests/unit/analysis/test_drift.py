"""Measures of drift against scipy and published values, and how often chance alone is taken for drift."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

from modelrollout.analysis import drift
from modelrollout.analysis.distribution import Cumulative, Distribution, Labelled, Pair
from modelrollout.analysis.drift import Measured, Method, measure
from tests.support import native

pytestmark = pytest.mark.unit

INF = math.inf
COUNT = st.integers(0, 10**9)
BOTH = st.integers(2, 15).flatmap(
    lambda bins: st.tuples(*(st.lists(COUNT, min_size=bins, max_size=bins) for _ in range(2)))
)
ANY_ORDER = [Method.PSI, Method.JS, Method.CHI_SQUARE]


def pair_of(both: tuple[list[int], list[int]]) -> Pair:
    first, second = both
    assume(sum(first) > 0)
    assume(sum(second) > 0)
    return Pair(tuple(map(float, first)), tuple(map(float, second)), tuple(float(k * k) for k in range(len(first))))


def labels(*counts: float) -> Labelled:
    return Labelled({str(index): count for index, count in enumerate(counts)})


def histogram(*counts: float) -> Cumulative:
    sums = list(itertools.accumulate(counts))
    return Cumulative((*((float(edge), total) for edge, total in enumerate(sums[:-1])), (INF, sums[-1])))


@given(BOTH)
def test_psi_is_the_sum_of_both_relative_entropies(both: tuple[list[int], list[int]]) -> None:
    pair = pair_of(both)
    p = [(count + 0.5) / (sum(pair.first) + len(pair.first) / 2) for count in pair.first]
    q = [(count + 0.5) / (sum(pair.second) + len(pair.second) / 2) for count in pair.second]
    expected = sum(special.rel_entr(p, q)) + sum(special.rel_entr(q, p))
    assert drift.psi(pair) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(BOTH)
def test_jensen_shannon_is_scipys(both: tuple[list[int], list[int]]) -> None:
    pair = pair_of(both)
    expected = jensenshannon(pair.first, pair.second, base=2)
    expected = 0.0 if math.isnan(expected) else expected
    assert drift.jensen_shannon(pair) == pytest.approx(expected, abs=1e-6)


@given(BOTH)
def test_the_effect_size_is_that_of_scipys_test_of_homogeneity(both: tuple[list[int], list[int]]) -> None:
    pair = pair_of(both)
    table = [[a, b] for a, b in zip(pair.first, pair.second, strict=True) if a + b > 0]
    assume(len(table) > 1)
    chi2 = stats.chi2_contingency(table, correction=False).statistic
    expected = math.sqrt(chi2 * (1 / sum(pair.first) + 1 / sum(pair.second)))
    assert drift.effect_size(pair) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(BOTH)
def test_wasserstein_is_scipys_in_standard_deviations(both: tuple[list[int], list[int]]) -> None:
    pair = pair_of(both)
    assert pair.positions is not None
    at = pair.positions
    mean = sum(c * x for c, x in zip(pair.second, at, strict=True)) / sum(pair.second)
    deviation = math.sqrt(sum(c * (x - mean) ** 2 for c, x in zip(pair.second, at, strict=True)) / sum(pair.second))
    assume(deviation > 1e-3)
    expected = stats.wasserstein_distance(at, at, pair.first, pair.second) / deviation
    assert drift.wasserstein(pair) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.lists(st.integers(0, 4), min_size=4, max_size=60), st.lists(st.integers(0, 4), min_size=4, max_size=60))
def test_the_largest_gap_is_scipys_on_values_at_the_edges(first: list[int], second: list[int]) -> None:
    counted = [tuple(float(sample.count(value)) for value in range(5)) for sample in (first, second)]
    expected = stats.ks_2samp(first, second, method="asymp").statistic
    assert drift.largest_gap(Pair(counted[0], counted[1], tuple(map(float, range(5))))) == pytest.approx(expected)


def test_values_that_scipys_documentation_gives() -> None:
    apart, half = Pair((1, 0, 0), (0, 1, 0), None), Pair((1, 0), (0.5, 0.5), None)
    assert drift.jensen_shannon(apart) == pytest.approx(1.0)
    # In nats the documentation has 0.46450140402245893 for the second.
    assert drift.jensen_shannon(half) * math.sqrt(math.log(2)) == pytest.approx(0.46450140402245893)


def test_an_empty_bin_makes_psi_large_and_not_infinite() -> None:
    value = drift.psi(Pair((1000, 0), (500, 500), None))
    assert math.isfinite(value)
    assert value > 3


@pytest.mark.parametrize(("n", "m"), [(1000, 1000), (500, 5000)])
def test_psi_without_drift_has_the_published_mean_and_tail(n: int, m: int) -> None:
    """Yurdakul 2018: about (1/n + 1/m) times chi-square with bins - 1 degrees; its 95 % quantile for 9 is 16.919."""
    dice = np.random.default_rng(1)
    drawn = zip(dice.multinomial(n, [0.1] * 10, 1500), dice.multinomial(m, [0.1] * 10, 1500), strict=True)
    values = [drift.psi(Pair(tuple(map(float, one)), tuple(map(float, other)), None)) for one, other in drawn]
    noise = 1 / n + 1 / m
    assert sum(values) / len(values) == pytest.approx(9 * noise, rel=0.05)
    assert sorted(values)[int(0.95 * len(values))] == pytest.approx(16.919 * noise, rel=0.08)


@given(st.integers(2, 200), st.floats(1e-12, 0.5), st.integers(1000, 10**9))
def test_the_floor_of_psi_is_beyond_the_quantile_of_scipys_chi_square(bins: int, level: float, size: int) -> None:
    even = histogram(*[float(size)] * bins)
    found = measure(Method.PSI, even, even, level)
    assert found is not None
    quantile = stats.chi2.isf(level, bins - 1)
    assert quantile <= found.floor / (2 / (size * bins)) <= quantile + 30 + bins


@given(st.floats(1e-12, 0.5), st.integers(1000, 10**9))
def test_the_floor_of_the_gap_is_beyond_the_quantile_of_kolmogorov(level: float, size: int) -> None:
    even = histogram(float(size), float(size))
    found = measure(Method.KS, even, even, level)
    assert found is not None
    assert stats.kstwobign.sf(found.floor * math.sqrt(size)) <= level * (1 + 1e-9)


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("sizes", [(600, 600), (600, 20_000)])
def test_chance_exceeds_the_floor_no_more_often_than_said(method: Method, sizes: tuple[int, int]) -> None:
    dice = np.random.default_rng(7)
    # Uneven, with bins that hold one in a hundred: there the approximations are worst.
    shares = [0.3, 0.25, 0.2, 0.1, 0.06, 0.04, 0.02, 0.01, 0.01, 0.01]
    false, rounds, level = 0, 400, 0.05
    for first, second in zip(*(dice.multinomial(size, shares, rounds) for size in sizes), strict=True):
        found = measure(method, histogram(*map(float, first)), histogram(*map(float, second)), level)
        assert found is not None
        false += found.value > found.floor
    # Three standard errors above the level would be 0.083.
    assert false / rounds <= 0.083


def test_native_histograms_are_no_more_often_apart_by_chance_and_need_no_more_samples() -> None:
    dice = np.random.default_rng(11)
    false, rounds, level = dict.fromkeys(Method, 0), 150, 0.05
    for _ in range(rounds):
        first, second = (native.of(map(float, dice.lognormal(0, 1, 1000)), schema).ranges for schema in (3, 2))
        for method in Method:
            found = measure(method, first, second, level)
            assert found is not None
            assert found.is_enough
            false[method] += found.value > found.floor
    # Three standard errors above the level would be 0.103.
    assert max(false.values()) / rounds <= 0.103


@pytest.mark.parametrize("method", list(Method))
def test_a_shift_of_native_histograms_is_seen(method: Method) -> None:
    dice = np.random.default_rng(12)
    first, second = (native.of(map(float, dice.lognormal(middle, 1, 1000))).ranges for middle in (0.0, 0.8))
    found = measure(method, first, second, 1e-6)
    assert found is not None
    assert found.exceeds(0.2)


def test_ordered_measures_use_all_of_the_resolution() -> None:
    dice = np.random.default_rng(12)
    values = [dice.lognormal(middle, 1, 1000) for middle in (0.0, 0.8)]
    first, second = (native.of(map(float, one)).ranges for one in values)
    distance, gap = (measure(method, first, second, 0.01) for method in (Method.WASSERSTEIN, Method.KS))
    assert distance is not None
    assert gap is not None
    assert distance.value == pytest.approx(stats.wasserstein_distance(*values) / values[1].std(), rel=0.02)
    assert gap.value == pytest.approx(stats.ks_2samp(*values).statistic, rel=0.05)


@pytest.mark.parametrize("method", list(Method))
def test_a_real_shift_is_seen(method: Method) -> None:
    found = measure(method, histogram(20, 60, 300, 400, 220), histogram(200, 400, 300, 80, 20), 1e-6)
    assert found is not None
    assert found.exceeds(0.2)
    assert not found.keeps(0.2)


@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize(
    ("first", "second", "drifts"),
    [
        ((10**9, 10**9, 10**9), (10**9, 10**9, 10**9), False),
        ((10**9, 0, 0), (0, 0, 10**9), True),
        ((10**9, 0, 0), (10**9, 0, 0), False),
        ((0, 10**9, 0), (0, 1000, 0), False),
        ((0, 0, 10**9), (1, 1, 10**9), False),
        ((0, 0, 0), (10**9, 1, 1), False),
        ((0, 0, 0), (0, 0, 0), False),
        ((1, 0, 0), (0, 0, 1), False),
    ],
)
@pytest.mark.filterwarnings("error")
def test_extremes(method: Method, first: tuple[int, ...], second: tuple[int, ...], drifts: bool) -> None:  # noqa: FBT001 - a column
    found = measure(method, histogram(*first), histogram(*second), 1e-9)
    assert found is not None
    assert math.isfinite(found.value)
    assert math.isfinite(found.floor)
    assert found.exceeds(0.1) is drifts


@given(BOTH, st.sampled_from(list(Method)), st.floats(1e-12, 0.5), st.floats(1, 50))
def test_a_measure_is_finite_and_not_negative(
    both: tuple[list[int], list[int]], method: Method, level: float, cluster: float
) -> None:
    found = measure(method, histogram(*both[0]), histogram(*both[1]), level, cluster)
    assert found is not None
    assert 0 <= found.value < INF
    assert 0 <= found.floor < INF


@pytest.mark.parametrize("method", ANY_ORDER)
def test_labels_have_no_order(method: Method) -> None:
    one = measure(method, labels(500, 200, 300), labels(100, 400, 500), 0.01)
    other = measure(method, labels(300, 500, 200), labels(500, 100, 400), 0.01)
    assert one is not None
    assert other is not None
    assert one.value == pytest.approx(other.value)


@pytest.mark.parametrize("method", [Method.KS, Method.WASSERSTEIN])
def test_what_needs_an_order_refuses_labels(method: Method) -> None:
    with pytest.raises(ValueError, match="have no order"):
        measure(method, labels(500, 200), labels(100, 400), 0.01)


def test_both_need_fifty_samples_for_each_bin() -> None:
    def compared(first: Distribution, second: Distribution, cluster: float = 1.0) -> Measured:
        found = measure(Method.PSI, first, second, 0.01, cluster)
        assert found is not None
        return found

    many, few = labels(50, 50, 50), labels(50, 50, 49)
    assert compared(many, many).needed == 150
    assert compared(many, many).is_enough
    assert not compared(few, many).is_enough
    assert not compared(many, few).is_enough
    assert not compared(many, many, cluster=2.0).is_enough


def test_clusters_raise_the_floor() -> None:
    plain = measure(Method.PSI, labels(500, 500), labels(500, 500), 0.01)
    clustered = measure(Method.PSI, labels(500, 500), labels(500, 500), 0.01, cluster_size=4)
    assert plain is not None
    assert clustered is not None
    assert clustered.floor == pytest.approx(4 * plain.floor)


@pytest.mark.parametrize(("level", "cluster"), [(0.0, 1.0), (1.0, 1.0), (0.01, 0.5)])
def test_senseless_settings_are_refused(level: float, cluster: float) -> None:
    with pytest.raises(ValueError, match=r"level must lie|at least one sample"):
        measure(Method.PSI, labels(1, 1), labels(1, 1), level, cluster)


def test_without_common_bins_there_is_no_measure() -> None:
    assert measure(Method.PSI, labels(1, 1), histogram(1, 1), 0.01) is None
