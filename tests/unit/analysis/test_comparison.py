import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from modelrollout.analysis.comparison import Comparison, block
from modelrollout.analysis.eprocess import LOG_ODDS, log_threshold
from modelrollout.analysis.evidence import NOTHING, Counts
from modelrollout.analysis.limits import Edge
from modelrollout.analysis.starts import ATTEMPT

pytestmark = pytest.mark.unit

ALPHA = 0.1
RUNS = 150
RATES = st.integers(0, 1000).map(lambda number: number / 1000)
FACTORS = st.one_of(st.just(0.0), st.floats(0.2, 4))
AMOUNTS = st.floats(-0.9, 0.9, allow_subnormal=False)


@st.composite
def counts_up_to(draw: st.DrawFn, largest: int) -> Counts:
    total = draw(st.integers(1, largest))
    return Counts(draw(st.integers(0, total)), total)


def comparison(factor: float, amount: float = 0.0, *, upwards: bool = True) -> Comparison:
    return Comparison.start(Edge(factor, amount), upwards=upwards)


def _expected(
    edge: Edge, reference: float, sizes: tuple[int, int], rates: tuple[float, float], *, upwards: bool
) -> float:
    """The largest expectation of a block's e-variables, over all its outcomes."""
    sums = np.zeros(len(LOG_ODDS))
    for bad in range(sizes[0] + 1):
        for bad_stable in range(sizes[1] + 1):
            chance = binom.pmf(bad, sizes[0], rates[0]) * binom.pmf(bad_stable, sizes[1], rates[1])
            logs = block(edge, reference, Counts(bad, sizes[0]), Counts(bad_stable, sizes[1]), upwards=upwards)
            sums += chance * np.exp(logs)
    return float(sums.max())


@settings(max_examples=30)
@given(FACTORS, AMOUNTS, RATES, st.integers(1, 5), st.integers(1, 5), RATES, RATES)
def test_a_block_is_fair_whatever_the_rates_within_the_null(
    factor: float, amount: float, reference: float, asked: int, stable: int, stable_rate: float, below: float
) -> None:
    worst = factor * stable_rate + amount
    assume(worst >= 0)
    for rate in (min(1.0, worst) * below, min(1.0, worst)):
        rates = (rate, stable_rate)
        assert _expected(Edge(factor, amount), reference, (asked, stable), rates, upwards=True) <= 1 + 1e-9


@settings(max_examples=30)
@given(FACTORS, AMOUNTS, RATES, st.integers(1, 5), st.integers(1, 5), RATES, RATES)
def test_a_block_is_fair_in_the_other_direction(
    factor: float, amount: float, reference: float, asked: int, stable: int, stable_rate: float, above: float
) -> None:
    best = factor * stable_rate + amount
    assume(best <= 1)
    rates = (max(0.0, best) + above * (1 - max(0.0, best)), stable_rate)
    assert _expected(Edge(factor, amount), reference, (asked, stable), rates, upwards=False) <= 1 + 1e-9


@given(counts_up_to(30), counts_up_to(30), st.floats(0.2, 4))
def test_of_rare_events_it_is_the_conditional_test(candidate: Counts, stable: Counts, factor: float) -> None:
    share = factor * candidate.total / (factor * candidate.total + stable.total)
    events = candidate.events + stable.events
    for log_odds, found in zip(LOG_ODDS, block(Edge(factor), 0.0, candidate, stable, upwards=True), strict=True):
        other = math.exp(log_odds) * share / (1 + math.expm1(log_odds) * share)
        expected = binom.logpmf(candidate.events, events, other) - binom.logpmf(candidate.events, events, share)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-8)


