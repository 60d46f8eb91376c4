"""Rules about gates: what must succeed before a rollout goes on. `chains.py` says where they stand."""

from __future__ import annotations

from datetime import datetime, timedelta

from modelrollout.api.gates import GateState, GateStatus
from modelrollout.api.scalars import format_duration
from modelrollout.api.status import AttemptStatus, ModelRolloutStatus
from modelrollout.engine.observed import GateRun, RunState
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.rounds import Due, find_status, round_of
from modelrollout.engine.shared import ACTS_ON_HARM, away, wait
from modelrollout.engine.situation import Loading, Observation, Stepping
from modelrollout.engine.texts import squeezed

MESSAGE_MAX = 700
"""Of one gate in status: more than that of a log is read with kubectl."""


def gate_ended(s: Stepping | Loading) -> Decision | None:
    """What became of a gate is remembered; one that did not succeed takes the candidate away, unless it only holds."""
    for due in round_of(s.seen.rollout.spec, s.attempt):
        begun = find_status(s.attempt, due)
        if begun is None or begun.state is GateState.SUCCEEDED:
            continue
        restraint = _restraint(s, due)
        # What was held for a person acts once nobody has to be asked any more.
        released = begun.state is not GateState.RUNNING and restraint is None
        ended = begun if released else _ended(s.seen, due, begun)
        if ended is None:
            continue
        decision = Decision(
            Action.END_GATE,
            "GateSucceeded"
            if ended.state is GateState.SUCCEEDED
            else "GateFailed"
            if ended.state is GateState.FAILED
            else "GateTimedOut"
            if ended.state is GateState.TIMED_OUT
            else "GateNotStarted",
            _told(due, ended),
            gates=_with(s, ended),
        )
        if ended.state is GateState.SUCCEEDED or restraint is not None:
            return decision
        return away(s, decision.reason, decision.message)
    return None


def before(s: Stepping | Loading, forward: Decision) -> Decision:
    """The step forward, or what its gates want first. They are run one after the other; none while others are away."""
    for due in round_of(s.seen.rollout.spec, s.attempt):
        begun = find_status(s.attempt, due)
        if begun is None:
            made = _begun(due, s.seen.now)
            text = f"{due.label} begins: at most {format_duration(due.timeout)}"
            return Decision(Action.BEGIN_GATE, "GateBegun", text, gates=_with(s, made))
        if begun.state is GateState.RUNNING:
            text = f"{due.label} runs since {begun.started_at:%H:%M:%S}Z{_standing(s.seen, begun)}"
            return Decision(Action.WAIT, "GateRunning", text, until=begun.deadline)
        if begun.state is not GateState.SUCCEEDED:
            return wait("GateHeld", f"{_restraint(s, due)}; {_told(due, begun)}")
    return forward


def asked_gates(seen: Observation, status: ModelRolloutStatus) -> tuple[Due, ...]:
    """The gates that are to run, by what status says."""
    attempt = status.attempt
    if attempt is None:
        return ()
    return tuple(due for due in round_of(seen.rollout.spec, attempt) if _is_running(find_status(attempt, due)))


def gate_deadlines(attempt: AttemptStatus) -> tuple[datetime, ...]:
    """When gates that run have taken too long."""
    return tuple(entry.deadline for entry in attempt.gates if _is_running(entry))


def gates_ended_at(attempt: AttemptStatus) -> datetime | None:
    """When the last gate ended: until then the candidate may have had requests that are nobody's."""
    return max((entry.ended_at for entry in attempt.gates if entry.ended_at is not None), default=None)


def _restraint(s: Stepping | Loading, due: Due) -> str | None:
    """Why a gate that did not succeed only holds; None where it takes the candidate away."""
    if due.holds:
        return "onFailure: Hold"
    degree = s.seen.rollout.spec.automation
    return None if degree in ACTS_ON_HARM else f"automation: {degree}"


def _is_running(entry: GateStatus | None) -> bool:
    return entry is not None and entry.state is GateState.RUNNING


def _with(s: Stepping | Loading, changed: GateStatus) -> tuple[GateStatus, ...]:
    """The gates of this round, one of them changed: what an edit has left behind is forgotten."""
    known = {entry.run: entry for entry in s.attempt.gates} | {changed.run: changed}
    return tuple(known[due.run] for due in round_of(s.seen.rollout.spec, s.attempt) if due.run in known)


def _begun(due: Due, now: datetime) -> GateStatus:
    return GateStatus(
        run=due.run,
        name=due.name,
        stage=due.stage,
        when=due.when,
        state=GateState.RUNNING,
        started_at=now,
        deadline=now + due.timeout,
    )


def _ended(seen: Observation, due: Due, begun: GateStatus) -> GateStatus | None:
    """How a gate that ran has ended; None while it runs, or when it had ended before."""
    if begun.state is not GateState.RUNNING or seen.gates is None:
        return None
    run = seen.gate_run(due.run)
    state = _state_of(run, is_late=seen.now >= begun.deadline)
    if state is None:
        return None
    message = run.message if run is not None else "nothing is known of it"
    return begun.model_copy(update={"state": state, "ended_at": seen.now, "message": squeezed(message, MESSAGE_MAX)})


def _state_of(run: GateRun | None, *, is_late: bool) -> GateState | None:
    match run.state if run is not None else RunState.WAITING:
        case RunState.SUCCEEDED:
            return GateState.SUCCEEDED
        case RunState.FAILED:
            return GateState.FAILED
        case RunState.IMPOSSIBLE:
            return GateState.NOT_STARTED
        case RunState.TIMED_OUT:
            return GateState.TIMED_OUT
        case RunState.WAITING:
            return GateState.NOT_STARTED if is_late else None
        case RunState.RUNNING:
            return GateState.TIMED_OUT if is_late else None


def _told(due: Due, ended: GateStatus) -> str:
    """What became of a gate, as a sentence."""
    lasted = (ended.ended_at or ended.started_at) - ended.started_at
    took = format_duration(timedelta(seconds=max(0, round(lasted.total_seconds()))))
    verb = {
        GateState.SUCCEEDED: f"succeeded after {took}",
        GateState.FAILED: f"failed after {took}",
        GateState.TIMED_OUT: f"took longer than its timeout of {format_duration(due.timeout)}",
        GateState.NOT_STARTED: f"could not be started within {took}",
        GateState.RUNNING: "runs",
    }[ended.state]
    return f"{due.label} {verb}{f': {ended.message}' if ended.message else ''}"


def _standing(seen: Observation, begun: GateStatus) -> str:
    run = seen.gate_run(begun.run)
    text = run.message if run is not None else ""
    return f", until {begun.deadline:%H:%M:%S}Z at the latest{f': {text}' if text else ''}"
