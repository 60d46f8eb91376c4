"""Judges how often the candidate answers as stable does, for each class of stable's answer.

Rare classes are lost in the whole: a model that never says "fraud" agrees with its predecessor 99 times of 100. So each
class has a confidence sequence of its own (`analysis.eprocess`), which holds at all times at once and for all classes
together (Bonferroni over the declared number of classes), and is judged from 50 pairs on.

A better model must disagree. So this says *where* two models differ and no more; who is right is asked by
`analysis.mcnemar`. A model that draws lots does not agree even with itself: the *ceiling* is how often stable does, and
no class is held to more than the ceiling may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelrollout.analysis.eprocess import lower_bound, upper_bound
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.slices import SlicesState, short, too_many
from modelrollout.analysis.verdict import CheckResult, Verdict, format_number

PASS_LEVEL = 0.05
"""Probability that any class whose agreement is too low is ever taken for one that agrees enough."""
HARM_LEVEL = 0.01
"""Probability that any class that agrees enough is ever said not to."""


@dataclass(frozen=True, slots=True)
class AgreementCheck:
    """What agreement is held to.

    Attributes:
        name: the metric's name.
        label: that tells classes apart.
        minimum: least share of pairs that agree, in each class.
        min_pairs: pairs that a class needs to be judged.
        max_classes: how many classes there may be.
    """

    name: str
    label: str
    minimum: float
    min_pairs: int
    max_classes: int


@dataclass(frozen=True, slots=True)
class _Class:
    """One class; the worst has the smallest margin."""

    margin: float
    text: str
    counts: Counts
    limit: float
    agrees: bool
    differs: bool


def judge_agreement(
    check: AgreementCheck, whole: SlicesState, step: SlicesState, ceilings: Mapping[str, Counts]
) -> CheckResult:
    """Judge agreement now.

    Args:
        check: what it is held to.
        whole: pairs by class since the attempt began, with ticks that can still change; events are pairs that agree.
        step: those of the current step, of final ticks alone: all that a pass may rest on.
        ceilings: pairs of stable with itself, by class; without a class there is no ceiling of it.
    """
    if whole.overflow or whole.problem is not None:
        why = whole.problem or too_many(f"over {check.max_classes}", check.label, "maxClasses", check.max_classes)
        return CheckResult(check.name, Verdict.NO_DATA, f"{check.name}: {why}")
    known = {value: state.candidate for value, state in whole.slices.items() if state.candidate.total}
    if not known:
        return CheckResult(check.name, Verdict.NO_DATA, f"{check.name}: no pairs are counted yet")
    pairs = sum(counts.total for counts in known.values())
    differing = [one for value, counts in known.items() if (one := _class(check, value, counts, ceilings)).differs]
    if differing:
        worst = min(differing, key=lambda one: one.margin)
        more = f" (and {len(differing) - 1} more classes)" if len(differing) > 1 else ""
        return _result(check, Verdict.HARM, worst, pairs, f"{check.name}: {worst.text}{more}")
    passing = {value: state.candidate for value, state in step.slices.items() if state.candidate.total}
    judged = [_class(check, value, counts, ceilings) for value, counts in passing.items()]
    enough = [one for one in judged if one.counts.total >= check.min_pairs]
    if not enough:
        text = f"{check.name}: no class has {check.min_pairs} pairs yet"
        return CheckResult(check.name, Verdict.CONTINUE, text, samples=pairs)
    worst = min(enough, key=lambda one: one.margin)
    if len(enough) == len(known) and all(one.agrees for one in enough):
        return _result(
            check, Verdict.PASS, worst, pairs, f"{check.name}: {worst.text}, the least of {len(enough)} classes"
        )
    waiting = f"{len(enough)} of {len(known)} classes have {check.min_pairs} pairs"
    return _result(check, Verdict.CONTINUE, worst, pairs, f"{check.name}: {worst.text}; {waiting}")


def _class(check: AgreementCheck, value: str, counts: Counts, ceilings: Mapping[str, Counts]) -> _Class:
    limit, note = check.minimum, ""
    ceiling = ceilings.get(value)
    if ceiling is not None and ceiling.total >= check.min_pairs:
        # What the ceiling may be at most: its own uncertainty blames nobody.
        highest = upper_bound(ceiling, PASS_LEVEL / check.max_classes)
        if highest < limit:
            limit, note = highest, ", stable with itself"
    rate = counts.events / counts.total
    name = f"{check.label}={short(value)}" if value else f"without {check.label}"
    sign = ">=" if rate >= limit else "<"
    text = f"{name} agrees in {format_number(rate)} {sign} {format_number(limit)}{note} (n={counts.total})"
    if counts.total < check.min_pairs:
        return _Class(rate - limit, text, counts, limit, agrees=False, differs=False)
    return _Class(
        rate - limit,
        text,
        counts,
        limit,
        agrees=lower_bound(counts, PASS_LEVEL / check.max_classes) >= limit,
        differs=upper_bound(counts, HARM_LEVEL / check.max_classes) < limit,
    )


def _result(check: AgreementCheck, verdict: Verdict, worst: _Class, pairs: int, reason: str) -> CheckResult:
    rate = worst.counts.events / worst.counts.total
    return CheckResult(check.name, verdict, reason, rate, None, worst.limit, pairs, worst_slice=worst.text)
