"""Judges a `ratio` metric by counts: harm, pass, or neither yet. May be called at every tick.

Two questions, two null hypotheses.

**Harm** rejects "not worse than the harm limit", at this metric's part of the error budget. Evidence is gathered from
the first live request on, and from many later starts at once (`starts`), so that a long good history hides nothing.
Several limits share the level equally. `noWorseThan` allows the larger of ratio x stable and stable + difference, so
harm has to reject both, and each at the whole level: it is enough that the smaller of two e-values is large. A part
that the other one implies is not tested.

**Pass**, where `confidence` is set, rejects "at least as bad as the limit" on the step's own final ticks, with the
error probability 1 - confidence; the relative limit by the mean of the e-values of both parts, as beating either is
enough. In any case it takes `minSamples` and an estimate inside the limit.

**Both at once.** While stable breaks `max` or `min` as well, the candidate is held to stable instead (`together`).

**Which way is worse.** `max` and `noWorseThan` mean that events are bad. With `min` and no `max`, events are good, and
`noWorseThan` compares the non-events: 1 - candidate <= max(ratio (1 - stable), 1 - stable + difference). For stable
0.98, ratio 1.5 allows 0.97: rates near 1 are told apart by what is missing.

**Without a share for stable** (weight 100) an upper bound of its rate, frozen at the end of the last mixed step, stands
for it: the candidate is tested against the limit that this bound would set. Bound and test share the step's part of the
level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from modelrollout.analysis.bounds import Bound, absolute_bounds, frozen_bound, relative_bound
from modelrollout.analysis.eprocess import one_sample, one_sample_below, upper_bound
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.missing import no_data
from modelrollout.analysis.ratio_state import Evidence, RatioState
from modelrollout.analysis.starts import log_mean_exp, log_sum, step_share
from modelrollout.analysis.sureness import Sureness
from modelrollout.analysis.together import TOGETHER
from modelrollout.analysis.verdict import CheckResult, Claim, Verdict, format_number

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
    tests = _harm_tests(check, whole, step, step_index, frozen)
    result = _harm(check, tests) or _progress(check, whole, step, frozen)
    if result.sure is None and tests:
        result = replace(result, sure=max((test.sure for test in tests), key=lambda sure: sure.share))
    result = replace(_shared(result, whole.latest, step.latest), dispersion=step.final.dispersion)
    return Judgement(result, _bound_to_freeze(check, whole.final, step_index + 1) if frozen is None else frozen)


def _shared(result: CheckResult, whole: RatioState, step: RatioState) -> CheckResult:
    """Nobody is blamed for what both do, and nothing passes meanwhile."""
    if not whole.both_fail or result.verdict in (Verdict.HARM, Verdict.NO_DATA):
        return result
    stable = step.paired_stable.rate
    beside = "" if stable is None or result.stable is not None else f"; stable {format_number(stable)}"
    reason = f"{TOGETHER}{result.reason}{beside}"
    return replace(result, verdict=Verdict.CONTINUE, reason=reason, upstream=True)


def _stable_takes_part(state: RatioState) -> bool:
    stable = state.paired_stable.total
    return stable > 0 and stable >= LEAST_STABLE_SHARE * (stable + state.paired_candidate.total)


def _bound_to_freeze(check: RatioCheck, whole: RatioState, frozen_step: int) -> float | None:
    """Give the stable revision's bound; the step that may use it pays for it with half of its level."""
    if not whole.limits.is_relative or whole.paired_stable.total == 0:
        return None
    level = _level(check, whole.limits) * step_share(frozen_step) / 2
    return upper_bound(whole.bad(whole.paired_stable), level, whole.dispersion)


def _level(check: RatioCheck, limits: Limits) -> float:
    """Give the level of one limit in the whole attempt."""
    return check.alpha / max(1, sum((limits.max is not None, limits.min is not None, limits.is_relative)))


# Harm


@dataclass(frozen=True, slots=True)
class _Test:
    """One limit that may be exceeded: what the evidence says, and how to tell people."""

    sure: Sureness
    counts: Counts
    bound: Bound


def _harm_tests(
    check: RatioCheck, whole: Evidence, step: Evidence, step_index: int, frozen: float | None
) -> list[_Test]:
    """Hold the evidence, provisional ticks included, against every limit."""
    state, late, share = whole.latest, step.latest, step_share(step_index)
    limits, level = state.limits, _level(check, state.limits)
    tests = []
    if limits.max is not None and state.above_max and late.above_max:
        sure = Sureness(_joined(state.above_max.log_e, late.above_max.log_e, share), level)
        tests.append(_telling(sure, [(each.candidate, Bound(limits.max, upper=True)) for each in (state, late)]))
    if limits.min is not None and state.below_min and late.below_min:
        sure = Sureness(_joined(state.below_min.log_e, late.below_min.log_e, share), level)
        tests.append(_telling(sure, [(each.candidate, Bound(limits.min, upper=False)) for each in (state, late)]))
    if state.worse:
        # The step's part of the level belongs to the test against the frozen bound, where there is one.
        both = zip(state.worse, late.worse, strict=True)
        log_e = min(_joined(one.log_e, other.log_e, share if frozen is None else 0.0) for one, other in both)
        compared = [
            (each.paired_candidate, relative_bound(limits.of_harm, each.paired_stable))
            for each in (state, late)
            if each.paired_stable.total
        ]
        tests.append(_telling(Sureness(log_e, level), compared))
    if frozen is not None:
        bad, worst = late.bad(late.candidate), limits.of_harm.above(frozen)
        sure = Sureness(one_sample(bad, worst, late.dispersion), level * share_of_frozen(step_index))
        tests.append(_telling(sure, [(late.candidate, frozen_bound(limits.of_harm, frozen))]))
    return [test for test in tests if test is not None]


