"""What readers see in status: phase, conditions, the verdict in one line, checks, observed weights."""

from __future__ import annotations

from datetime import datetime

from modelrollout.analysis.verdict import format_number
from modelrollout.api.conditions import Condition, ConditionStatus, ConditionType, find_condition
from modelrollout.api.status import TEXT_MAX, CheckStatus, ModelRolloutStatus, Phase, TrafficStatus
from modelrollout.engine.changing import what_would_change
from modelrollout.engine.clicks import removal
from modelrollout.engine.controls import pause_of
from modelrollout.engine.fallback import is_fallback
from modelrollout.engine.fit import fitted
from modelrollout.engine.intent import split_of
from modelrollout.engine.observed import Acceptance, JudgedMetric, RevisionState
from modelrollout.engine.plan import Decision
from modelrollout.engine.situation import Observation
from modelrollout.engine.texts import CHANGE_MAX, CHECK_REASON_MAX, SLICE_MAX, VERDICT_MAX, cut

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
PROBLEM_REASONS = frozenset({"InvalidSpec", "NameTaken"})
STALLED_REASONS = frozenset(
    {
        "InvalidSpec",
        "ProgressDeadlineExceeded",
        "NameTaken",
        "RouteRejected",
        "RouteHidden",
        "Crashing",
        "HarmHeld",
        "GateHeld",
        "RouteContested",
        "RollbackRecommended",
    }
)


def report(
    seen: Observation, status: ModelRolloutStatus, decision: Decision, wake_at: datetime | None
) -> ModelRolloutStatus:
    """Add to a decided status what people and tools read."""
    phase = phase_of(seen, status)
    checks = tuple(_check(judged) for judged in seen.evidence.judged) if seen.evidence else status.checks
    verdict = _verdict(seen, status, phase, decision)
    rows = _conditions(seen, status, phase, decision)
    told = status.model_copy(
        update={
            "observed_generation": seen.rollout.generation,
            "phase": phase,
            "stage": _stage(seen, status),
            "weight": _weight(seen, status, phase),
            "verdict": cut(verdict, VERDICT_MAX),
            "next_look": f"{wake_at:%Y-%m-%dT%H:%M:%SZ}" if wake_at else None,
            "traffic": _traffic(seen, status),
            "checks": checks,
            "conditions": tuple(_condition(seen, status, row) for row in rows),
        }
    )
    return fitted(told)


def phase_of(seen: Observation, status: ModelRolloutStatus) -> Phase:
    """Where the rollout is, for people."""
    if status.attempt is not None:
        return Phase.SUSPENDED if status.attempt.is_withheld else Phase.PROGRESSING
    if seen.problems:
        return Phase.INVALID
    if status.stable is None:
        return Phase.PENDING
    if status.stable.revision == seen.desired.hash:
        return Phase.SUCCEEDED
    if status.failed is not None and status.failed.revision == seen.desired.hash:
        return Phase.ROLLED_BACK
    return Phase.PROGRESSING


def _verdict(seen: Observation, status: ModelRolloutStatus, phase: Phase, decision: Decision) -> str:
    if phase is Phase.ROLLED_BACK and status.failed is not None:
        return status.failed.message
    if seen.problems and decision.reason in PROBLEM_REASONS:
        more = len(seen.problems) - 1
        return f"{cut(seen.problems[0], VERDICT_MAX - 20)}{f' (and {more} more)' if more else ''}"
    return decision.message


def _stage(seen: Observation, status: ModelRolloutStatus) -> str | None:
    if status.attempt is not None:
        name = status.attempt.step.stage if status.attempt.step else None
    else:
        name = status.failed.stage if status.failed and status.failed.revision == seen.desired.hash else None
    names = [stage.name for stage in seen.rollout.spec.stages]
    return f"{names.index(name) + 1}/{len(names)} {name}" if name in names else None


def _weight(seen: Observation, status: ModelRolloutStatus, phase: Phase) -> int:
    """Observed share of the version that the spec asks for: what the line of `kubectl get` is about."""
    revision = status.attempt.revision if status.attempt else seen.desired.hash
    if phase is Phase.INVALID or seen.route is None:
        return 0
    return seen.route.weight_of(revision)


def _traffic(seen: Observation, status: ModelRolloutStatus) -> TrafficStatus:
    stable = candidate = mirror = 0
    if seen.route is not None and status.stable is not None:
        stable = seen.route.weight_of(status.stable.revision)
        if status.attempt is not None:
            candidate = seen.route.weight_of(status.attempt.revision)
            mirror = seen.route.mirror_of(status.attempt.revision)
    before = status.traffic
    if (before.stable, before.candidate, before.mirror) == (stable, candidate, mirror):
        return before
    return TrafficStatus(stable=stable, candidate=candidate, mirror=mirror)


def _check(judged: JudgedMetric) -> CheckStatus:
    result = judged.result
    return CheckStatus(
        name=result.name,
        category=judged.metric.category,
        mode=judged.metric.mode,
        verdict=result.verdict.value,
        reason=cut(result.reason, CHECK_REASON_MAX),
        candidate=_number(result.candidate),
        stable=_number(result.stable),
        limit=_number(result.limit),
        samples=result.samples,
        frozen=result.frozen,
        worst_slice=None if result.worst_slice is None else cut(result.worst_slice, SLICE_MAX),
        confidence=result.confidence,
        would_change=cut(what_would_change(judged.metric, result), CHANGE_MAX),
        upstream=result.upstream,
    )


def _number(value: float | None) -> str | None:
    return None if value is None else format_number(value)


