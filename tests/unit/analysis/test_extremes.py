"""Every judge on the extremes of what can be counted: nothing, one, a billion, all in one bucket, without warnings."""

from __future__ import annotations

import itertools
import math

import pytest

from modelrollout.analysis import mean, mean_state, ratio, ratio_state
from modelrollout.analysis.agreement import AgreementCheck, judge_agreement
from modelrollout.analysis.binomial import log_at_least, log_at_most
from modelrollout.analysis.eprocess import lower_bound, one_sample, one_sample_below, upper_bound
from modelrollout.analysis.evidence import Counts, Slice, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.mcnemar import PairedCheck, Wins, judge_paired
from modelrollout.analysis.ratio import Judgement, RatioCheck
from modelrollout.analysis.share import in_force, silence_of
from modelrollout.analysis.slices import SlicesState, fold_slices
from modelrollout.analysis.verdict import CheckResult, Verdict

pytestmark = [pytest.mark.unit, pytest.mark.filterwarnings("error")]

BILLION = 10**9
COUNTS = (
    Counts(0, 0),
    Counts(0, 1),
    Counts(1, 1),
    Counts(0, BILLION),
    Counts(1, BILLION),
    Counts(BILLION - 1, BILLION),
    Counts(BILLION, BILLION),
)
RATES = (0.0, 1e-12, 0.5, 1 - 1e-12, 1.0)
LIMITS = (
    Limits(max=0.0, confidence=0.95),
    Limits(max=1.0),
    Limits(min=0.999999999),
    Limits(ratio=0.0),
    Limits(ratio=1.0, harm_ratio=0.5, no_worse_confidence=0.999999),
    Limits(ratio=1e9, difference=-1e-9),
    Limits(difference=1.0),
    Limits(min=1e-9, difference=0.0, no_worse_confidence=0.5),
)
CHECK = RatioCheck("error-rate", 1, alpha=1e-6)


def is_sound(result: CheckResult) -> None:
    """No figure of a verdict is NaN, and its line says none."""
    for number in (result.candidate, result.stable, result.limit):
        assert number is None or not math.isnan(number)
    assert result.sure is None or not math.isnan(result.sure.log_e)
    assert "nan" not in result.reason


@pytest.mark.parametrize("limits", LIMITS, ids=str)
@pytest.mark.parametrize("step_index", [1, 10**6])
def test_a_ratio(limits: Limits, step_index: int) -> None:
    for candidate, stable in itertools.product(COUNTS, (*COUNTS, None)):
        ticks = [Tick(float(at), candidate, stable, final=True) for at in range(3)]
        whole = ratio_state.gather(ratio_state.RatioState.start(limits), ticks)
        step = ratio_state.gather(ratio_state.RatioState.start_step(limits), ticks)
        for kept in (None, 0.0, 1.0):
            judged: Judgement = ratio.judge(CHECK, whole, step, step_index, kept)
            is_sound(judged.result)
            assert judged.stable_bound is None or 0 <= judged.stable_bound <= 1


@pytest.mark.parametrize("limits", [Limits(max=1.0, confidence=0.95), Limits(ratio=1.0, no_worse_confidence=0.95)])
@pytest.mark.parametrize("each", [0.0, 1e-9, 1e9])
def test_a_mean(limits: Limits, each: float) -> None:
    for candidate, stable in itertools.product((0, 1, BILLION), repeat=2):
        ticks = [
            Tick(
                float(at),
                Counts(0, candidate),
                Counts(0, stable),
                final=True,
                candidate_sum=each * candidate,
                stable_sum=each * stable,
            )
            for at in range(25)
        ]
        whole = mean_state.gather(mean_state.MeanState.start(limits), ticks)
        judged = mean.judge(CHECK, whole, whole, 1)
        is_sound(judged.result)
        assert judged.stable_bound is None or math.isfinite(judged.stable_bound)


def test_bounds_and_tails() -> None:
    for counts, rate in itertools.product(COUNTS, RATES):
        evidence = (one_sample(counts, rate), one_sample_below(counts, rate))
        assert not any(math.isnan(each) for each in evidence)
        # The truth is never refuted on both sides.
        assert min(evidence) < math.inf
        assert 0 <= lower_bound(counts, 1e-9) <= upper_bound(counts, 1e-9) <= 1
        tails = (log_at_most(counts.events, counts.total, rate), log_at_least(counts.events, counts.total, rate))
        assert all(tail <= 0 for tail in tails)
        assert math.exp(tails[0]) + math.exp(tails[1]) >= 1 - 1e-6


def test_shares() -> None:
    for candidate, weight in itertools.product((0, 1, BILLION), (1e-6, 0.5, 1.0)):
        assert in_force(candidate, BILLION, weight, 0.0) in (True, False)
        assert not math.isnan(silence_of(candidate, BILLION, weight))
    assert in_force(BILLION, BILLION, 1.0, 0.5)
    assert not in_force(0, BILLION, 1.0, 0.5)


@pytest.mark.parametrize("loss_ratio", [1e-9, 1.0, 1e9])
def test_pairs(loss_ratio: float) -> None:
    check = PairedCheck("answers", loss_ratio, 1, 1e-6)
    for wins, losses in itertools.product((0, 1, BILLION), repeat=2):
        found = Wins(wins, losses, wins + losses)
        is_sound(judge_paired(check, found, found, found, 2))
    nothing = Wins(0, 0, 0)
    assert judge_paired(check, nothing, nothing, nothing, 1).verdict is Verdict.NO_DATA


def test_classes() -> None:
    for minimum in (0.0, 0.5, 1.0):
        check = AgreementCheck("agreement", "class", minimum, 1, len(COUNTS))
        parts = tuple(Slice(str(index), counts, None) for index, counts in enumerate(COUNTS))
        tick = Tick(0.0, Counts(), None, final=True, slices=parts)
        state = fold_slices(SlicesState(Limits(), len(COUNTS)), tick)
        is_sound(judge_agreement(check, state, state, {str(index): counts for index, counts in enumerate(COUNTS)}))
