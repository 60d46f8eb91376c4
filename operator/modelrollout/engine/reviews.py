"""After each rollout: what metrics that stop nothing would have done, and whether they are worth keeping.

An attempt remembers when each of them first showed harm. When it ends, that is held beside what the enforced ones did:
one that is never sooner and never alone adds nothing, one that is alone is either wrong or right about something that
went through, and only a person can tell which.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from modelrollout.analysis.feasibility import in_words
from modelrollout.analysis.verdict import Verdict
from modelrollout.api.metrics import Metric
from modelrollout.api.reviews import Fired, MetricReview
from modelrollout.api.status import AttemptStatus, ModelRolloutStatus
from modelrollout.engine.plan import Event, EventType
from modelrollout.engine.revisions import metric_digest
from modelrollout.engine.situation import Observation
from modelrollout.engine.texts import NOTE_MAX, cut

REVIEWED: Final = "MetricsReviewed"
ENOUGH: Final = 5
"""Rollouts after which a metric that has added nothing may be called needless."""
HARM: Final = "Harm"
"""The reason of a rollback that enforced metrics asked for."""


class Outcome(StrEnum):
    """How an attempt ended, as far as metrics have to do with it."""

    PROMOTED = "promoted"
    HARM = "rolled back on evidence"
    OTHERWISE = "ended for another reason"


@dataclass(frozen=True, slots=True)
class _End:
    """An attempt that has ended."""

    outcome: Outcome
    harm_at: datetime


def remembered(written: ModelRolloutStatus, seen: Observation, after: ModelRolloutStatus) -> ModelRolloutStatus:
    """Status with what has fired in the attempt; where the attempt has ended, with what that says of each metric.

    Args:
        written: status as the API server has it.
        seen: what the decision was about.
        after: status after the decision.
    """
    attempt = written.attempt
    if attempt is None or attempt.step is None:
        return after
    fired = _fired(seen, attempt)
    if not _is_over(attempt, after):
        if after.attempt is None or fired == after.attempt.fired:
            return after
        return after.model_copy(update={"attempt": after.attempt.model_copy(update={"fired": fired})})
    reviews = tuple(_reviews(written, seen, attempt, fired, _end(seen, attempt, after)))
    return after.model_copy(update={"reviews": reviews})


def events(written: ModelRolloutStatus, after: ModelRolloutStatus) -> Iterator[Event]:
    """Tell of what the rollout that has just ended says of its metrics, where that is news."""
    attempt = written.attempt
    if attempt is None or attempt.step is None or not _is_over(attempt, after):
        return
    before = {review.metric: review for review in written.reviews}
    texts = [text for review in after.reviews for text in _news(before.get(review.metric), review)]
    if texts:
        yield Event(EventType.NORMAL, REVIEWED, cut(f"version {attempt.version}: {'; '.join(texts)}", NOTE_MAX))


def _news(before: MetricReview | None, review: MetricReview) -> Iterator[str]:
    """That it fired, or what is to be thought of it now: all else is in status."""
    if review.fired > (0 if before is None else before.fired):
        yield f"{review.metric} (mode: {review.mode}) {review.last}"
    if review.advice and (before is None or not before.advice or _kind(before) != _kind(review)):
        yield f"{review.metric}: {review.advice}"


def _kind(review: MetricReview) -> tuple[bool, bool]:
    return review.ahead > 0, review.alone > 0


def _reviews(
    written: ModelRolloutStatus,
    seen: Observation,
    attempt: AttemptStatus,
    fired: tuple[Fired, ...],
    end: _End,
) -> Iterator[MetricReview]:
    """One for each metric that stops nothing; of those that the attempt has not come to, what is known."""
    assert attempt.step is not None  # noqa: S101 - the caller has looked
    spec, first = seen.rollout.spec, {one.metric: one for one in fired}
    known = {(one.metric, one.digest): one for one in written.reviews}
    reached = [stage.name for stage in spec.stages[: attempt.step.stage_index + 1]]
    for metric in (one for one in spec.metrics if not one.is_enforced):
        digest = metric_digest(metric)
        before = known.get((metric.name, digest))
        if any(metric.applies_to(stage) for stage in reached):
            fresh = MetricReview(metric=metric.name, mode=metric.mode, digest=digest)
            yield _reviewed(before or fresh, metric, first.get(metric.name), end)
        elif before is not None:
            yield before


def _fired(seen: Observation, attempt: AttemptStatus) -> tuple[Fired, ...]:
    known = {one.metric for one in attempt.fired}
    if seen.evidence is None or attempt.step is None:
        return attempt.fired
    new = (
        Fired(metric=judged.metric.name, at=seen.now, stage=attempt.step.stage)
        for judged in seen.evidence.judged
        if judged.result.verdict is Verdict.HARM and not judged.metric.is_enforced and judged.metric.name not in known
    )
    return (*attempt.fired, *new)


def _is_over(attempt: AttemptStatus, after: ModelRolloutStatus) -> bool:
    following = after.attempt
    return following is None or (following.revision, following.started_at) != (attempt.revision, attempt.started_at)


def _end(seen: Observation, attempt: AttemptStatus, after: ModelRolloutStatus) -> _End:
    harm_at = attempt.harm.at if attempt.harm is not None else seen.now
    if after.stable is not None and after.stable.revision == attempt.revision:
        return _End(Outcome.PROMOTED, harm_at)
    failed = after.failed
    if failed is not None and (failed.revision, failed.reason) == (attempt.revision, HARM):
        return _End(Outcome.HARM, harm_at)
    return _End(Outcome.OTHERWISE, harm_at)


def _reviewed(known: MetricReview, metric: Metric, fired: Fired | None, end: _End) -> MetricReview:
    ahead = fired is not None and end.outcome is Outcome.HARM and fired.at < end.harm_at
    counted = known.model_copy(
        update={
            "rollouts": known.rollouts + 1,
            "fired": known.fired + (fired is not None),
            "ahead": known.ahead + ahead,
            "alone": known.alone + (fired is not None and end.outcome is not Outcome.HARM),
            "missed": known.missed + (fired is None and end.outcome is Outcome.HARM),
            "last": _last(metric, fired, end),
        }
    )
    return counted.model_copy(update={"advice": advice(counted)})


def _last(metric: Metric, fired: Fired | None, end: _End) -> str:
    if fired is None:
        if metric.check.is_empty and metric.agreement is None and metric.drift is None:
            return "has no limit that it could fire at: kubectl mr suggest proposes one"
        also = "where what is enforced did" if end.outcome is Outcome.HARM else "and neither did what is enforced"
        return f"did not fire, {also}"
    when = f"would have fired at {fired.at:%H:%M:%S}Z in {fired.stage}"
    if end.outcome is not Outcome.HARM:
        return f"{when}, and nothing that is enforced did ({end.outcome})"
    sooner = (end.harm_at - fired.at).total_seconds()
    return f"{when}, {f'{in_words(sooner)} before' if sooner > 0 else 'no sooner than'} what is enforced"


def advice(review: MetricReview) -> str:
    """Whether the metric adds anything; nothing while too few rollouts tell."""
    if review.ahead:
        return f"sooner than what is enforced in {review.ahead} of {review.rollouts} rollouts: worth enforcing"
    if review.alone:
        return (
            f"alone in {review.alone} of {review.rollouts} rollouts: if it was right, enforce it; if not, widen its "
            "limit or prune it"
        )
    if review.rollouts < ENOUGH:
        return ""
    if review.fired or review.missed:
        return f"added nothing in {review.rollouts} rollouts: it can be pruned"
    return (
        f"never fired in {review.rollouts} rollouts, nothing enforced did either: prune it, or let it wait for its day"
    )
