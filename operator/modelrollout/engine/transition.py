"""What a decision makes of status. The state machine's arrows; nothing else changes where a rollout is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from modelrollout.api.status import (
    LOG_MAX,
    TEXT_MAX,
    AttemptStatus,
    FailureStatus,
    FrozenBound,
    Harm,
    LogEntry,
    ModelRolloutStatus,
    PreviousStatus,
    Retired,
    StepStatus,
)
from modelrollout.engine.observed import RouteDecision, RouteState
from modelrollout.engine.plan import LOWERING, Action, Decision
from modelrollout.engine.revisions import stage_hash
from modelrollout.engine.situation import Observation
from modelrollout.engine.steps import FULL, Step

SPEC_REVERTED = "SpecReverted"
MOVING = frozenset({Action.ADOPT, Action.ENTER, Action.PROMOTE, Action.RETURN}) | LOWERING
"""Actions that change the split: each takes the next sequence number."""


def transition(seen: Observation, decision: Decision) -> ModelRolloutStatus:
    """Status after a decision, without what `report` adds for readers."""
    status = _moved(seen, decision)
    if decision.action in MOVING:
        status = _with(status, sequence=seen.status.sequence + 1)
    return status


def _moved(seen: Observation, decision: Decision) -> ModelRolloutStatus:  # noqa: PLR0911 - one return per action
    status, now = seen.status, seen.now
    match decision.action:
        case Action.WAIT:
            return _latched(status, decision, now) if decision.latch else status
        case Action.ADOPT:
            return _with(status, stable=seen.desired.ref, failed=None)
        case Action.BEGIN:
            return _begun(seen)
        case Action.ENTER:
            assert decision.step is not None  # noqa: S101 - part of the action's meaning
            return _entered(seen, decision.step)
        case Action.ACCEPT:
            return _step_with(status, accepted_at=now)
        case Action.IN_FORCE:
            return _step_with(status, in_force_at=now)
        case Action.SUSPEND:
            return _attempt_with(status, unready_since=now)
        case Action.ROLL_BACK:
            return _ended(status, now, _failure(status, decision, now) if decision.fails else None)
        case Action.ABANDON:
            return _ended(status, now, None)
        case Action.PROMOTE:
            return _promoted(seen)
        case Action.RETURN:
            return _returned(status, now)


def adopted(status: ModelRolloutStatus, route: RouteState | None) -> ModelRolloutStatus:
    """Status after taking over the decision of a route that is ahead of it.

    A step down moves the route first; if the operator died before it wrote status, the route tells what was decided,
    and no outage of Prometheus can bring the weight back.
    """
    if route is None or route.sequence <= status.sequence:
        return status
    moved = _with(status, sequence=route.sequence)
    decision, attempt = route.decision, status.attempt
    if decision is None or attempt is None or decision.revision != attempt.revision:
        return moved
    return _after_route(moved, decision)


def _after_route(status: ModelRolloutStatus, decision: RouteDecision) -> ModelRolloutStatus:
    if decision.action == Action.SUSPEND:
        moved = _attempt_with(status, unready_since=decision.at)
    elif decision.action == Action.ABANDON:
        moved = _ended(status, decision.at, None)
    elif decision.action == Action.ROLL_BACK:
        made = Decision(Action.ROLL_BACK, decision.reason, decision.message)
        fails = decision.reason != SPEC_REVERTED
        moved = _ended(status, decision.at, _failure(status, made, decision.at) if fails else None)
    else:
        return status
    return logged(
        moved,
        status,
        at=decision.at,
        action=decision.action,
        revision=decision.revision,
        reason=decision.reason,
        message=decision.message,
    )


def logged(
    status: ModelRolloutStatus,
    before: ModelRolloutStatus,
    *,
    at: datetime,
    action: str,
    revision: str,
    reason: str,
    message: str,
) -> ModelRolloutStatus:
    """Status with one more line in its log of decisions.

    Args:
        before: status before the decision: it tells the stage that a rollback left.
    """
    step = _step_of(status) or _step_of(before)
    entry = LogEntry(
        at=at,
        action=action,
        revision=revision,
        stage=step.stage if step else None,
        weight=live_weight(status),
        reason=reason,
        message=message[:TEXT_MAX],
    )
    return _with(status, log=(*status.log, entry)[-LOG_MAX:])


def live_weight(status: ModelRolloutStatus) -> int:
    """Percent of live requests that the candidate is to answer."""
    attempt = status.attempt
    if attempt is None or attempt.step is None or attempt.unready_since is not None:
        return 0
    return attempt.step.weight


def _begun(seen: Observation) -> ModelRolloutStatus:
    status = seen.status
    retired = tuple(entry for entry in status.retired if entry.revision != seen.desired.hash)
    if status.previous is not None and status.previous.revision != seen.desired.hash:
        retired = (*retired, Retired(revision=status.previous.revision, since=seen.now))
    attempt = AttemptStatus(revision=seen.desired.hash, version=seen.desired.version, started_at=seen.now)
    return _with(status, attempt=attempt, previous=None, failed=None, retired=retired)


def _entered(seen: Observation, step: Step) -> ModelRolloutStatus:
    attempt = seen.status.attempt
    assert attempt is not None  # noqa: S101 - policies that enter a step have an attempt
    before = attempt.step
    entered = StepStatus(
        stage=step.stage.name,
        stage_index=step.stage_index,
        index=step.index,
        number=before.number + 1 if before else 1,
        weight=step.weight,
        mirror_percent=step.mirror_percent,
        previous_weight=before.weight if before and attempt.unready_since is None else 0,
        spec_hash=stage_hash(seen.rollout.spec, step.stage.name),
        started_at=seen.now,
    )
    frozen = attempt.frozen
    if seen.evidence is not None and before is not None and (before.weight < FULL or before.mirror_percent):
        frozen = tuple(FrozenBound(metric=name, bound=repr(bound)) for name, bound in seen.evidence.frozen_bounds)
    return _attempt_with(
        seen.status,
        step=entered,
        evidence_since=attempt.evidence_since or seen.now,
        unready_since=None,
        frozen=frozen,
    )


def _promoted(seen: Observation) -> ModelRolloutStatus:
    status, attempt = seen.status, seen.status.attempt
    assert attempt is not None  # noqa: S101 - only a step promotes
    assert status.stable is not None  # noqa: S101 - only a step promotes
    previous = PreviousStatus(
        revision=status.stable.revision,
        version=status.stable.version,
        warm_until=seen.now + seen.rollout.spec.rollback_window,
    )
    stable = {"revision": attempt.revision, "version": attempt.version}
    return _with(status, stable=type(status.stable)(**stable), previous=previous, attempt=None, failed=None)


def _returned(status: ModelRolloutStatus, now: datetime) -> ModelRolloutStatus:
    assert status.previous is not None  # noqa: S101 - the policy has looked
    assert status.stable is not None  # noqa: S101 - the policy has looked
    stable = type(status.stable)(revision=status.previous.revision, version=status.previous.version)
    retired = (*status.retired, Retired(revision=status.stable.revision, since=now))
    return _with(status, stable=stable, previous=None, failed=None, retired=retired)


def _ended(status: ModelRolloutStatus, now: datetime, failure: FailureStatus | None) -> ModelRolloutStatus:
    assert status.attempt is not None  # noqa: S101 - only an attempt ends
    retired = (*status.retired, Retired(revision=status.attempt.revision, since=now))
    return _with(status, attempt=None, failed=failure, retired=retired)


def _failure(status: ModelRolloutStatus, decision: Decision, now: datetime) -> FailureStatus:
    attempt = status.attempt
    assert attempt is not None  # noqa: S101 - only an attempt fails
    return FailureStatus(
        revision=attempt.revision,
        version=attempt.version,
        reason=decision.reason,
        message=decision.message[:TEXT_MAX],
        stage=attempt.step.stage if attempt.step else None,
        at=now,
    )


def _latched(status: ModelRolloutStatus, decision: Decision, now: datetime) -> ModelRolloutStatus:
    if status.attempt is None or status.attempt.harm is not None:
        return status
    return _attempt_with(status, harm=Harm(reason=decision.reason, message=decision.message[:TEXT_MAX], at=now))


def _step_of(status: ModelRolloutStatus) -> StepStatus | None:
    return status.attempt.step if status.attempt else None


def _with(status: ModelRolloutStatus, **changes: Any) -> ModelRolloutStatus:
    return status.model_copy(update=changes)


def _attempt_with(status: ModelRolloutStatus, **changes: Any) -> ModelRolloutStatus:
    assert status.attempt is not None  # noqa: S101 - callers are in an attempt
    return _with(status, attempt=status.attempt.model_copy(update=changes))


def _step_with(status: ModelRolloutStatus, **changes: Any) -> ModelRolloutStatus:
    step = _step_of(status)
    assert step is not None  # noqa: S101 - callers are in a step
    return _attempt_with(status, step=step.model_copy(update=changes))
