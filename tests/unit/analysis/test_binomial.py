import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from modelrollout.analysis.binomial import log_at_least, log_at_most

pytestmark = pytest.mark.unit

SIZES = st.sampled_from([1, 2, 19, 20, 300, 5_000, 1_000_000])
PROBABILITIES = st.one_of(st.floats(1e-6, 1 - 1e-6), st.sampled_from([1e-6, 0.05, 0.5, 0.98]))


@given(SIZES, PROBABILITIES, st.floats(-6, 6))
def test_both_tails_agree_with_scipy(trials: int, probability: float, deviations: float) -> None:
    spread = math.sqrt(trials * probability * (1 - probability)) + 1
    successes = min(trials, max(0, round(trials * probability + deviations * spread)))
    at_most, at_least = log_at_most(successes, trials, probability), log_at_least(successes, trials, probability)
    assert math.exp(at_most) == pytest.approx(binom.cdf(successes, trials, probability), rel=1e-7, abs=1e-200)
    assert math.exp(at_least) == pytest.approx(binom.sf(successes - 1, trials, probability), rel=1e-7, abs=1e-200)


@given(SIZES, PROBABILITIES, st.data())
def test_the_tails_mirror_each_other(trials: int, probability: float, data: st.DataObject) -> None:
    successes = data.draw(st.integers(-1, trials + 1))
    mirrored = log_at_least(trials - successes, trials, 1 - probability)
    assert log_at_most(successes, trials, probability) == pytest.approx(mirrored, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "trials", "probability", "at_most", "at_least"),
    [
        pytest.param(-1, 5, 0.5, -math.inf, 0.0, id="below-all"),
        pytest.param(6, 5, 0.5, 0.0, -math.inf, id="above-all"),
        pytest.param(0, 0, 0.5, 0.0, 0.0, id="no-trials"),
        pytest.param(0, 5, 0.0, 0.0, 0.0, id="never-happens"),
        pytest.param(1, 5, 0.0, 0.0, -math.inf, id="cannot-happen"),
        pytest.param(4, 5, 1.0, -math.inf, 0.0, id="must-happen"),
        pytest.param(5, 5, 1.0, 0.0, 0.0, id="always-happens"),
    ],
)
def test_edges(successes: int, trials: int, probability: float, at_most: float, at_least: float) -> None:
    assert log_at_most(successes, trials, probability) == at_most
    assert log_at_least(successes, trials, probability) == at_least


@pytest.mark.parametrize("successes", [0, 49_000_000, 50_000_000, 51_000_000, 10**9])
def test_a_billion_trials_stay_finite(successes: int) -> None:
    total = math.exp(log_at_most(successes, 10**9, 0.05)) + math.exp(log_at_least(successes + 1, 10**9, 0.05))
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("trials", "probability"), [(-1, 0.5), (5, -0.1), (5, 1.1), (5, math.nan)])
def test_impossible_questions_are_refused(trials: int, probability: float) -> None:
    with pytest.raises(ValueError, match="must"):
        log_at_most(1, trials, probability)
    with pytest.raises(ValueError, match="must"):
        log_at_least(1, trials, probability)
