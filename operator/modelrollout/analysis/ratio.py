"""Judges a `ratio` metric by counts: harm, pass, or neither yet. May be called at every tick.

**Harm.** Evidence is gathered from the first live request on. But a candidate that turned bad at the third step would
have to work against all the good counts before. So process j starts with step j of the attempt and has level
alpha / (j (j + 1)); over all steps these sum to alpha, however many there are. The process of step 1, which is the
whole attempt, and that of the current step are looked at; looking at fewer only lowers the error. Several limits share
alpha equally.

**Relative limits.** `noWorseThan` allows the larger of ratio x stable and stable + difference, so harm has to reject
both: the ratio by the conditional test of `eprocess.RateRatio`, the difference by a one-sample test against the stable
rate's time-uniform upper bound + difference, each of these two at half the level. A part that the other one implies is
not tested.

**Which way is worse.** `max` and `noWorseThan` mean that events are bad. With `min` and no `max`, events are good, and
`noWorseThan` compares the non-events: 1 - candidate <= max(ratio (1 - stable), 1 - stable + difference). For stable
0.98, ratio 1.5 allows 0.97: rates near 1 are told apart by what is missing.

**Without a share for stable** (weight 100) an upper bound of its rate, frozen at the end of the last mixed step, stands
for it: the candidate is tested against the limit that this bound would set.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelrollout.analysis.bounds import Bound, absolute_bounds, frozen_bound, relative_bound
from modelrollout.analysis.eprocess import log_threshold, one_sample, one_sample_below, upper_bound
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.ratio_state import Evidence, RatioState
from modelrollout.analysis.verdict import CheckResult, Verdict, format_number

STALE_TICKS = 3
"""Ticks in a row without counts after which nothing passes any more: one scrape lost is ordinary."""
LEAST_STABLE_SHARE = 0.005
"""Below this share of the answers stable takes no part any more; the rest is stragglers after weight 100."""


@dataclass(frozen=True, slots=True)
class RatioCheck:
    """What a ratio metric is held to.

    Attributes:
        name: the metric's name.
        min_samples: the candidate's requests in the step that a pass needs.
        alpha: probability of wrongly finding harm in a whole attempt, by this metric.
    """

    name: str
    min_samples: int
    alpha: float = 0.01


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and what to keep of it.

    Attributes:
        result: the verdict and its numbers.
        stable_bound: upper bound of the stable revision's rate of bad things, to be frozen when the next step leaves
            stable no share; None where nothing is compared or nothing was counted yet.
    """

    result: CheckResult
    stable_bound: float | None


def judge(
    check: RatioCheck, whole: Evidence, step: Evidence, step_index: int, kept_bound: float | None = None
) -> Judgement:
    """Judge a ratio metric now.

    Args:
        check: what it is held to; the limits are those that the evidence was gathered for.
        whole: the evidence since the attempt's first live request.
        step: the evidence since the current step began and was in force.
        step_index: which live step of the attempt this is, from 1.
        kept_bound: the `stable_bound` kept from the last mixed step. Give it only where the step leaves stable no
            share; it is used unless stable answered at least one in 200 requests of the step after all.

    Raises:
        ValueError: `step_index` is below 1, or the two spans are gathered for different limits.
    """
    if step_index < 1:
        raise ValueError(f"step_index counts from 1, got {step_index}")
    if whole.final.limits != step.final.limits:
        raise ValueError("whole and step are gathered for different limits: start both again when a limit changes")
    limits = whole.final.limits
    frozen = kept_bound if limits.is_relative and not _stable_takes_part(step.latest) else None
    result = _harm(check, whole, step, step_index, frozen) or _progress(check, whole, step, frozen)
    return Judgement(result, _bound_to_freeze(check, whole.final, step_index + 1) if frozen is None else frozen)


def _stable_takes_part(state: RatioState) -> bool:
    stable = state.paired_stable.total
    return stable > 0 and stable >= LEAST_STABLE_SHARE * (stable + state.paired_candidate.total)


def _bound_to_freeze(check: RatioCheck, whole: RatioState, frozen_step: int) -> float | None:
    """Give the stable revision's bound; the step that may use it pays for it with half of its level."""
    if not whole.limits.is_relative or whole.paired_stable.total == 0:
        return None
    return upper_bound(whole.bad(whole.paired_stable), _level(check, whole.limits, frozen_step) / 2)


def _level(check: RatioCheck, limits: Limits, process: int) -> float:
    """Give the level of one limit's process that started with the step of that index."""
    parts = sum((limits.max is not None, limits.min is not None, limits.is_relative))
    return check.alpha / parts / (process * (process + 1))


# Harm


def _harm(
    check: RatioCheck, whole: Evidence, step: Evidence, step_index: int, frozen: float | None
) -> CheckResult | None:
    """Give the first limit that the evidence, provisional ticks included, says is exceeded."""
    limits = whole.final.limits
    if limits == Limits():
        return None
    processes = [(whole.latest, _level(check, limits, 1))]
    if step_index > 1:
        processes.append((step.latest, _level(check, limits, step_index)))
    for state, level in processes:
        harm = _harm_of(check, state, level)
        if harm is not None:
            return harm
    if frozen is None:
        return None
    # The other half of the level was spent on the bound when it was frozen.
    worst = limits.above(frozen)
    bad = step.latest.bad(step.latest.candidate)
    if one_sample(bad, worst) < log_threshold(_level(check, limits, step_index) / 2):
        return None
    return _harm_result(check, step.latest.candidate, frozen_bound(limits, frozen))


