"""What policies have in common: questions that several ask, and decisions that several make."""

from __future__ import annotations

from datetime import timedelta

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine.intent import split_of
from modelrollout.engine.observed import Acceptance, JudgedMetric, RouteState
from modelrollout.engine.plan import Action, Decision, Fault
from modelrollout.engine.situation import Loading, Resting, Stepping
from modelrollout.engine.steps import after


def wait(reason: str, message: str) -> Decision:
    """Nothing is done, for a reason."""
    return Decision(Action.WAIT, reason, message)


def away(s: Stepping | Loading, reason: str, message: str) -> Decision:
    """Take the candidate's traffic, and remember that it is at fault."""
    return back(s, Decision(Action.ROLL_BACK, reason, message, fails=True))


def back(s: Stepping | Loading, decision: Decision) -> Decision:
    """Give the candidate's traffic back to stable, unless stable could answer nothing of it."""
    if not isinstance(s, Stepping) or s.step.weight == 0 or s.attempt.unready_since is not None:
        return decision
    if s.stable.is_ready or not s.candidate.is_ready:
        return decision
    text = f"{decision.message}; stable has no ready endpoint, so the candidate keeps serving until it has one"
    fault = Fault(decision.reason, decision.message) if decision.fails else None
    return Decision(Action.WAIT, "NoSafeTarget", text, latch=fault)


def forward(s: Stepping, reason: str, message: str) -> Decision:
    """Enter the step that follows, or promote after the last one. The spec still has the step."""
    assert s.position is not None  # noqa: S101 - callers have looked
    following = after(s.steps, s.position)
    if following is None:
        return Decision(Action.PROMOTE, reason, message)
    return Decision(Action.ENTER, reason, f"{message}: enters {following.label}", step=following)


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


def all_ready(s: Stepping | Loading) -> bool:
    """Whether all pods that the candidate is to have are ready."""
    return s.candidate.ready_endpoints >= s.seen.rollout.spec.workload.replicas
