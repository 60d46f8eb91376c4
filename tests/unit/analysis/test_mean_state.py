import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate, stats

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.mean_state import (
    EFFECTS,
    Amount,
    Blocks,
    MeanState,
    Regression,
    Starts,
    confidence_bound,
    gather,
)

pytestmark = pytest.mark.unit


def regression(contrasts: list[float], weight: float = 1.0) -> Regression:
    sums = Regression()
    for contrast in contrasts:
        sums = sums.add(contrast, weight)
    return sums


def _bayes_factor(contrasts: list[float], effect: float) -> float:
    """The definition: the t statistic under effects of that variance, over that under none."""
    blocks = len(contrasts)
    t = math.sqrt(blocks) * float(np.mean(contrasts)) / float(np.std(contrasts, ddof=1))
    above = integrate.quad(
        lambda delta: stats.nct.pdf(t, blocks - 1, delta * math.sqrt(blocks)) * stats.norm.pdf(delta, scale=effect),
        -8 * effect,
        8 * effect,
    )[0]
    return math.log(above / stats.t.pdf(t, blocks - 1))


@pytest.mark.parametrize(
    "contrasts", [[0.3, 0.9, 0.4, 1.2, 0.8, 0.1], [0.2, -0.1, 0.3, 0.05], [2.0, 2.1, 1.9, 2.2, 2.0]]
)
def test_it_is_the_bayes_factor_of_the_t_statistic(contrasts: list[float]) -> None:
    expected = np.mean([math.exp(_bayes_factor(contrasts, math.sqrt(effect))) for effect in EFFECTS])
    assert regression(contrasts).log_e(1) == pytest.approx(math.log(expected), rel=1e-4, abs=1e-4)


@given(st.lists(st.floats(-1e9, 1e9), max_size=30), st.floats(1, 1e9))
def test_it_is_never_nan_and_counts_on_one_side_only(contrasts: list[float], weight: float) -> None:
    sums = regression(contrasts, weight)
    found = (sums.log_e(1), sums.log_e(-1))
    assert not any(math.isnan(each) or each == math.inf for each in found)
    assert min(found) == -math.inf


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=20), st.floats(0, 5))
def test_data_deeper_in_the_null_are_less_evidence(contrasts: list[float], shift: float) -> None:
    assert regression([each - shift for each in contrasts]).log_e(1) <= regression(contrasts).log_e(1) + 1e-6


def _ever_rejected(effect: float, blocks: int, runs: int, level: float, least: int = 2) -> float:
    random, rejected = np.random.default_rng(3), 0
    for _ in range(runs):
        starts = Starts()
        for contrast in random.normal(effect, 1.0, blocks):
            starts = starts.add(float(contrast), 1.0)
            if starts.log_e(1, least) >= -math.log(level):
                rejected += 1
                break
    return rejected / runs


def test_looking_after_every_block_rejects_the_truth_no_more_often_than_the_level() -> None:
    assert _ever_rejected(0.0, 60, 150, 0.1) <= 0.1


def test_what_is_clearly_above_is_found() -> None:
    assert _ever_rejected(1.5, 40, 40, 0.001) >= 0.95


def test_after_a_long_good_time_what_comes_is_found_and_little_is_remembered() -> None:
    random, starts = np.random.default_rng(4), Starts()
    for contrast in random.normal(-0.5, 1.0, 700):
        starts = starts.add(float(contrast), 100.0)
    assert len(starts.kept) < 60
    taken = 0
    while starts.log_e(1, 5) < math.log(200):
        starts = starts.add(float(random.normal(1.5, 1.0)), 100.0)
        taken += 1
    assert taken < 40


def tick(candidate: tuple[int, float], stable: tuple[int, float]) -> Tick:
    return Tick(
        0.0,
        Counts(0, candidate[0]),
        Counts(0, stable[0]),
        final=True,
        candidate_sum=candidate[1],
        stable_sum=stable[1],
    )


def test_a_handful_waits_for_more() -> None:
    state = gather(MeanState.start(Limits(max=1.0, ratio=1.5)), [tick((3, 0.3), (40, 4.0))] * 3).final
    assert (state.above_max.blocks, state.worse[0].blocks) == (0, 0)
    state = gather(state, [tick((3, 0.3), (40, 4.0))]).final
    assert (state.above_max.blocks, state.worse[0].blocks) == (1, 1)
    assert state.paired_candidate.mean == pytest.approx(0.1)


def test_a_bound_covers_the_mean_at_its_level() -> None:
    random, missed = np.random.default_rng(8), 0
    for _ in range(60):
        ticks = [tick((50, 0.0), (50, float(random.normal(0.2, 0.02)) * 50)) for _ in range(30)]
        bound = confidence_bound(gather(MeanState.start(Limits(ratio=1.0)), ticks).final, 0.05, 1)
        assert bound is not None
        assert bound < 0.25
        missed += bound < 0.2
    assert missed <= 3


@given(st.lists(st.integers(1, 1000), min_size=3, max_size=30), st.sampled_from([0.05, 0.001]))
def test_a_bound_that_holds_at_all_times_is_wider_than_students_that_holds_once(
    hundredths: list[int], level: float
) -> None:
    averages = [number / 100 for number in hundredths]
    assume(np.std(averages) > 1e-3)
    ticks = [tick((50, 0.0), (50, average * 50)) for average in averages]
    once = float(np.mean(averages)) + float(stats.t.isf(level, len(averages) - 1) * stats.sem(averages))
    bound = confidence_bound(gather(MeanState.start(Limits(ratio=1.0)), ticks).final, level, 1)
    assert bound is None or bound >= once - 1e-9


def test_without_counts_there_is_no_bound() -> None:
    assert confidence_bound(MeanState.start(Limits(ratio=1.0)), 0.05, 1) is None


def test_blocks_beyond_a_limit_are_what_each_block_would_have_given() -> None:
    kept, folded = Blocks(), Regression()
    for count, amount in ((10, 2.5), (12, 2.0), (30, 9.0)):
        kept = kept.add(Amount(count, amount))
        folded = folded.add(amount / count - 0.2, count)
    late = kept.beyond(0.2)
    assert late.blocks == folded.blocks
    assert (late.xx, late.xy, late.yy) == pytest.approx((folded.xx, folded.xy, folded.yy))