Row = tuple[ConditionType, ConditionStatus, str, str]


def _conditions(seen: Observation, status: ModelRolloutStatus, phase: Phase, decision: Decision) -> tuple[Row, ...]:
    return (
        _ready(seen, status),
        _reconciling(phase, decision),
        _stalled(status, phase, decision),
        _succeeded(status, phase, decision),
        _paused(seen, status),
        _rolled_back(status, phase),
        _metrics_available(seen),
        _traffic_applied(seen, status),
    )


def _condition(seen: Observation, status: ModelRolloutStatus, row: Row) -> Condition:
    """The condition of a row; its transition time moves only when its status does."""
    kind, value, reason, message = row
    before, text, generation = find_condition(status.conditions, kind), cut(message, TEXT_MAX), seen.rollout.generation
    if (
        before is not None
        and before.status is value
        and before.reason == reason
        and before.message == text
        and before.observed_generation == generation
    ):
        return before
    return Condition(
        type=kind,
        status=value,
        observed_generation=generation,
        last_transition_time=before.last_transition_time if before and before.status is value else seen.now,
        reason=reason,
        message=text,
    )


def _ready(seen: Observation, status: ModelRolloutStatus) -> Row:
    if status.stable is None:
        return ConditionType.READY, FALSE, "FirstRevisionLoading", "no revision serves yet"
    stable = seen.state_of(status.stable.revision)
    if is_fallback(status.stable):
        return _fallback_ready(status.stable.version, stable)
    if stable is None or not stable.is_ready:
        return ConditionType.READY, FALSE, "StableUnready", f"version {status.stable.version} has no ready endpoint"
    text = f"version {status.stable.version} serves on {stable.ready_endpoints} endpoints"
    return ConditionType.READY, TRUE, "StableServes", text


def _fallback_ready(title: str, state: RevisionState | None) -> Row:
    if state is None or not state.is_ready:
        return ConditionType.READY, FALSE, "FallbackUnready", f"the fallback {title} has no ready endpoint"
    return ConditionType.READY, TRUE, "FallbackServes", f"the fallback {title} answers until a revision is stable"


def _reconciling(phase: Phase, decision: Decision) -> Row:
    moving = phase in (Phase.PENDING, Phase.PROGRESSING, Phase.SUSPENDED) and decision.reason not in STALLED_REASONS
    return ConditionType.RECONCILING, TRUE if moving else FALSE, decision.reason, decision.message


def _stalled(status: ModelRolloutStatus, phase: Phase, decision: Decision) -> Row:
    if phase is Phase.ROLLED_BACK and status.failed is not None:
        return ConditionType.STALLED, TRUE, status.failed.reason, status.failed.message
    stalled = decision.reason in STALLED_REASONS and decision.action.value == "Wait"
    return ConditionType.STALLED, TRUE if stalled else FALSE, decision.reason, decision.message if stalled else ""


def _succeeded(status: ModelRolloutStatus, phase: Phase, decision: Decision) -> Row:
    if phase is Phase.SUCCEEDED and status.stable is not None:
        return ConditionType.SUCCEEDED, TRUE, "Serving", f"version {status.stable.version} is stable"
    if phase is Phase.ROLLED_BACK:
        return ConditionType.SUCCEEDED, FALSE, "RolledBack", status.failed.message if status.failed else ""
    if phase is Phase.INVALID:
        return ConditionType.SUCCEEDED, FALSE, "InvalidSpec", decision.message
    return ConditionType.SUCCEEDED, UNKNOWN, "InProgress", ""


def _paused(seen: Observation, status: ModelRolloutStatus) -> Row:
    pause = pause_of(seen, status)
    if pause is None:
        return ConditionType.PAUSED, FALSE, "NotPaused", ""
    text = f"{pause.revision} goes no further; to go on: {removal(seen.rollout.key, pause.control)}"
    return ConditionType.PAUSED, TRUE, "PausedByHand", text


def _rolled_back(status: ModelRolloutStatus, phase: Phase) -> Row:
    if phase is Phase.ROLLED_BACK and status.failed is not None:
        return ConditionType.ROLLED_BACK, TRUE, status.failed.reason, status.failed.message
    return ConditionType.ROLLED_BACK, FALSE, "NotRolledBack", ""


def _metrics_available(seen: Observation) -> Row:
    if seen.evidence is None:
        return ConditionType.METRICS_AVAILABLE, UNKNOWN, "NotNeeded", "metrics are read during a stage"
    if seen.evidence.unavailable is not None:
        return ConditionType.METRICS_AVAILABLE, FALSE, "Unavailable", seen.evidence.unavailable
    return ConditionType.METRICS_AVAILABLE, TRUE, "Answering", ""


def _traffic_applied(seen: Observation, status: ModelRolloutStatus) -> Row:
    route = seen.route
    if route is None:
        return ConditionType.TRAFFIC_APPLIED, UNKNOWN, "NoRoute", "the route is made when the first revision is ready"
    if route.sequence != status.sequence or route.acceptance is Acceptance.PENDING:
        return ConditionType.TRAFFIC_APPLIED, UNKNOWN, "Pending", route.message
    if route.acceptance is Acceptance.REJECTED:
        return ConditionType.TRAFFIC_APPLIED, FALSE, "Rejected", route.message
    split = split_of(status)
    if split is not None and not route.carries(split):
        text = "the route does not carry the weights that were decided; they are restored"
        return ConditionType.TRAFFIC_APPLIED, FALSE, "Drifted", text
    return ConditionType.TRAFFIC_APPLIED, TRUE, "Accepted", route.message