@given(counts_up_to(10**9), counts_up_to(10**9), FACTORS, AMOUNTS, RATES, st.booleans())
def test_evidence_is_never_nan_and_moves_with_bad_answers(
    candidate: Counts,
    stable: Counts,
    factor: float,
    amount: float,
    reference: float,
    upwards: bool,  # noqa: FBT001
) -> None:
    edge = Edge(factor, amount)
    found = block(edge, reference, candidate, stable, upwards=upwards)
    worse = block(edge, reference, Counts(candidate.total, candidate.total), stable, upwards=upwards)
    assert not any(math.isnan(each) or each == math.inf for each in found)
    for one, other in zip(found, worse, strict=True):
        room = 1e-9 + 1e-12 * (candidate.total + stable.total)
        assert (other >= one - room) if upwards else (other <= one + room)


def _rejections(
    edge: Edge, weight: float, candidate_rate: float, stable_rate: float, requests: float, *, upwards: bool = True
) -> float:
    """Share of histories of 60 ticks, some with outages of both, that ever reject the null."""
    random = np.random.default_rng(12)
    rejected = 0
    for _ in range(RUNS):
        state = Comparison.start(edge, upwards=upwards, weights=ATTEMPT)
        for shock in random.choice([1.0, 10.0], 60, p=[0.9, 0.1]):
            total = int(random.poisson(requests))
            asked = int(random.binomial(total, weight))
            bad = int(random.binomial(asked, min(1.0, candidate_rate * shock)))
            bad_stable = int(random.binomial(total - asked, min(1.0, stable_rate * shock)))
            state = state.fold(Counts(bad, asked), Counts(bad_stable, total - asked))
            if state.log_e >= log_threshold(ALPHA):
                rejected += 1
                break
    return rejected / RUNS


@pytest.mark.parametrize("upwards", [True, False], ids=["harm", "pass"])
@pytest.mark.parametrize(
    ("weight", "limit", "requests"),
    [
        pytest.param(0.1, 1.0, 40, id="canary"),
        pytest.param(0.5, 1.5, 40, id="half"),
        pytest.param(0.3, 1.0, 1.5, id="a-request-a-tick"),
    ],
)
def test_an_equal_candidate_is_judged_wrongly_no_more_often_than_alpha(
    weight: float,
    limit: float,
    requests: float,
    upwards: bool,  # noqa: FBT001
) -> None:
    assert _rejections(Edge(limit), weight, 0.03 * limit, 0.03, requests, upwards=upwards) <= ALPHA


@pytest.mark.parametrize(("weight", "requests"), [(0.1, 40), (0.3, 1.5)])
def test_a_candidate_that_is_clearly_worse_is_found(weight: float, requests: float) -> None:
    assert _rejections(Edge(1.5), weight, 0.6, 0.02, requests) >= 0.85


def test_a_difference_of_rates_that_are_not_rare_is_found() -> None:
    assert _rejections(Edge(1.0, 0.05), 0.5, 0.55, 0.4, 60) >= 0.85


def test_a_candidate_like_stable_is_shown_to_keep_a_margin() -> None:
    assert _rejections(Edge(1.0, 0.05), 0.5, 0.02, 0.02, 60, upwards=False) >= 0.85


def test_ticks_with_one_revision_only_wait_for_the_other() -> None:
    waiting = comparison(1.5).fold(Counts(0, 0), Counts(1, 19))
    assert waiting.log_e == 0
    assert waiting.fold(Counts(1, 1), NOTHING) == comparison(1.5).fold(Counts(1, 1), Counts(1, 19))


@pytest.mark.parametrize(
    ("amount", "upwards"),
    [pytest.param(1.0, True, id="nothing-is-so-much-worse"), pytest.param(-1.0, False, id="nothing-is-so-much-better")],
)
def test_what_no_rate_can_contradict_is_never_rejected(amount: float, *, upwards: bool) -> None:
    state = comparison(1.0, amount, upwards=upwards)
    for _ in range(9):
        state = state.fold(Counts(9, 9), Counts(0, 9)) if upwards else state.fold(Counts(0, 9), Counts(9, 9))
    assert state.log_e <= 0
