"""Judges a `query` metric: a value over a window, compared at each interval.

A value has no counts behind it, so no error probability can be given; `failureLimit` is what stands between chance and
a rollback. An evaluation without a usable value says nothing about the candidate: it does not pass, does not fail and
does not break a row of failures, so that a flapping scrape cannot hide harm. The same goes for a value that breaks
`max` or `min` as stable's own does at the same instant: then something fails that both depend on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from modelrollout.analysis.bounds import Bound, absolute_bounds, value_bound
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.outcome import Ambiguous, NoData, NotFinite, Outcome, Partial, Rejected, Unavailable, Value
from modelrollout.analysis.together import ALIKE, TOGETHER
from modelrollout.analysis.verdict import CheckResult, Verdict, format_number


class OnNoData(StrEnum):
    """What an evaluation counts as when the candidate has no data or no finite value."""

    HOLD = "Hold"
    FAIL = "Fail"
    PASS = "Pass"  # noqa: S105 - a verdict, not a password


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a query gave at one instant.

    Attributes:
        at: the instant in unix seconds, on Prometheus's clock.
        candidate: the outcome for the candidate.
        stable: the outcome for the stable revision; None where it was not asked for.
        final: whether the outcome can no longer change. Provisional ones may show harm and never a pass.
    """

    at: float
    candidate: Outcome
    stable: Outcome | None
    final: bool


@dataclass(frozen=True, slots=True)
class QueryCheck:
    """What a query metric is held to.

    Attributes:
        name: the metric's name.
        limits: the limits, in the metric's unit.
        failure_limit: failing evaluations in a row that are tolerated.
        on_no_data: what missing data counts as.
    """

    name: str
    limits: Limits
    failure_limit: int = 0
    on_no_data: OnNoData = OnNoData.HOLD


@dataclass(frozen=True, slots=True)
class QueryJudgement:
    """A verdict, and what to keep of it.

    Attributes:
        result: the verdict and its numbers.
        stable_value: median of the stable revision's final values, to be frozen when the next step leaves stable no
            share; None where there was none.
    """

    result: CheckResult
    stable_value: float | None


@dataclass(frozen=True, slots=True)
class _Grade:
    """One evaluation held against the limits; `passed` is None where it says nothing."""

    passed: bool | None
    text: str
    final: bool
    candidate: float | None = None
    stable: float | None = None
    limit: float | None = None
    frozen: bool = False
    upstream: bool = False