def _harm_of(check: RatioCheck, state: RatioState, level: float) -> CheckResult | None:
    limits, threshold = state.limits, log_threshold(level)
    if limits.max is not None and one_sample(state.candidate, limits.max) >= threshold:
        return _harm_result(check, state.candidate, Bound(limits.max, upper=True))
    if limits.min is not None and one_sample_below(state.candidate, limits.min) >= threshold:
        return _harm_result(check, state.candidate, Bound(limits.min, upper=False))
    if limits.is_relative and _worse_than_stable(state, level):
        return _harm_result(check, state.paired_candidate, relative_bound(limits, state.paired_stable))
    return None


def _worse_than_stable(state: RatioState, level: float) -> bool:
    """Tell whether every part of the relative limit that counts is rejected at this level."""
    if state.paired_stable.total == 0:
        return False
    if state.comparison is not None and state.comparison.log_e < log_threshold(level):
        return False
    difference = state.limits.binding.difference
    if difference is None:
        return True
    candidate, stable = state.bad(state.paired_candidate), state.bad(state.paired_stable)
    threshold = log_threshold(level / 2)
    # The bound lies above the estimate, so what the estimate does not reject spares the search for the bound.
    if one_sample(candidate, stable.events / stable.total + difference) < threshold:
        return False
    return one_sample(candidate, upper_bound(stable, level / 2) + difference) >= threshold


def _harm_result(check: RatioCheck, counts: Counts, bound: Bound) -> CheckResult:
    rate = counts.events / counts.total
    if bound.keeps(rate):
        # Sums over ticks with different splits can hide what each of the ticks shows.
        reason = f"{check.name} {format_number(rate)} is worse than stable in the same ticks (n={counts.total})"
    else:
        reason = bound.describe(check.name, rate, counts.total)
    return CheckResult(
        check.name, Verdict.HARM, reason, rate, bound.stable, bound.limit, counts.total, frozen=bound.frozen
    )


# Pass, continue, no data


def _progress(check: RatioCheck, whole: Evidence, step: Evidence, frozen: float | None) -> CheckResult:
    """Tell how far the step is from passing, on final ticks."""
    state, limits = step.final, step.final.limits
    compared = limits.is_relative and frozen is None
    counts = state.paired_candidate if compared else state.candidate
    rate = counts.rate
    no_data = _no_data(step, compared=compared)
    if no_data is not None:
        return CheckResult(check.name, Verdict.NO_DATA, f"{check.name}: {no_data}", rate, samples=counts.total)
    bounds = [(bound, state.candidate) for bound in absolute_bounds(limits)]
    if limits.is_relative and frozen is not None:
        bounds.append((frozen_bound(limits, frozen), state.candidate))
    elif compared:
        stable = _reference(check, whole.final, state)
        if stable.total:
            bounds.append((relative_bound(limits, stable), state.paired_candidate))
        elif counts.total >= check.min_samples:
            reason = f"{check.name}: nothing to compare with, stable answers no requests and no bound of it was kept"
            return CheckResult(check.name, Verdict.NO_DATA, reason, rate, samples=counts.total)
    return _compare(check, counts, bounds)


def _no_data(step: Evidence, *, compared: bool) -> str | None:
    """Say why there is nothing to judge, if so."""
    final = step.final
    if step.latest.ticks == 0:
        return "the candidate's counts are not known yet in this step"
    if final.missed >= STALE_TICKS:
        return f"the candidate's counts have been unknown for {final.missed} ticks"
    if compared and final.missed_pairs >= STALE_TICKS:
        return f"the stable revision's counts have been unknown for {final.missed_pairs} ticks"
    return None


def _reference(check: RatioCheck, whole: RatioState, step: RatioState) -> Counts:
    """Give the stable counts to compare with: the step's, or the whole attempt's while those are too few to trust."""
    return step.paired_stable if step.paired_stable.total >= check.min_samples else whole.paired_stable


def _compare(check: RatioCheck, counts: Counts, bounds: list[tuple[Bound, Counts]]) -> CheckResult:
    exceeded = [(bound, seen) for bound, seen in bounds if seen.total and not bound.keeps(seen.events / seen.total)]
    bound: Bound | None = None
    seen = counts
    if bounds:
        bound, seen = exceeded[0] if exceeded else min(bounds, key=lambda each: each[0].tightness)
    rate = seen.rate
    text = None if bound is None or rate is None else bound.describe(check.name, rate, seen.total)
    if counts.total < check.min_samples or rate is None:
        verdict, reason = Verdict.CONTINUE, f"{check.name}: {counts.total} of {check.min_samples} samples"
        reason += f", {text}" if exceeded else ""
    elif exceeded:
        verdict, reason = Verdict.CONTINUE, f"{text}, which may still be chance"
    else:
        verdict, reason = Verdict.PASS, text or f"{check.name} {format_number(rate)} (n={seen.total})"
    if bound is None:
        return CheckResult(check.name, verdict, reason, rate, samples=counts.total)
    return CheckResult(check.name, verdict, reason, rate, bound.stable, bound.limit, counts.total, frozen=bound.frozen)
