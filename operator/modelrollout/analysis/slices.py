"""Judges slices of a `ratio` or `histogram`: the same counts by a label. They show harm, and never pass anything.

**What a slice is held to.** With `noWorseThan`, each slice of the candidate is compared with the same slice of stable
in the same ticks: a group that is hard for every model blames nobody. Without it, to the metric's `max` and `min`.

**How many looks that is.** Each slice is a test of its own, by the same e-processes as the whole metric
(`analysis.ratio`). They share what the metric may spend on slices equally, by the number of slices that was declared
and not by the number that turned up, so that the sum of all levels never exceeds it (Bonferroni; nothing is assumed
about how slices depend on each other). A slice with few requests is not judged yet: when a test begins to look depends
on the number of requests alone and never on events, so its level stays what it is.

**The gap.** `max_gap` is rejected when the lower confidence bound of one slice's rate lies above the upper bound of
another's by more than that. The bounds hold at all times at once (`analysis.eprocess`), for all slices together with
probability 1 - level by the same division, and so for whichever two of them are farthest apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from modelrollout.analysis.bounds import Bound, absolute_bounds, relative_bound
from modelrollout.analysis.eprocess import lower_bound, upper_bound
from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.ratio import RatioCheck, judge
from modelrollout.analysis.ratio_state import Evidence, RatioState, fold
from modelrollout.analysis.verdict import CheckResult, Verdict, format_number

VALUE_MAX = 40
"""Characters of a label's value that people are shown."""


@dataclass(frozen=True, slots=True)
class SliceRules:
    """What the slices of a metric are held to.

    Attributes:
        metric: the metric's name.
        label: that tells slices apart.
        max_slices: how many there may be.
        min_samples: the candidate's requests that a slice needs to be judged.
        alpha: probability of wrongly finding harm in a whole attempt, by all slices of this metric together.
        max_gap: how far the candidate's rates in two slices may be apart; None for any distance.
    """

    metric: str
    label: str
    max_slices: int
    min_samples: int
    alpha: float
    max_gap: float | None = None

    @property
    def slice_alpha(self) -> float:
        """Level of one slice in a whole attempt."""
        return self.alpha / self.max_slices / (1 if self.max_gap is None else 2)

    @property
    def bound_alpha(self) -> float:
        """Level of one of the two bounds of one slice, for the gap."""
        return self.alpha / 2 / (2 * self.max_slices)

    def name(self, value: str) -> str:
        """A slice as people see it."""
        if not value:
            return f"without {self.label}"
        return f"{self.label}={short(value)}"


@dataclass(frozen=True, slots=True)
class SlicesState:
    """The sums and likelihoods of each slice, over all ticks folded so far.

    Attributes:
        limits: what each slice is held to.
        max_slices: how many are kept; with more values none is, so that memory stays bounded.
        slices: by value of the label.
        overflow: whether there were more.
        problem: why the latest tick could not be sliced, or None.
        dispersion: up to so many requests may fail together.
    """

    limits: Limits
    max_slices: int
    slices: Mapping[str, RatioState] = field(default_factory=dict)
    overflow: bool = False
    problem: str | None = None
    dispersion: float = 1.0


@dataclass(frozen=True, slots=True)
class SlicesEvidence:
    """A span of ticks, up to now: what may be kept, and that with the ticks that can still change."""

    final: SlicesState
    latest: SlicesState


@dataclass(frozen=True, slots=True)
class SlicesJudgement:
    """What the slices show.

    Attributes:
        harm: the reason why the candidate does harm, or None.
        worst: the slice nearest to its limit, or farthest beyond it, in words; None while none can be judged.
        problem: why nothing can be told, or None.
        judged: how many slices have enough requests.
        known: how many slices there are.
    """

    harm: str | None
    worst: str | None
    problem: str | None
    judged: int
    known: int


def short(value: str) -> str:
    """Give a label's value as people are shown it."""
    return value if len(value) <= VALUE_MAX else f"{value[: VALUE_MAX - 1]}…"


def too_many(values: str, label: str, field: str, limit: int) -> str:
    """Say why counts cannot be told apart by a label.

    Args:
        values: how many values it has, in words.
        field: of the spec, that says how many there may be.
    """
    return f"{values} values of the label {label} are more than {field}: {limit}: raise it, or use a coarser label"


def slice_limits(limits: Limits) -> Limits:
    """Give what each slice is held to: the comparison with stable, where there is one."""
    if not limits.is_relative:
        return limits
    # A `min` tells which way is worse; as 0 it forbids nothing.
    return replace(limits, max=None, min=0.0 if limits.more_is_better else None)


def fold_slices(state: SlicesState, tick: Tick) -> SlicesState:
    """Add one tick."""
    if tick.unsliced is not None or state.overflow:
        return replace(state, problem=tick.unsliced)
    values = {part.value for part in tick.slices} | state.slices.keys()
    if len(values) > state.max_slices:
        return replace(state, slices={}, overflow=True, problem=None)
    slices = dict(state.slices)
    for part in tick.slices:
        before = slices.get(part.value) or RatioState.start(state.limits, state.dispersion)
        slices[part.value] = fold(before, Tick(tick.at, part.candidate, part.stable, tick.final))
    return replace(state, slices=slices, problem=None)


def gather_slices(kept: SlicesState, ticks: Iterable[Tick]) -> SlicesEvidence:
    """Add ticks, in order of time, to a state of final ticks; see `ratio_state.gather`."""
    final = latest = kept
    for tick in ticks:
        latest = fold_slices(latest, tick)
        if tick.final:
            final = fold_slices(final, tick)
    return SlicesEvidence(final, latest)