def _telling(sure: Sureness, spans: list[tuple[Counts, Bound]]) -> _Test | None:
    """Pick the counts that tell people most: of the attempt, or of the step where only they show it."""
    counted = [(counts, bound) for counts, bound in spans if counts.total]
    if not counted:
        return None
    exceeded = [(counts, bound) for counts, bound in counted if not bound.keeps(counts.events / counts.total)]
    return _Test(sure, *(exceeded or counted)[0])


def share_of_frozen(step_index: int) -> float:
    """Give the part of the level for the test against a frozen bound; making the bound has cost as much."""
    return step_share(max(2, step_index)) / 2


def _joined(whole: float, step: float, share: float) -> float:
    """Give the log e-value of the attempt's process and the step's, of which the attempt's carries its own weights."""
    return whole if share == 0 else log_sum(whole, math.log(share) + step)


def _harm(check: RatioCheck, tests: list[_Test]) -> CheckResult | None:
    """Give the first limit that the evidence says is exceeded."""
    return next((_harm_result(check, test) for test in tests if test.sure.is_enough), None)


def _harm_result(check: RatioCheck, test: _Test) -> CheckResult:
    counts, bound = test.counts, test.bound
    rate = counts.events / counts.total
    if bound.keeps(rate):
        # Sums can hide what the ticks show: a good time before, or different splits.
        as_a_whole = bound.describe(check.name, rate, counts.total)
        than = "than stable in the same ticks" if bound.stable is not None else "of late"
        reason = f"{as_a_whole} as a whole, and worse {than}"
    else:
        reason = bound.describe(check.name, rate, counts.total)
    reason += f", {test.sure.text}"
    return CheckResult(
        check.name,
        Verdict.HARM,
        reason,
        rate,
        bound.stable,
        bound.limit,
        counts.total,
        frozen=bound.frozen,
        sure=test.sure,
    )


# Pass, continue, no data


def _progress(check: RatioCheck, whole: Evidence, step: Evidence, frozen: float | None) -> CheckResult:
    """Tell how far the step is from passing, on final ticks."""
    state, limits = step.final, step.final.limits
    compared = limits.is_relative and frozen is None
    counts = state.paired_candidate if compared else state.candidate
    rate = counts.rate
    missing = no_data(step.final, step.latest, compared=compared)
    if missing is not None:
        return CheckResult(check.name, Verdict.NO_DATA, f"{check.name}: {missing}", rate, samples=counts.total)
    bounds = [(bound, state.candidate) for bound in absolute_bounds(limits)]
    shown = _absolute_sureness(state)
    if limits.is_relative and frozen is not None:
        bounds.append((frozen_bound(limits, frozen), state.candidate))
        shown += _frozen_sureness(state, frozen)
    elif compared:
        stable = _reference(check, whole.final, state)
        if stable.total:
            bounds.append((relative_bound(limits, stable), state.paired_candidate))
            shown += _relative_sureness(state)
        elif counts.total >= check.min_samples:
            reason = f"{check.name}: nothing to compare with, stable answers no requests and no bound of it was kept"
            return CheckResult(check.name, Verdict.NO_DATA, reason, rate, samples=counts.total)
    return _compare(check, counts, bounds, min(shown, key=lambda sure: sure.share, default=None))


def _absolute_sureness(state: RatioState) -> list[Sureness]:
    """Say how sure it is that `max` and `min` are kept, where a pass needs to know."""
    limits = state.limits
    if limits.confidence is None:
        return []
    found, level = [], 1 - limits.confidence
    if limits.max is not None:
        found.append(Sureness(one_sample_below(state.candidate, limits.max, state.dispersion), level))
    if limits.min is not None:
        found.append(Sureness(one_sample(state.candidate, limits.min, state.dispersion), level))
    return found


def _relative_sureness(state: RatioState) -> list[Sureness]:
    """Say how sure it is that `noWorseThan` is kept: beating either of its parts is enough."""
    if state.limits.no_worse_confidence is None:
        return []
    log_e = log_mean_exp([each.log_e for each in state.no_worse])
    return [Sureness(log_e, 1 - state.limits.no_worse_confidence)]


def _frozen_sureness(state: RatioState, frozen: float) -> list[Sureness]:
    if state.limits.no_worse_confidence is None:
        return []
    log_e = one_sample_below(state.bad(state.candidate), state.limits.above(frozen), state.dispersion)
    return [Sureness(log_e, 1 - state.limits.no_worse_confidence)]


def _reference(check: RatioCheck, whole: RatioState, step: RatioState) -> Counts:
    """Give the stable counts to compare with: the step's, or the whole attempt's while those are too few to trust."""
    return step.paired_stable if step.paired_stable.total >= check.min_samples else whole.paired_stable


def _compare(
    check: RatioCheck, counts: Counts, bounds: list[tuple[Bound, Counts]], shown: Sureness | None
) -> CheckResult:
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
    elif shown is not None and not shown.is_enough:
        verdict, reason = Verdict.CONTINUE, f"{text}, {shown.text}{shown.outlook(seen.total)}"
    else:
        verdict, reason = Verdict.PASS, text or f"{check.name} {format_number(rate)} (n={seen.total})"
        reason += f", {shown.text}" if shown is not None else ""
    if bound is None:
        return CheckResult(check.name, verdict, reason, rate, samples=counts.total)
    return CheckResult(
        check.name,
        verdict,
        reason,
        rate,
        bound.stable,
        bound.limit,
        counts.total,
        frozen=bound.frozen,
        sure=shown,
        claim=Claim.EXCEEDED if shown is None else Claim.KEPT,
    )
