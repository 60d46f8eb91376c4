import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from modelrollout.analysis.eprocess import (
    EXCESS_ODDS,
    log_threshold,
    lower_bound,
    one_sample,
    one_sample_below,
    upper_bound,
)
from modelrollout.analysis.evidence import NOTHING, Counts

pytestmark = pytest.mark.unit

ALPHA = 0.1
RUNS = 150
SHARES = st.one_of(st.floats(1e-9, 1), st.just(0.0))


@st.composite
def counts_up_to(draw: st.DrawFn, largest: int) -> Counts:
    total = draw(st.integers(0, largest))
    return Counts(draw(st.integers(0, total)), total)


ANY_COUNTS = st.one_of(counts_up_to(50), counts_up_to(10**9))


def rounding(counts: Counts) -> float:
    """What double precision leaves uncertain in a log e-value, which is a difference of terms of this size."""
    return 1e-9 + 1e-13 * counts.total


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_a_level_lies_between_0_and_1(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        log_threshold(alpha)


@pytest.mark.parametrize(
    ("counts", "limit", "expected"),
    [
        pytest.param(NOTHING, 0.01, 0.0, id="nothing-counted"),
        pytest.param(Counts(0, 9), 0.0, 0.0, id="limit-0-and-no-event"),
        pytest.param(Counts(1, 10**9), 0.0, math.inf, id="limit-0-and-an-event"),
        pytest.param(Counts(1, 9), -0.5, math.inf, id="limit-below-0"),
    ],
)
def test_edges_of_the_upper_test(counts: Counts, limit: float, expected: float) -> None:
    assert one_sample(counts, limit) == expected
    assert one_sample_below(counts.complement, 1 - limit) == pytest.approx(expected, abs=1e-9)


@given(counts_up_to(2000), st.floats(1e-4, 0.9))
def test_it_is_the_mean_of_scipys_likelihood_ratios(counts: Counts, limit: float) -> None:
    at_limit = binom.logpmf(counts.events, counts.total, limit)
    odds = np.array([1 + excess for excess in EXCESS_ODDS])
    ratios = binom.logpmf(counts.events, counts.total, odds * limit / (1 + (odds - 1) * limit)) - at_limit
    expected = float(np.logaddexp.reduce(ratios)) - math.log(len(odds))
    assert one_sample(counts, limit) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(ANY_COUNTS)
def test_a_limit_of_everything_is_never_exceeded(counts: Counts) -> None:
    assert one_sample(counts, 1.0) <= rounding(counts)
    assert one_sample(counts, 7.0) == one_sample(counts, 1.0)
    assert one_sample_below(counts, 0.0) <= rounding(counts)


@given(st.integers(1, 60), SHARES, SHARES)
def test_the_e_value_is_one_at_most_on_average_under_the_null(total: int, limit: float, part: float) -> None:
    truth = round(limit * part, 12)
    chances = binom.pmf(range(total + 1), total, truth)
    values = [one_sample(Counts(events, total), limit) for events in range(total + 1)]
    expected = sum(chance * math.exp(value) for chance, value in zip(chances, values, strict=True) if chance > 0)
    assert expected <= 1 + 1e-9


@given(ANY_COUNTS, SHARES)
def test_an_event_more_is_more_evidence_and_a_good_answer_is_less(counts: Counts, limit: float) -> None:
    evidence = one_sample(counts, limit)
    assert not math.isnan(evidence)
    assert one_sample(counts + Counts(1, 1), limit) >= evidence - rounding(counts)
    assert one_sample(counts + Counts(0, 1), limit) <= evidence + rounding(counts)


@given(ANY_COUNTS, SHARES, SHARES)
def test_a_higher_limit_is_never_easier_to_exceed(counts: Counts, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert one_sample(counts, high) <= one_sample(counts, low) + rounding(counts)


@given(ANY_COUNTS, st.integers(0, 64).map(lambda parts: parts / 64))
def test_the_lower_test_is_the_upper_one_mirrored(counts: Counts, limit: float) -> None:
    mirrored = one_sample(counts.complement, 1 - limit)
    assert one_sample_below(counts, limit) == pytest.approx(mirrored, abs=rounding(counts))


@given(ANY_COUNTS, st.sampled_from([0.5, 0.01, 1e-6]))
def test_bounds_enclose_the_estimate(counts: Counts, alpha: float) -> None:
    low, high = lower_bound(counts, alpha), upper_bound(counts, alpha)
    assert 0 <= low <= (0.5 if counts.rate is None else counts.rate) <= high <= 1
    assert lower_bound(counts.complement, alpha) == pytest.approx(1 - high, abs=1e-9)


@given(counts_up_to(10_000), st.sampled_from([0.05, 0.001]))
def test_what_holds_at_all_times_is_wider_than_what_holds_once(counts: Counts, alpha: float) -> None:
    once = beta.ppf(1 - alpha, counts.events + 1, counts.total - counts.events) if counts.events < counts.total else 1.0
    assert upper_bound(counts, alpha) >= once - 1e-9


@pytest.mark.parametrize(
    ("counts", "widest"),
    [
        (Counts(0, 1000), 0.009),
        (Counts(5, 1000), 0.025),
        (Counts(500, 100_000), 0.0065),
        (Counts(50_000, 10**7), 0.0054),
    ],
)
def test_bounds_are_close_enough_to_be_of_use(counts: Counts, widest: float) -> None:
    assert upper_bound(counts, 0.001) < widest


def _share_of_rejections(limit: float, truth: float) -> float:
    """Share of histories of 60 ticks in which one look or another rejects, seeded."""
    random = np.random.default_rng(11)
    totals = random.poisson(8, (RUNS, 60))
    events = random.binomial(totals, truth).cumsum(axis=1)
    totals = totals.cumsum(axis=1)
    rejected = 0
    for run in range(RUNS):
        looks = (Counts(int(bad), int(total)) for bad, total in zip(events[run], totals[run], strict=True))
        rejected += any(one_sample(look, limit) >= log_threshold(ALPHA) for look in looks)
    return rejected / RUNS


def test_looking_after_every_tick_rejects_the_truth_no_more_often_than_alpha() -> None:
    assert _share_of_rejections(limit=0.02, truth=0.02) <= ALPHA


def test_what_is_clearly_above_the_limit_is_found() -> None:
    assert _share_of_rejections(limit=0.02, truth=0.08) >= 0.9


def test_alternatives_lie_above_the_null() -> None:
    assert all(excess > 0 for excess in EXCESS_ODDS)
    assert list(EXCESS_ODDS) == sorted(EXCESS_ODDS)


@pytest.mark.parametrize("test", [one_sample, one_sample_below])
@given(counts=ANY_COUNTS, limit=st.floats(1e-6, 1 - 1e-6), dispersion=st.floats(1, 50))
def test_what_hangs_together_is_less_evidence(
    test: Callable[[Counts, float, float], float], counts: Counts, limit: float, dispersion: float
) -> None:
    alone, together = test(counts, limit, 1.0), test(counts, limit, dispersion)
    assert together <= max(alone, 0) + rounding(counts)


@given(st.integers(2, 8), st.floats(0.01, 0.99))
def test_groups_of_the_declared_size_keep_the_level(size: int, limit: float) -> None:
    """All of a group fail together: the hardest case of the bound."""
    expected = sum(
        chance * math.exp(one_sample(Counts(events, size), limit, size))
        for events, chance in ((size, limit), (0, 1 - limit))
    )
    assert expected <= 1 + 1e-9


@given(counts_up_to(10**6), st.sampled_from([0.05, 0.001]))
def test_a_bound_of_what_hangs_together_is_wider(counts: Counts, alpha: float) -> None:
    assert upper_bound(counts, alpha, 5.0) >= upper_bound(counts, alpha)
    assert lower_bound(counts, alpha, 5.0) <= lower_bound(counts, alpha)