def judge_slices(
    rules: SliceRules, whole: SlicesEvidence, step: SlicesEvidence, step_index: int, *, alone: bool = False
) -> SlicesJudgement:
    """Judge all slices of a metric now.

    Args:
        rules: what they are held to.
        whole: the evidence since the attempt's first live request.
        step: the evidence since the current step began and was in force.
        step_index: which live step of the attempt this is, from 1.
        alone: whether the step leaves stable no share, so that what it showed before stands for it.
    """
    latest = whole.latest
    if latest.overflow or latest.problem is not None:
        why = latest.problem or too_many(f"over {rules.max_slices}", rules.label, "maxSlices", rules.max_slices)
        return SlicesJudgement(None, None, why, judged=0, known=0)
    enough = [value for value, state in latest.slices.items() if state.candidate.total >= rules.min_samples]
    rows = sorted((_row(rules, value, latest.slices[value]) for value in enough), reverse=True)
    harms = [text for row in rows if (text := _harm(rules, row.value, whole, step, step_index, alone=alone))]
    more = f" (and in {len(harms) - 1} more)" if len(harms) > 1 else ""
    harm = f"{harms[0]}{more}" if harms else _gap(rules, whole.latest, step.latest, step_index)
    return SlicesJudgement(harm, rows[0].text if rows else None, None, judged=len(enough), known=len(latest.slices))


def with_slices(result: CheckResult, rules: SliceRules, judged: SlicesJudgement) -> CheckResult:
    """Give the verdict of the whole metric with that of its slices.

    Slices can only make it worse: harm in one of them is harm. What was to be looked at and cannot be holds.
    """
    if result.verdict is Verdict.HARM:
        return replace(result, worst_slice=judged.worst)
    if judged.harm is not None:
        # How sure the whole is says nothing of the slice, which says it in its own words.
        return replace(result, verdict=Verdict.HARM, reason=judged.harm, worst_slice=judged.worst, sure=None)
    if judged.problem is not None:
        return replace(result, verdict=Verdict.NO_DATA, reason=f"{result.name}: {judged.problem}", sure=None)
    if judged.worst is not None:
        told = f"worst slice: {judged.worst}"
    else:
        told = f"{judged.judged} of {judged.known} slices have {rules.min_samples} samples"
    return replace(result, reason=f"{result.reason}; {told}", worst_slice=judged.worst)


@dataclass(frozen=True, slots=True, order=True)
class _Row:
    """A slice beside the limit that it is nearest to, or farthest beyond; the worst is the largest."""

    excess: float
    value: str
    text: str


def _row(rules: SliceRules, value: str, state: RatioState) -> _Row:
    rows = []
    for bound, counts in _bounds(state):
        rate = counts.events / counts.total
        beyond = rate - bound.limit if bound.upper else bound.limit - rate
        rows.append(_Row(beyond, value, bound.describe(rules.name(value), rate, counts.total)))
    if rows:
        return max(rows)
    counts = state.candidate
    return _Row(-1.0, value, f"{rules.name(value)} {format_number(counts.events / counts.total)} (n={counts.total})")


def _bounds(state: RatioState) -> list[tuple[Bound, Counts]]:
    """The limits of a slice that can be told now, and the counts that each is held against."""
    if not state.limits.is_relative:
        return [(bound, state.candidate) for bound in absolute_bounds(state.limits)]
    if state.paired_stable.total == 0 or state.paired_candidate.total == 0:
        return []
    return [(relative_bound(state.limits, state.paired_stable), state.paired_candidate)]


def _harm(
    rules: SliceRules, value: str, whole: SlicesEvidence, step: SlicesEvidence, step_index: int, *, alone: bool
) -> str | None:
    """Why one slice does harm, or None."""
    check = RatioCheck(name=f"{rules.metric}{{{rules.name(value)}}}", min_samples=1, alpha=rules.slice_alpha)
    all_of_it, of_step = _of(whole, value), _of(step, value)
    judgement = judge(check, all_of_it, of_step, step_index)
    if alone and judgement.stable_bound is not None:
        judgement = judge(check, all_of_it, of_step, step_index, judgement.stable_bound)
    return judgement.result.reason if judgement.result.verdict is Verdict.HARM else None


def _of(evidence: SlicesEvidence, value: str) -> Evidence:
    start = RatioState.start(evidence.final.limits, evidence.final.dispersion)
    return Evidence(evidence.final.slices.get(value) or start, evidence.latest.slices.get(value) or start)


def _gap(rules: SliceRules, whole: SlicesState, step: SlicesState, step_index: int) -> str | None:
    """Why two slices are farther apart than they may be, or None."""
    if rules.max_gap is None:
        return None
    for state, process in ((whole, 1), (step, step_index)):
        level = rules.bound_alpha / (process * (process + 1))
        found = _gap_of(rules, state, rules.max_gap, level)
        if found is not None:
            return found
    return None


def _gap_of(rules: SliceRules, state: SlicesState, max_gap: float, level: float) -> str | None:
    counts = {value: one.candidate for value, one in state.slices.items() if one.candidate.total >= rules.min_samples}
    rates = {value: one.events / one.total for value, one in counts.items()}
    # Bounds lie outside of the estimates, so estimates that are near enough spare the search for bounds.
    if not rates or max(rates.values()) - min(rates.values()) <= max_gap:
        return None
    lower = {value: lower_bound(one, level, state.dispersion) for value, one in counts.items()}
    upper = {value: upper_bound(one, level, state.dispersion) for value, one in counts.items()}
    high, low = max(lower, key=lambda value: lower[value]), min(upper, key=lambda value: upper[value])
    if lower[high] - upper[low] <= max_gap:
        return None
    first, second = (
        f"{rules.name(value)} {format_number(rates[value])} (n={counts[value].total})" for value in (high, low)
    )
    return f"{rules.metric}: {first} and {second} are more than maxGap {format_number(max_gap)} apart"
