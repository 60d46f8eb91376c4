"""Outcomes that are known only after the promotion: what is remembered for them, and the way back they may take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.late import AfterWindow
from modelrollout.api.metrics import Metric
from modelrollout.api.scalars import format_duration
from modelrollout.api.spec import ModelRolloutSpec, OnFailure
from modelrollout.api.status import TEXT_MAX, LateStatus, ModelRolloutStatus
from modelrollout.engine.observed import JudgedMetric
from modelrollout.engine.plan import Action, Decision, Event, EventType
from modelrollout.engine.shared import ACTS_ON_HARM
from modelrollout.engine.situation import Observation, Resting
from modelrollout.engine.texts import NOTE_MAX, cut

LATE_HARM = "LateHarm"


def delayed_metrics(spec: ModelRolloutSpec) -> tuple[Metric, ...]:
    """The metrics whose outcomes are known late."""
    return tuple(metric for metric in spec.metrics if metric.delayed is not None)


def late_problems(spec: ModelRolloutSpec) -> Iterator[str]:
    """Outcomes that nobody could act on, and steps that end before they can be judged."""
    for index, metric in enumerate(spec.metrics):
        if metric.delayed is None:
            continue
        field, needed = f"spec.metrics[{index}].delayed", _needed(metric)
        if metric.is_enforced and spec.rollback_window < needed and metric.delayed.after_window is None:
            yield (
                f"{field} ({metric.name}): outcomes of the last requests are mature {format_duration(needed)} after "
                f"they were made (maturity and one cohort), and rollbackWindow is "
                f"{format_duration(spec.rollback_window)}: make it {format_duration(needed)}, or say in afterWindow "
                "what is done about harm that shows later"
            )
        if not metric.is_enforced:
            continue
        for stage in spec.stages:
            if metric.applies_to(stage.name) and stage.max_duration <= needed:
                longest = format_duration(stage.max_duration)
                yield (
                    f"{field} ({metric.name}): no outcome of a request made in stage {stage.name} is mature within "
                    f"its maxDuration of {longest}: raise it above {format_duration(needed)}, "
                    "or name in stages those that shall wait for outcomes; stages: [] judges after the promotion only"
                )


def promotion_of(seen: Observation) -> LateStatus | None:
    """What to remember of a promotion whose outcomes are still to come."""
    status = seen.status
    attempt, stable = status.attempt, status.stable
    if attempt is None or stable is None or attempt.live_since is None or not delayed_metrics(seen.rollout.spec):
        return None
    evidence = seen.evidence
    until = evidence.at if evidence is not None and evidence.at is not None else seen.now
    return LateStatus(
        revision=attempt.revision,
        version=attempt.version,
        against=stable.revision,
        since=attempt.live_since,
        until=max(until, attempt.live_since),
        number=attempt.number,
    )


def is_awaited(seen: Observation) -> bool:
    """Whether outcomes of the last promotion are still to come."""
    status, late = seen.status, seen.status.late
    return late is not None and status.attempt is None and bool(delayed_metrics(seen.rollout.spec))


def late_harm(s: Resting) -> Decision | None:
    """Outcomes show after the promotion that it did harm: previous, which is still warm, gets all requests again."""
    found, spec, previous = _harmful(s.seen), s.seen.rollout.spec, s.seen.status.previous
    late = s.seen.status.late
    enforced = [judged for judged in found if judged.metric.is_enforced]
    if late is None or previous is None or s.previous is None or not enforced:
        return None
    if previous.revision != late.against or s.stable.revision.hash != late.revision:
        return None
    if spec.on_failure is OnFailure.HOLD or spec.automation not in ACTS_ON_HARM:
        return None  # a person is told, and has the control `rollback`
    if s.seen.now >= previous.warm_until or not s.previous.is_ready:
        return None
    message = "; ".join(judged.result.reason for judged in enforced)
    text = f"version {late.version} goes back to {previous.version}, which is still warm: {message}"
    return Decision(Action.RETURN, "LateHarm", text, fails=True)


def events(seen: Observation) -> Iterator[Event]:
    """Tell of harm that late outcomes show, once for each metric, whatever is done about it."""
    for judged in _untold(seen):
        yield Event(EventType.WARNING, LATE_HARM, cut(judged.result.reason, NOTE_MAX))


def remembered(after: ModelRolloutStatus, seen: Observation) -> ModelRolloutStatus:
    """Status that knows what was told, and forgets a promotion of which all is known, or that is undone."""
    late = after.late
    if late is None:
        return after
    is_over = after.attempt is not None or after.stable is None or after.stable.revision != late.revision
    if is_over or not delayed_metrics(seen.rollout.spec) or (seen.late is not None and seen.late.is_complete):
        return after.model_copy(update={"late": None})
    told = tuple(dict.fromkeys((*late.told, *(judged.metric.name for judged in _untold(seen)))))
    known = "; ".join(judged.result.reason for judged in seen.late.judged) if seen.late is not None else ""
    now = late.model_copy(update={"told": told, "verdict": cut(known, TEXT_MAX) if known else late.verdict})
    return after if now == late else after.model_copy(update={"late": now})


def _needed(metric: Metric) -> timedelta:
    assert metric.delayed is not None  # noqa: S101 - the caller has looked
    return metric.delayed.maturity + metric.delayed.cohort.width


def _harmful(seen: Observation) -> list[JudgedMetric]:
    if seen.late is None:
        return []
    return [judged for judged in seen.late.judged if judged.result.verdict is Verdict.HARM]


def _untold(seen: Observation) -> list[JudgedMetric]:
    late, previous = seen.status.late, seen.status.previous
    if late is None:
        return []
    is_warm = previous is not None and seen.now < previous.warm_until
    return [judged for judged in _harmful(seen) if judged.metric.name not in late.told and (is_warm or _warns(judged))]


def _warns(judged: JudgedMetric) -> bool:
    delayed = judged.metric.delayed
    return delayed is None or delayed.after_window is not AfterWindow.IGNORE
