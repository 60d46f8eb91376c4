"""The whole decision: what was observed in, a plan out. Pure: called twice with the same, it says the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from modelrollout.api.conditions import ConditionType, find_condition
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine import adopt, capacity, contest, drain, late, reviews, services, throughput, upstream, usual
from modelrollout.engine.answers import CARRIED_OUT, answered, answers_of
from modelrollout.engine.chains import decide as ask
from modelrollout.engine.dispersion import measured
from modelrollout.engine.dry_run import recorded
from modelrollout.engine.fallback import is_awaited, kept, to_serve
from modelrollout.engine.forecast import foretold
from modelrollout.engine.gates import asked_gates, gate_deadlines
from modelrollout.engine.inherit import left_alone
from modelrollout.engine.intent import split_of
from modelrollout.engine.plan import Action, Decision, Event, EventType, Plan
from modelrollout.engine.presets import settled
from modelrollout.engine.preview import preview_of
from modelrollout.engine.report import report
from modelrollout.engine.rounds import loading_since
from modelrollout.engine.scale import floor, scale, shrinks_at
from modelrollout.engine.situation import Observation, situation_of
from modelrollout.engine.steps import find, steps_of
from modelrollout.engine.texts import NOTE_MAX, cut
from modelrollout.engine.transition import adopted, logged, transition

EVENTS = {
    Action.STAND_IN: (EventType.NORMAL, "FallbackServing"),
    Action.ADOPT: (EventType.NORMAL, "FirstRevisionServing"),
    Action.BEGIN: (EventType.NORMAL, "RolloutStarted"),
    Action.ENTER: (EventType.NORMAL, "StepEntered"),
    Action.IN_FORCE: (EventType.NORMAL, "StepInForce"),
    Action.SUSPEND: (EventType.WARNING, "Suspended"),
    Action.HOLD_BACK: (EventType.WARNING, "RouteContested"),
    Action.ROLL_BACK: (EventType.WARNING, "RolledBack"),
    Action.ABANDON: (EventType.NORMAL, "Abandoned"),
    Action.PROMOTE: (EventType.NORMAL, "Promoted"),
    Action.RETURN: (EventType.WARNING, "ReturnedToPrevious"),
    Action.DECLINE: (EventType.NORMAL, CARRIED_OUT),
    Action.BEGIN_GATE: (EventType.NORMAL, "GateBegun"),
    Action.END_GATE: (EventType.NORMAL, "GateEnded"),
    Action.APPROVE: (EventType.NORMAL, CARRIED_OUT),
}
TELLING_WAITS = frozenset(
    {
        "InvalidSpec",
        "NameTaken",
        "NoSafeTarget",
        "HarmHeld",
        "CapacityShort",
        "UpstreamFailing",
        "RollbackRecommended",
        "PromotionRecommended",
        "ApprovalNeeded",
        "NoMetrics",
        "NoHistory",
        "MetricsUnavailable",
        "RouteRejected",
        "RouteHidden",
        "StableUnready",
        "FallbackUnready",
        "ProgressDeadlineExceeded",
        "Crashing",
        "GateHeld",
        "UpstreamMissing",
        "UpstreamFails",
    }
)
"""Reasons to wait that a user should hear of when they begin."""


def decide(seen: Observation) -> Plan:
    """Say what shall be.

    Raises:
        TerminalError: status names a revision whose input is lost.
    """
    written, seen = seen.status, _taken_up(seen)
    before = seen.status
    situation = situation_of(seen)
    decision = ask(situation)
    moved = kept(_pruned(transition(seen, decision), seen), seen)
    for chosen in (settled, usual.settled, measured, foretold):
        moved = chosen(seen, moved)
    for note in (capacity.remembered, upstream.remembered, throughput.remembered):
        moved = note(situation, moved)
    stopped = adopt.to_stop(moved, seen, decision.action)
    after = late.remembered(services.remembered(adopt.remembered(moved, seen, stopped), seen), seen)
    config = after.config if seen.config is None else seen.config
    kept_up = floor(seen, written, after)
    if (kept_up, config) != (after.floor, after.config):
        after = after.model_copy(update={"floor": kept_up, "config": config})
    revision = before.attempt.revision if before.attempt else seen.desired.hash
    if decision.action not in (Action.WAIT, Action.ACCEPT):
        after = logged(
            after,
            before,
            at=seen.now,
            action=decision.action,
            revision=revision,
            reason=decision.reason,
            message=decision.message,
        )
    after = reviews.remembered(written, seen, recorded(situation, decision, after))
    after, told = answered(seen, after, answers_of(situation, decision, written))
    awaited = frozenset({seen.desired.hash}) if is_awaited(seen, after) else frozenset()
    sizes = scale(seen, after, awaited | left_alone(seen, after))
    wake_at = min((at for at in _wakes(seen, after, decision) if at > seen.now), default=None)
    return Plan(
        action=decision.action,
        reason=decision.reason,
        message=decision.message,
        status=report(seen, after, decision, wake_at),
        split=split_of(after),
        replicas=sizes.replicas,
        bounds=sizes.bounds,
        serve=to_serve(seen, after),
        collect=_collect(seen, after),
        preview=preview_of(seen.rollout.spec, after),
        events=(
            *_adoption(written, before),
            *_events(seen, decision),
            *upstream.events(seen),
            *late.events(seen),
            *told,
            *adopt.events(stopped),
            *services.events(written, before, after),
            *reviews.events(written, after),
        ),
        wake_at=wake_at,
        gates=asked_gates(seen, after),
        stop=stopped,
    )


def decision_on(seen: Observation) -> Decision:
    """What `decide` would decide, without all that follows from it.

    Raises:
        TerminalError: as `decide`.
    """
    return ask(situation_of(_taken_up(seen)))


def _taken_up(seen: Observation) -> Observation:
    """With what the route tells of a decision that status does not know of, and without a way back that is gone."""
    before = services.forgotten(contest.counted(adopted(seen.status, seen.route, seen.now), seen), seen)
    if before is not seen.status:
        seen = replace(seen, rollout=replace(seen.rollout, status=before))
    if seen.evidence is not None and (before.attempt is None or before.attempt.step is None):
        seen = replace(seen, evidence=None)
    return seen


def _pruned(status: ModelRolloutStatus, seen: Observation) -> ModelRolloutStatus:
    """Forget what has drained and what is no longer warm."""
    previous = status.previous if status.previous and status.previous.warm_until > seen.now else None
    retired = drain.draining(seen, status)
    if previous is status.previous and retired == status.retired:
        return status
    return status.model_copy(update={"retired": retired, "previous": previous})


def _collect(seen: Observation, status: ModelRolloutStatus) -> tuple[str, ...]:
    named = {ref.revision for ref in (status.stable, status.attempt, status.previous) if ref is not None}
    named |= {entry.revision for entry in status.retired} | {seen.desired.hash} | left_alone(seen, status)
    first = services.first_of(seen.rollout.spec, seen.rollout.raw_spec, status)
    named |= {first.hash} if first is not None else set()
    idle = [s for s in seen.revisions if s.revision.hash not in named and not drain.is_routed(seen, s.revision.hash)]
    if seen.problems:
        return ()
    if status.stable is None:
        return tuple(state.revision.hash for state in idle)
    stopped = [state for state in idle if not state.replicas]
    newest_first = sorted(stopped, key=lambda state: state.created_at or seen.now, reverse=True)
    return tuple(state.revision.hash for state in newest_first[seen.rollout.spec.revision_history_limit :])


def _adoption(written: ModelRolloutStatus, before: ModelRolloutStatus) -> Iterator[Event]:
    """Tell of a decision that was taken, and not told of, before the operator ended."""
    if before.log[-1:] != written.log[-1:]:
        entry = before.log[-1]
        yield _told(Action(entry.action), entry.reason, entry.message)


def _events(seen: Observation, decision: Decision) -> Iterator[Event]:
    if decision.action in EVENTS:
        yield _told(decision.action, decision.reason, decision.message)
    elif decision.reason in TELLING_WAITS and not _is_told(seen, decision.reason):
        yield Event(EventType.WARNING, decision.reason, cut(decision.message, NOTE_MAX))


def _is_told(seen: Observation, reason: str) -> bool:
    """Whether it was so before, under the same spec. Numbers in the message change at every tick and are no news."""
    known = find_condition(seen.status.conditions, ConditionType.RECONCILING)
    return known is not None and (known.reason, known.observed_generation) == (reason, seen.rollout.generation)


def _told(action: Action, reason: str, message: str) -> Event:
    kind, name = EVENTS[action]
    return Event(kind, name, cut(f"{reason}: {message}", NOTE_MAX))


def _wakes(seen: Observation, status: ModelRolloutStatus, decision: Decision) -> Iterator[datetime]:
    spec = seen.rollout.spec
    if decision.until is not None:
        yield decision.until
    if status.previous is not None:
        yield status.previous.warm_until
    yield from drain.wakes(seen, status)
    if status.floor is not None:
        yield status.floor.until
    if status.attempt is None:
        if status.late is not None and seen.late is not None and seen.late.next_at is not None:
            yield seen.late.next_at
        return
    yield from gate_deadlines(status.attempt)
    step, since = status.attempt.step, status.attempt.unready_since
    if since is not None:
        yield since + spec.workload.progress_deadline
    if step is None:
        yield loading_since(status.attempt) + spec.workload.progress_deadline
        return
    if seen.next_evidence_at is not None:
        yield seen.next_evidence_at
    narrower_at = shrinks_at(step, spec.workload.drain) if spec.workload.scales_with_weight else None
    if narrower_at is not None:
        yield narrower_at
    if step.accepted_at is not None:
        yield step.accepted_at + spec.traffic.settle
    position = find(steps_of(spec), step)
    if position is not None:
        yield step.started_at + position.duration
        yield step.started_at + position.stage.max_duration
