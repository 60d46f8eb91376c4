"""What a decision makes of status. The state machine's arrows; nothing else changes where a rollout is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from modelrollout.api.status import (
    LOG_MAX,
    TEXT_MAX,
    TRIED_MAX,
    AttemptStatus,
    ContestStatus,
    FailureStatus,
    FrozenBound,
    Harm,
    LogEntry,
    ModelRolloutStatus,
    PreviousStatus,
    Retired,
    RevisionRef,
    StepStatus,
    Tried,
)
from modelrollout.engine.intent import live_weight
from modelrollout.engine.late import promotion_of
from modelrollout.engine.observed import RouteDecision, RouteState
from modelrollout.engine.pipeline import upstream_hash
from modelrollout.engine.plan import LOWERING, Action, Decision, Fault
from modelrollout.engine.revisions import FALLBACK, stage_hash
from modelrollout.engine.shared import SCALING
from modelrollout.engine.situation import Observation
from modelrollout.engine.steps import FULL, Step
from modelrollout.engine.surroundings import is_elsewhere, route_hash, source_hash
from modelrollout.engine.texts import LOG_MESSAGE_MAX, REASON_MAX, cut, squeezed

SPEC_REVERTED = "SpecReverted"
RETIRED_MAX = 20
MOVING = frozenset({Action.STAND_IN, Action.ADOPT, Action.ENTER, Action.PROMOTE, Action.RETURN}) | LOWERING
"""Actions that change the split: each takes the next sequence number."""


def transition(seen: Observation, decision: Decision) -> ModelRolloutStatus:
    """Status after a decision, without what `report` adds for readers."""
    status = _moved(seen, decision)
    if decision.action in MOVING:
        status = _with(status, sequence=seen.status.sequence + 1)
    return status


def _moved(seen: Observation, decision: Decision) -> ModelRolloutStatus:  # noqa: PLR0911, PLR0912 - one return per action
    status, now = seen.status, seen.now
    match decision.action:
        case Action.WAIT:
            return _waiting(_latched(status, decision.latch, now) if decision.latch else status, decision, now)
        case Action.STAND_IN:
            assert seen.fallback is not None  # noqa: S101 - the policy has looked
            return _with(status, stable=seen.fallback.revision.ref)
        case Action.ADOPT:
            return _with(status, stable=decision.of or seen.desired.ref, failed=None)
        case Action.BEGIN:
            return _begun(seen)
        case Action.ENTER:
            assert decision.step is not None  # noqa: S101 - part of the action's meaning
            return _entered(seen, decision.step)
        case Action.ACCEPT:
            return _accepted(status, _stamp(seen))
        case Action.IN_FORCE:
            return _step_with(status, in_force_at=_stamp(seen))
        case Action.SUSPEND:
            return _attempt_with(status, unready_since=now)
        case Action.HOLD_BACK:
            return _held_back(status, now, seen.rollout.generation)
        case Action.ROLL_BACK:
            return _ended(status, now, _attempt_failure(status, decision, now) if decision.fails else None)
        case Action.ABANDON:
            return _ended(status, now, None)
        case Action.PROMOTE:
            return _promoted(seen)
        case Action.RETURN:
            return _returned(seen, decision)
        case Action.APPROVE:
            return _attempt_with(status, approved_at=now)
        case Action.DECLINE:
            return _with(status, failed=_failure(seen.desired.ref, decision, now))
        case Action.BEGIN_GATE | Action.END_GATE:
            return _attempt_with(status, gates=decision.gates)


def adopted(status: ModelRolloutStatus, route: RouteState | None, now: datetime) -> ModelRolloutStatus:
    """Status after taking over the decision of a route that is ahead of it.

    A step down moves the route first; if the operator died before it wrote status, the route tells what was decided,
    and no outage of Prometheus can bring the weight back.

    Args:
        now: stands in for the time of a decision that names none or one in the future: people can edit a route.
    """
    if route is None or route.sequence <= status.sequence:
        return status
    moved = _with(status, sequence=route.sequence)
    decision, attempt = route.decision, status.attempt
    if decision is None or attempt is None or decision.revision != attempt.revision:
        return moved
    at = decision.at if decision.at.tzinfo is not None and decision.at <= now else now
    return _after_route(moved, replace(decision, at=at, reason=decision.reason or "Unknown"))


def _after_route(status: ModelRolloutStatus, decision: RouteDecision) -> ModelRolloutStatus:
    if decision.action == Action.SUSPEND:
        moved = _attempt_with(status, unready_since=decision.at)
    elif decision.action == Action.HOLD_BACK:
        moved = _held_back(status, decision.at, status.observed_generation)
    elif decision.action == Action.ABANDON:
        moved = _ended(status, decision.at, None)
    elif decision.action == Action.ROLL_BACK:
        made = Decision(Action.ROLL_BACK, decision.reason, decision.message)
        fails = decision.reason != SPEC_REVERTED
        moved = _ended(status, decision.at, _attempt_failure(status, made, decision.at) if fails else None)
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
        reason=cut(reason, REASON_MAX),
        message=squeezed(message, LOG_MESSAGE_MAX),
    )
    return _with(status, log=(*status.log, entry)[-LOG_MAX:])


def _begun(seen: Observation) -> ModelRolloutStatus:
    """An attempt. What failed before stays known: it is not tried again because something else was in between."""
    status = seen.status
    if status.previous is not None:
        status = _retired(status, status.previous.revision, seen.now)
    retired = tuple(entry for entry in status.retired if entry.revision != seen.desired.hash)
    failed = status.failed if status.failed and status.failed.revision != seen.desired.hash else None
    times = next((one.times for one in status.tried if one.revision == seen.desired.hash), 0) + 1
    others = tuple(one for one in status.tried if one.revision != seen.desired.hash)
    attempt = AttemptStatus(
        revision=seen.desired.hash,
        version=seen.desired.version,
        started_at=seen.now,
        number=times,
        stable_replicas=_replicas_of(seen, status.stable.revision) if status.stable else None,
    )
    tried = (*others, Tried(revision=seen.desired.hash, times=times))[-TRIED_MAX:]
    return _with(status, attempt=attempt, previous=None, failed=failed, retired=retired, tried=tried, checks=())


def _entered(seen: Observation, step: Step) -> ModelRolloutStatus:
    attempt = seen.status.attempt
    assert attempt is not None  # noqa: S101 - policies that enter a step have an attempt
    before, candidate = attempt.step, seen.state_of(attempt.revision)
    entered = StepStatus(
        stage=step.stage.name,
        stage_index=step.stage_index,
        index=step.index,
        number=before.number + 1 if before else 1,
        weight=step.weight,
        mirror_percent=step.mirror_percent,
        previous_weight=seen.route.weight_of(attempt.revision) if seen.route else 0,
        spec_hash=stage_hash(seen.rollout.spec, step.stage.name),
        route_hash=route_hash(seen.rollout.spec),
        source_hash=source_hash(seen.rollout.spec),
        upstream_hash=upstream_hash(seen),
        started_at=seen.now,
    )
    frozen, metrics = attempt.frozen, seen.rollout.spec.metrics
    if seen.evidence is not None and before is not None and (before.weight < FULL or before.mirror_percent):
        # Kept by metric: one that a later mixed step does not judge still has its bound at weight 100.
        kept = {entry.metric: entry for entry in frozen}
        kept |= {name: FrozenBound(metric=name, bound=repr(bound)) for name, bound in seen.evidence.frozen_bounds}
        frozen = tuple(kept[name] for name in sorted(kept) if name in {metric.name for metric in metrics})
    return _attempt_with(
        seen.status,
        step=entered,
        evidence_since=attempt.evidence_since or seen.now,
        # It is a time of Prometheus's clock, and another one has its own.
        live_since=None if before and is_elsewhere(before, seen.rollout.spec) else attempt.live_since,
        latency_since=_latency_since(seen, before),
        # A person may move on a candidate that is suspended: it has no traffic in its new step either.
        unready_since=None if candidate and candidate.is_ready else attempt.unready_since,
        contest=_settled(attempt.contest),
        frozen=frozen,
        gates=(),
        approved_at=None,
    )


def _latency_since(seen: Observation, before: StepStatus | None) -> datetime | None:
    """From when latency counts: anew after a step in which there were too few pods for its requests."""
    attempt = seen.status.attempt
    if before is None or attempt is None or is_elsewhere(before, seen.rollout.spec):
        return None
    return attempt.latency_since if before.short_since is None else _stamp(seen)


def _held_back(status: ModelRolloutStatus, now: datetime, generation: int) -> ModelRolloutStatus:
    assert status.attempt is not None  # noqa: S101 - only an attempt is held back
    known = status.attempt.contest or ContestStatus()
    changes = {"held_since": now, "times": known.times + 1, "generation": generation}
    return _attempt_with(status, contest=known.model_copy(update=changes))


def _settled(contest: ContestStatus | None) -> ContestStatus | None:
    """What is remembered of a contest when a step begins: how often the candidate had to wait for it."""
    if contest is None or contest.held_since is None:
        return contest
    return contest.model_copy(update={"held_since": None, "resets": ()})


def _stamp(seen: Observation) -> datetime:
    """The instant from which evidence counts, on the clock that stamps evidence: ours may jump, and shorten a step."""
    return seen.evidence.at if seen.evidence is not None and seen.evidence.at is not None else seen.now


def _accepted(status: ModelRolloutStatus, now: datetime) -> ModelRolloutStatus:
    attempt = status.attempt
    assert attempt is not None  # noqa: S101 - only a step is accepted
    assert attempt.step is not None  # noqa: S101 - only a step is accepted
    live_since = attempt.live_since or (now if attempt.step.weight else None)
    return _attempt_with(_step_with(status, accepted_at=now), live_since=live_since)


def _promoted(seen: Observation) -> ModelRolloutStatus:
    status, attempt = seen.status, seen.status.attempt
    assert attempt is not None  # noqa: S101 - only a step promotes
    assert status.stable is not None  # noqa: S101 - only a step promotes
    previous = PreviousStatus(
        revision=status.stable.revision,
        version=status.stable.version,
        warm_until=seen.now + seen.rollout.spec.rollback_window,
        replicas=_replicas_of(seen, status.stable.revision),
    )
    stable = RevisionRef(revision=attempt.revision, version=attempt.version)
    # It drains whatever the window: holdback and in-cluster clients used it until now.
    retired = _retired(status, status.stable.revision, seen.now)
    return _with(retired, stable=stable, previous=previous, attempt=None, failed=None, late=promotion_of(seen))


def _replicas_of(seen: Observation, revision: str) -> int | None:
    state = seen.state_of(revision)
    return None if state is None else state.replicas


def _returned(seen: Observation, decision: Decision) -> ModelRolloutStatus:
    status = seen.status
    assert status.previous is not None  # noqa: S101 - the policy has looked
    assert status.stable is not None  # noqa: S101 - the policy has looked
    stable = RevisionRef(revision=status.previous.revision, version=status.previous.version)
    failed = None
    if decision.fails:
        # One failure is remembered: of what the spec asks for, or it would begin again by itself.
        asked = status.failed is not None and status.failed.revision == seen.desired.hash
        failed = status.failed if asked else _failure(status.stable, decision, seen.now)
    return _with(_retired(status, status.stable.revision, seen.now), stable=stable, previous=None, failed=failed)


def _ended(status: ModelRolloutStatus, now: datetime, failure: FailureStatus | None) -> ModelRolloutStatus:
    assert status.attempt is not None  # noqa: S101 - only an attempt ends
    ended = _retired(status, status.attempt.revision, now)
    return _with(ended, attempt=None, failed=failure or status.failed)


def _retired(status: ModelRolloutStatus, revision: str, now: datetime) -> ModelRolloutStatus:
    if revision == FALLBACK and status.adopted is None:
        return status  # its pods are not ours
    others = tuple(entry for entry in status.retired if entry.revision != revision)
    return _with(status, retired=(*others, Retired(revision=revision, since=now))[-RETIRED_MAX:])


def _attempt_failure(status: ModelRolloutStatus, decision: Decision, now: datetime) -> FailureStatus:
    assert status.attempt is not None  # noqa: S101 - only an attempt fails
    return _failure(status.attempt, decision, now, status.attempt.step)


def _failure(of: RevisionRef, decision: Decision, now: datetime, step: StepStatus | None = None) -> FailureStatus:
    return FailureStatus(
        revision=of.revision,
        version=of.version,
        reason=cut(decision.reason, REASON_MAX),
        message=squeezed(decision.message, TEXT_MAX),
        stage=step.stage if step else None,
        at=now,
    )


def _latched(status: ModelRolloutStatus, fault: Fault, now: datetime) -> ModelRolloutStatus:
    if status.attempt is None or status.attempt.harm is not None:
        return status
    return _attempt_with(status, harm=Harm(reason=fault.reason, message=cut(fault.message, TEXT_MAX), at=now))


def _waiting(status: ModelRolloutStatus, decision: Decision, now: datetime) -> ModelRolloutStatus:
    """Since when a step has waited for pods: forgotten when it waits for anything else."""
    step = _step_of(status)
    if step is None:
        return status
    since = (step.scaling_since or now) if decision.reason in SCALING else None
    return status if since == step.scaling_since else _step_with(status, scaling_since=since)


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