def judge(check: QueryCheck, evaluations: Sequence[Evaluation], kept_stable: float | None = None) -> QueryJudgement:
    """Judge a query metric now.

    Args:
        check: what it is held to.
        evaluations: those of the current step, in order of time.
        kept_stable: the `stable_value` kept from the last mixed step. Give it only where the step leaves stable no
            share; it stands in wherever stable has no value.
    """
    grades = [_grade(check, evaluation, kept_stable) for evaluation in evaluations]
    conclusive = [grade for grade in grades if grade.passed is not None]
    result = _harm(check, conclusive) or _progress(check, grades, len(conclusive))
    result = replace(result, exceeds=bool(grades) and (grades[-1].passed is False or grades[-1].upstream))
    values = sorted(each.stable.value for each in evaluations if each.final and isinstance(each.stable, Value))
    return QueryJudgement(result, values[len(values) // 2] if values else kept_stable)


def _harm(check: QueryCheck, conclusive: Sequence[_Grade]) -> CheckResult | None:
    """Find the first row of failures that was too long, even if a later value was good again.

    So the verdict does not depend on whether anybody looked while the row lasted.
    """
    row = 0
    for count, grade in enumerate(conclusive, start=1):
        row = 0 if grade.passed else row + 1
        if row > check.failure_limit:
            times = f", {row} times in a row" if row > 1 else ""
            return _result(check, Verdict.HARM, grade, f"{grade.text}{times}", count)
    return None


def _progress(check: QueryCheck, grades: Sequence[_Grade], conclusive: int) -> CheckResult:
    if not grades:
        return CheckResult(check.name, Verdict.NO_DATA, f"{check.name}: not evaluated yet in this step")
    if grades[-1].upstream:
        return replace(_result(check, Verdict.CONTINUE, grades[-1], grades[-1].text, conclusive), upstream=True)
    row = 0
    for grade in reversed([grade for grade in grades if grade.passed is not None]):
        if grade.passed:
            break
        row += 1
    if row:
        failing = next(grade for grade in reversed(grades) if grade.passed is False)
        standing = f"{failing.text}, failing {row} of {check.failure_limit + 1}"
        if grades[-1].passed is None:
            return _result(check, Verdict.NO_DATA, failing, f"{grades[-1].text}; before that {standing}", conclusive)
        return _result(check, Verdict.CONTINUE, failing, standing, conclusive)
    final = [grade for grade in grades if grade.final]
    if not final:
        return _result(check, Verdict.CONTINUE, grades[-1], f"{grades[-1].text}, not final yet", conclusive)
    latest = final[-1]
    verdict = Verdict.PASS if latest.passed else Verdict.NO_DATA
    return _result(check, verdict, latest, latest.text, conclusive)


def _result(check: QueryCheck, verdict: Verdict, grade: _Grade, reason: str, samples: int) -> CheckResult:
    return CheckResult(
        check.name, verdict, reason, grade.candidate, grade.stable, grade.limit, samples, frozen=grade.frozen
    )


def _grade(check: QueryCheck, evaluation: Evaluation, kept_stable: float | None) -> _Grade:
    match evaluation.candidate:
        case Value(value):
            return _held_against(check, evaluation, value, kept_stable)
        case NoData() | NotFinite() if check.on_no_data is not OnNoData.HOLD:
            text = f"{check.name}: {describe(evaluation.candidate)} (onNoData: {check.on_no_data})"
            return _Grade(check.on_no_data is OnNoData.PASS, text, evaluation.final)
        case _:
            return _Grade(None, f"{check.name}: {describe(evaluation.candidate)}", evaluation.final)


def _held_against(check: QueryCheck, evaluation: Evaluation, value: float, kept_stable: float | None) -> _Grade:
    """Compare a value with every limit; one that is exceeded decides even where another cannot be known."""
    bounds, missing = absolute_bounds(check.limits), None
    if check.limits.is_relative:
        stable, frozen = _stable_value(evaluation.stable, kept_stable)
        if stable is None:
            missing = "not asked for" if evaluation.stable is None else describe(evaluation.stable)
        else:
            bounds.append(value_bound(check.limits, stable, frozen=frozen))
    exceeded = [bound for bound in bounds if not bound.keeps(value)]
    if missing is not None and not exceeded:
        text = f"{check.name} {format_number(value)}, nothing to compare with: stable: {missing}"
        return _Grade(None, text, evaluation.final, value)
    if not bounds:
        return _Grade(passed=True, text=f"{check.name} {format_number(value)}", final=evaluation.final, candidate=value)
    bound = exceeded[0] if exceeded else min(bounds, key=lambda each: each.tightness)
    text = bound.describe(check.name, value)
    if exceeded and _is_shared(check.limits, exceeded, value, evaluation.stable):
        assert isinstance(evaluation.stable, Value)  # noqa: S101 - looked at
        beside = "" if bound.stable is not None else f"; stable {format_number(evaluation.stable.value)}"
        text = f"{TOGETHER}{text}{beside}"
        return _Grade(None, text, evaluation.final, value, evaluation.stable.value, bound.limit, upstream=True)
    return _Grade(not exceeded, text, evaluation.final, value, bound.stable, bound.limit, bound.frozen)


def _is_shared(limits: Limits, exceeded: Sequence[Bound], value: float, stable: Outcome | None) -> bool:
    """Whether stable breaks every one of these absolute limits as well, and the candidate is not much worse."""
    if not isinstance(stable, Value):
        return False
    if any(bound.stable is not None or bound.keeps(stable.value) for bound in exceeded):
        return False
    # A relative limit says what alike is, and it is kept.
    return limits.is_relative or all(_is_alike(bound, value, stable.value) for bound in exceeded)


def _is_alike(bound: Bound, value: float, stable: float) -> bool:
    return value <= ALIKE * stable if bound.upper else value >= stable / ALIKE


def _stable_value(outcome: Outcome | None, kept: float | None) -> tuple[float | None, bool]:
    if isinstance(outcome, Value):
        return outcome.value, False
    return kept, kept is not None


def describe(outcome: Outcome) -> str:
    """Say in a few words what a query gave."""
    match outcome:
        case Value(value):
            text = format_number(value)
        case NoData():
            text = "no data"
        case NotFinite(value):
            text = f"{format_number(value)} is not a number to compare"
        case Ambiguous(series):
            text = f"the query returns {series} series; aggregate them to one, for example with sum()"
        case Unavailable(message):
            text = f"unavailable: {message}"
        case Rejected(message):
            text = f"rejected: {message}"
        case Partial(warnings):
            text = f"partial data: {'; '.join(warnings)}"
        case _:
            assert_never(outcome)
    return text
