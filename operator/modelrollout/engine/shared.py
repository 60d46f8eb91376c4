"""What policies have in common: questions that several ask, and decisions that several make."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.automation import Automation
from modelrollout.engine.intent import split_of
from modelrollout.engine.observed import Acceptance, JudgedMetric, RouteState
from modelrollout.engine.plan import Action, Decision, Fault
from modelrollout.engine.scale import candidate_size, next_size, step_size
from modelrollout.engine.situation import Loading, Resting, Stepping
from modelrollout.engine.steps import Step, after

SCALING: Final = frozenset({"ScalingUp", "ProgressDeadlineExceeded"})
"""Reasons of a step that waits for the pods of the one that follows."""


ACTS_ON_HARM: Final = frozenset({Automation.FULL, Automation.PARTIAL})
"""Degrees at which what was found out about a candidate takes its traffic away without a person."""


def wait(reason: str, message: str) -> Decision:
    """Nothing is done, for a reason."""
    return Decision(Action.WAIT, reason, message)


def away(s: Stepping | Loading, reason: str, message: str) -> Decision:
    """Take the candidate's traffic, and remember that it is at fault."""
    return back(s, Decision(Action.ROLL_BACK, reason, message, fails=True))


def back(s: Stepping | Loading, decision: Decision) -> Decision:
    """Give the candidate's traffic back to stable, unless stable could answer nothing of it."""
    if not isinstance(s, Stepping) or s.step.weight == 0 or s.attempt.is_withheld:
        return decision
    if s.stable.is_ready or not s.candidate.is_ready:
        return decision
    text = f"{decision.message}; stable has no ready endpoint, so the candidate keeps serving until it has one"
    fault = Fault(decision.reason, decision.message) if decision.fails else None
    return Decision(Action.WAIT, "NoSafeTarget", text, latch=fault)


def forward(s: Stepping, reason: str, message: str) -> Decision:
    """Enter the step that follows, or promote after the last one, once there are pods for it.

    The spec still has the step.
    """
    assert s.position is not None  # noqa: S101 - callers have looked
    following = after(s.steps, s.position)
    pods = scaled_up(s, following)
    if pods is not None:
        return pods
    if following is None:
        return Decision(Action.PROMOTE, reason, message)
    return Decision(Action.ENTER, reason, f"{message}: enters {following.label}", step=following)


def scaled_up(s: Stepping, following: Step | None) -> Decision | None:
    """Wait until the candidate has the pods that a step needs: they would get more requests than they can answer.

    Past the progress deadline it is said to be stuck, and nothing more: at its present weight it does well.

    Args:
        following: None for the promotion.
    """
    need, ready = next_size(s.seen, s.seen.status, following), s.candidate.ready_endpoints
    if ready >= need:
        return None
    what = following.label if following else "the promotion"
    text = f"{ready} of {need} endpoints that {what} needs are ready{s.candidate.waiting_text}"
    until = (s.step.scaling_since or s.seen.now) + progress_deadline(s)
    late = s.seen.now >= until
    return Decision(Action.WAIT, "ProgressDeadlineExceeded" if late else "ScalingUp", text, until=until)


def lasted(s: Stepping, duration: timedelta) -> bool:
    """By our clock, and by Prometheus's: a clock that jumps shortens no step."""
    by_clock = s.seen.now >= s.step.started_at + duration
    return by_clock and s.evidence.covered_seconds >= duration.total_seconds()


def routed(s: Stepping | Loading | Resting) -> bool:
    """Whether the route carries what status says, whatever the gateway thinks of it."""
    split, route = split_of(s.seen.status), s.seen.route
    return split is not None and route is not None and route.carries(split)


def applied(s: Stepping | Loading | Resting) -> bool:
    """Whether the route carries what status says and the gateway has accepted that."""
    route = s.seen.route
    if route is None or route.sequence != s.seen.status.sequence:
        return False
    return route.acceptance is Acceptance.ACCEPTED and routed(s)


def unapplied(route: RouteState | None, otherwise: str) -> Decision:
    """Say why the route does not carry what status says.

    Args:
        otherwise: what to say of a route that the gateway has accepted as it is.
    """
    if route is None:
        return wait("RoutePending", "the route does not exist yet")
    match route.acceptance:
        case Acceptance.REJECTED:
            return wait("RouteRejected", route.message)
        case Acceptance.PENDING:
            return wait("RoutePending", route.message)
        case Acceptance.ACCEPTED:
            return wait("RoutePending", otherwise)


def progress_deadline(s: Stepping | Loading) -> timedelta:
    """How long the candidate may take to become ready."""
    return s.seen.rollout.spec.workload.progress_deadline


def enforced(s: Stepping, verdict: Verdict) -> list[JudgedMetric]:
    """The enforced metrics with that verdict."""
    return [j for j in s.evidence.judged if j.metric.is_enforced and j.result.verdict is verdict]


def enough_ready(s: Stepping) -> bool:
    """Whether a suspended candidate has the ready pods that its step needs: fewer would be overrun, and fail again."""
    return s.candidate.ready_endpoints >= step_size(s.seen, s.seen.status, s.step)


def loaded(s: Stepping | Loading) -> bool:
    """Whether all pods that the candidate is to have now are ready."""
    return s.candidate.ready_endpoints >= candidate_size(s.seen, s.seen.status)


def all_ready(s: Stepping | Loading) -> bool:
    """Whether it has the ready pods that all requests need."""
    return s.candidate.ready_endpoints >= next_size(s.seen, s.seen.status, None)
