"""Folds and judges the slices of `ratio` and `histogram` metrics, whose counters carry a label of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from modelrollout.analysis.evidence import Tick
from modelrollout.analysis.slices import (
    SliceRules,
    SlicesEvidence,
    SlicesState,
    gather_slices,
    judge_slices,
    slice_limits,
    with_slices,
)
from modelrollout.analysis.verdict import CheckResult
from modelrollout.api.metrics import Metric
from modelrollout.metrics.slicing import Slicing
from modelrollout.runtime.levels import budget_of
from modelrollout.runtime.looking import Look, limits_of


@dataclass(frozen=True, slots=True)
class KeptSlices:
    """Final ticks of the slices, folded so far: of the attempt, and of its current step."""

    whole: SlicesState
    step: SlicesState

    @classmethod
    def start(cls, metric: Metric, dispersion: float) -> Self | None:
        """Before the first tick; None where the metric is not sliced."""
        if metric.slice_by is None:
            return None
        start = SlicesState(slice_limits(limits_of(metric)), metric.slice_by.max_slices, dispersion=dispersion)
        return cls(start, start)

    def at_new_step(self) -> Self:
        """The same, for a step that begins."""
        return replace(self, step=replace(self.step, slices={}, overflow=False, problem=None))


@dataclass(frozen=True, slots=True)
class GatheredSlices:
    """The slices up to now."""

    whole: SlicesEvidence
    step: SlicesEvidence

    @classmethod
    def gather(cls, kept: KeptSlices | None, ticks: Sequence[Tick], of_step: Sequence[Tick]) -> Self | None:
        """Add ticks, and those of them that count for the step."""
        return None if kept is None else cls(gather_slices(kept.whole, ticks), gather_slices(kept.step, of_step))

    @property
    def kept(self) -> KeptSlices:
        """What to keep."""
        return KeptSlices(self.whole.final, self.step.final)

    def judge(self, look: Look, metric: Metric, result: CheckResult) -> CheckResult:
        """The verdict of the whole metric with that of its slices."""
        rules = _rules(look, metric)
        if rules is None:
            return result
        alone = look.leaves_stable_no_share
        return with_slices(result, rules, judge_slices(rules, self.whole, self.step, look.step.number, alone=alone))


def slicing_of(metric: Metric | None) -> Slicing | None:
    """By which label a metric's counters are sliced."""
    by = None if metric is None else metric.slice_by
    return None if by is None else Slicing(by.label, by.max_slices)


def _rules(look: Look, metric: Metric) -> SliceRules | None:
    by = metric.slice_by
    if by is None:
        return None
    return SliceRules(
        metric=metric.name,
        label=by.label,
        max_slices=by.max_slices,
        min_samples=by.min_samples,
        alpha=budget_of(look.rollout.spec, look.attempt.number).of_slice * by.max_slices,
        max_gap=None if by.max_gap is None else float(by.max_gap),
    )
