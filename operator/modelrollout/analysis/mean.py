"""Judges a `mean` metric: harm, pass, or neither yet, as `ratio` does for counts. May be called at every tick.

Harm is sought from the first live request on, from many starts, and from the step's start; a pass rests on the step's
own final ticks. Both by the anytime-valid t-test of `mean_state`, which says what it takes for granted; because that is
more than counts need, harm takes five blocks of ticks and a confident pass twenty.

At weight 100 a bound of stable's mean, frozen at the end of the last mixed step, stands for it: the candidate is tested
against the limit that this bound would set. Bound and test share the step's part of the level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from modelrollout.analysis.bounds import Bound, absolute_bounds, value_bound
from modelrollout.analysis.mean_state import MeanEvidence, MeanState, Regression, Starts, confidence_bound
from modelrollout.analysis.missing import no_data
from modelrollout.analysis.ratio import Judgement, RatioCheck, share_of_frozen
from modelrollout.analysis.starts import log_sum, step_share
from modelrollout.analysis.sureness import Sureness
from modelrollout.analysis.verdict import CheckResult, Claim, Verdict, format_number

HARM_BLOCKS = 5
PASS_BLOCKS = 20


@dataclass(frozen=True, slots=True)
class _Test:
    """One limit that may be broken."""

    sure: Sureness
    value: float
    samples: int
    bound: Bound


def judge(
    check: RatioCheck, whole: MeanEvidence, step: MeanEvidence, step_index: int, kept_bound: float | None = None
) -> Judgement:
    """Judge a mean metric now: arguments and result as those of `ratio.judge`, in the metric's unit.

    Raises:
        ValueError: `step_index` is below 1.
    """
    if step_index < 1:
        raise ValueError(f"step_index counts from 1, got {step_index}")
    limits = whole.final.limits
    frozen = kept_bound if limits.is_relative and step.latest.paired_stable.count == 0 else None
    tests = _tests(check, whole.latest, step.latest, step_index, frozen)
    harm = next((test for test in tests if test.sure.is_enough), None)
    result = _harm_result(check, harm) if harm is not None else _progress(check, whole, step, frozen)
    if result.sure is None and tests:
        result = replace(result, sure=max((test.sure for test in tests), key=lambda sure: sure.share))
    if frozen is not None:
        return Judgement(result, frozen)
    level = _level(check, whole.final) * share_of_frozen(step_index + 1)
    bound = confidence_bound(whole.final, level, -1 if limits.more_is_better else 1) if limits.is_relative else None
    return Judgement(result, bound)


def _level(check: RatioCheck, state: MeanState) -> float:
    limits = state.limits
    return check.alpha / max(1, sum((limits.max is not None, limits.min is not None, limits.is_relative)))


def _tests(check: RatioCheck, state: MeanState, late: MeanState, step_index: int, frozen: float | None) -> list[_Test]:
    limits, level, mean = state.limits, _level(check, state), state.candidate.mean
    share = step_share(step_index)
    if mean is None:
        return []
    tests, count = [], state.candidate.count
    if limits.max is not None:
        sure = Sureness(_joined(state.above_max, late.above_max, share), level)
        tests.append(_Test(sure, mean, count, Bound(limits.max, upper=True)))
    if limits.min is not None:
        sure = Sureness(_joined(state.below_min, late.below_min, share), level)
        tests.append(_Test(sure, mean, count, Bound(limits.min, upper=False)))
    stable, beside = state.paired_stable.mean, state.paired_candidate.mean
    if state.worse and stable is not None and beside is not None and frozen is None:
        both = zip(state.worse, late.worse, strict=True)
        sure = Sureness(min(_joined(one, other, share) for one, other in both), level)
        bound = value_bound(limits.of_harm, stable, frozen=False)
        tests.append(_Test(sure, beside, state.paired_candidate.count, bound))
    if frozen is not None and late.candidate.mean is not None:
        bound = value_bound(limits.of_harm, frozen, frozen=True)
        sums = late.own.beyond(bound.limit)
        log_e = sums.log_e(1 if bound.upper else -1) if sums.blocks >= HARM_BLOCKS else -math.inf
        sure = Sureness(log_e, level * share_of_frozen(step_index))
        tests.append(_Test(sure, late.candidate.mean, late.candidate.count, bound))
    return tests


def _joined(whole: Starts, step: Starts, share: float) -> float:
    """Give the log e-value of the attempt's starts and of the step's first one."""
    first = step.kept[0][2] if share > 0 and step.kept else Regression()
    alone = math.log(share) + first.log_e(1) if first.blocks >= HARM_BLOCKS else -math.inf
    return log_sum(whole.log_e(1, HARM_BLOCKS), alone)


def _harm_result(check: RatioCheck, test: _Test) -> CheckResult:
    bound = test.bound
    reason = bound.describe(check.name, test.value, test.samples)
    reason += f" as a whole, and worse of late, {test.sure.text}" if bound.keeps(test.value) else f", {test.sure.text}"
    return CheckResult(
        check.name,
        Verdict.HARM,
        reason,
        test.value,
        bound.stable,
        bound.limit,
        test.samples,
        frozen=bound.frozen,
        sure=test.sure,
    )


def _progress(check: RatioCheck, whole: MeanEvidence, step: MeanEvidence, frozen: float | None) -> CheckResult:
    """Tell how far the step is from passing, on final ticks."""
    state, limits = step.final, step.final.limits
    compared = limits.is_relative and frozen is None
    amount = state.paired_candidate if compared else state.candidate
    why = no_data(step.final, step.latest, compared=compared)
    stable = frozen if frozen is not None else state.paired_stable.mean or whole.final.paired_stable.mean
    if why is None and limits.is_relative and stable is None and amount.count >= check.min_samples:
        why = "nothing to compare with, stable answers no requests and no bound of it was kept"
    mean = amount.mean
    if why is not None:
        return CheckResult(check.name, Verdict.NO_DATA, f"{check.name}: {why}", mean, samples=amount.count)
    if amount.count < check.min_samples or mean is None:
        reason = f"{check.name}: {amount.count} of {check.min_samples} samples"
        return CheckResult(check.name, Verdict.CONTINUE, reason, mean, samples=amount.count)
    bounds = absolute_bounds(limits)
    if limits.is_relative and stable is not None:
        bounds.append(value_bound(limits, stable, frozen=frozen is not None))
    exceeded = [bound for bound in bounds if not bound.keeps(mean)]
    if not bounds:
        reason = f"{check.name} {format_number(mean)} (n={amount.count})"
        return CheckResult(check.name, Verdict.PASS, reason, mean, samples=amount.count)
    bound = exceeded[0] if exceeded else min(bounds, key=lambda each: each.tightness)
    text, shown = bound.describe(check.name, mean, amount.count), _shown(state, frozen)
    if exceeded:
        verdict, reason = Verdict.CONTINUE, f"{text}, which may still be chance"
    elif shown is not None and not shown.is_enough:
        verdict, reason = Verdict.CONTINUE, f"{text}, {shown.text}{shown.outlook(amount.count)}"
    else:
        verdict, reason = Verdict.PASS, text if shown is None else f"{text}, {shown.text}"
    return CheckResult(
        check.name,
        verdict,
        reason,
        mean,
        bound.stable,
        bound.limit,
        amount.count,
        frozen=bound.frozen,
        sure=shown,
        claim=Claim.EXCEEDED if shown is None else Claim.KEPT,
    )


def _shown(state: MeanState, frozen: float | None) -> Sureness | None:
    """Say how sure it is that every limit is kept for which a pass needs to know."""
    limits, found = state.limits, []
    if limits.confidence is not None:
        sides = [(limits.max, state.above_max), (limits.min, state.below_min)]
        found += [
            Sureness(_passing(starts.kept[0][2] if starts.kept else Regression()), 1 - limits.confidence)
            for limit, starts in sides
            if limit is not None
        ]
    if limits.no_worse_confidence is not None and frozen is None:
        # Beating one of the edges is enough; so each of them has its part of the level.
        best = max(_passing(sums) for sums in state.better) - math.log(len(state.better))
        found.append(Sureness(best, 1 - limits.no_worse_confidence))
    elif limits.no_worse_confidence is not None and frozen is not None:
        bound = value_bound(limits, frozen, frozen=True)
        sums = state.own.beyond(bound.limit)
        found.append(Sureness(_passing(sums, -1 if bound.upper else 1), 1 - limits.no_worse_confidence))
    return min(found, key=lambda sure: sure.share, default=None)


def _passing(sums: Regression, sign: int = -1) -> float:
    return sums.log_e(sign) if sums.blocks >= PASS_BLOCKS else -math.inf
