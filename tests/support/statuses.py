"""A status with every field in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from modelrollout.api.automation import DryRunEntry, DryRunStatus
from modelrollout.api.capacity import ShownThroughput
from modelrollout.api.conditions import Condition, ConditionStatus, ConditionType
from modelrollout.api.controls import Control, ControlOutcome, ControlStatus
from modelrollout.api.fallback import Fallback, FallbackService
from modelrollout.api.gates import GateState, GateStatus, GateWhen
from modelrollout.api.metrics import Category, Mode
from modelrollout.api.preset import EffectiveMetrics, PresetName
from modelrollout.api.reviews import Fired, MetricReview
from modelrollout.api.services import ServiceStatus
from modelrollout.api.status import (
    AdoptedStatus,
    AttemptStatus,
    CheckStatus,
    ContestStatus,
    DispersionFactor,
    DispersionStatus,
    FailureStatus,
    FloorStatus,
    FrozenBound,
    Harm,
    LateStatus,
    LogEntry,
    ModelRolloutStatus,
    Phase,
    PreviousStatus,
    Retired,
    RevisionRef,
    SeenConfig,
    StepStatus,
    TrafficStatus,
    Tried,
)
from modelrollout.api.usual import UsualLimit, UsualLimits

NOW: Final = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)

_STEP: Final = StepStatus(
    stage="ramp",
    stage_index=2,
    index=1,
    number=4,
    weight=20,
    mirror_percent=0,
    previous_weight=5,
    spec_hash="5d41402abc",
    route_hash="5d41402abd",
    source_hash="5d41402abe",
    upstream_hash="5d41402abf",
    started_at=NOW - timedelta(minutes=2),
    accepted_at=NOW - timedelta(minutes=1),
    in_force_at=NOW,
    scaling_since=NOW,
    upstream_since=NOW,
    short_since=NOW,
)
_ATTEMPT: Final = AttemptStatus(
    number=2,
    revision="b1946ac924",
    version="3",
    started_at=NOW - timedelta(minutes=12),
    stable_replicas=6,
    evidence_since=NOW - timedelta(minutes=10),
    live_since=NOW - timedelta(minutes=9),
    throughput=ShownThroughput(qps="97.3", p99="0.5", latency="latency"),
    latency_since=NOW,
    unready_since=NOW,
    step=_STEP,
    frozen=(FrozenBound(metric="error-rate", bound="0.0123"),),
    contest=ContestStatus(
        resets=(NOW, NOW, NOW), edition="uid/7", by="argocd-controller", held_since=NOW, times=1, generation=7
    ),
    forecast=("at 9 requests/s:", "canary at 5 %: passes in about 10m, 270 requests"),
    dispersion=DispersionStatus(
        measured_at=NOW, hours=24, factors=(DispersionFactor(metric="error-rate", factor="2.4"),)
    ),
    fired=(Fired(metric="latency", at=NOW, stage="canary"),),
    approved_at=NOW,
    harm=Harm(reason="MetricHarm", message="error-rate 0.08 > 0.01 (n=640)", at=NOW),
    gates=(
        GateStatus(
            run="gb5worwu6g",
            name="smoke",
            stage="full",
            when=GateWhen.PRE,
            state=GateState.FAILED,
            started_at=NOW,
            deadline=NOW,
            ended_at=NOW,
            message="exit code 1: digit 7 is a 1",
        ),
    ),
)
_CHECK: Final = CheckStatus(
    name="error-rate",
    category=Category.SOFTWARE,
    mode=Mode.ENFORCE,
    verdict="Pass",
    reason="0.002 <= 0.01",
    candidate="0.002",
    stable="0.003",
    limit="0.01",
    samples=5120,
    frozen=False,
    worst_slice="digit=8 0.004 <= 0.01 (n=512)",
    confidence="0.12 of 0.998 that a limit is exceeded",
    would_change="harm: confidence 0.998 that a limit is exceeded, now 0.12",
    upstream=False,
)
_LOG: Final = LogEntry(
    at=NOW, action="Enter", revision="b1946ac924", stage="ramp", weight=20, reason="ChecksPassed", message="4/4 checks"
)
_ANSWER: Final = ControlStatus(
    control=Control.PROMOTE,
    value="b1946ac924.2",
    outcome=ControlOutcome.REFUSED,
    message="it is paused",
    at=NOW,
)
_DRY_RUN: Final = DryRunStatus(
    agreed=2,
    differed=1,
    log=(DryRunEntry(at=NOW, would="Enter ramp at 20 %", reason="Passed", message="4/4 checks", did="Promote"),),
)

FULL_STATUS: Final = ModelRolloutStatus(
    observed_generation=7,
    phase=Phase.PROGRESSING,
    stage="3/4 ramp",
    weight=20,
    verdict="passing: 4/4 checks, n=5120",
    next_look="12:00:05Z",
    sequence=9,
    stable=RevisionRef(revision="acbd18db4c", version="2"),
    services=(ServiceStatus(revision="b1946ac924", service="digits-b", pods=("digits-b-6d4cf56db6-*",), since=NOW),),
    adopted=AdoptedStatus(deployment="digits-prod", stopped_at=NOW),
    fallback=Fallback(service=FallbackService(name="queue", port=80)),
    attempt=_ATTEMPT,
    previous=PreviousStatus(revision="37b51d194a", version="1", warm_until=NOW, replicas=6),
    late=LateStatus(
        revision="acbd18db4c",
        version="2",
        against="37b51d194a",
        since=NOW,
        until=NOW,
        number=1,
        verdict="fraud 0.08 > 0.03 (n=640)",
        told=("fraud",),
    ),
    failed=FailureStatus(revision="0cc175b9c0", version="5", reason="MetricHarm", message="m", stage="canary", at=NOW),
    config=(SeenConfig(revision="acbd18db4c", digest="rabcdefghi"),),
    tried=(Tried(revision="0cc175b9c0", times=2),),
    floor=FloorStatus(replicas=6, until=NOW),
    retired=(Retired(revision="0cc175b9c0", since=NOW - timedelta(minutes=1), gone_at=NOW),),
    dry_run=_DRY_RUN,
    controls=(_ANSWER,),
    effective_metrics=EffectiveMetrics(
        asked=PresetName.AUTO,
        preset=PresetName.KSERVE,
        revision="b1946ac924",
        since=NOW,
        metrics=({"name": "errors", "query": "up{$selector}", "check": {"max": "1"}},),
        left_out=("restarts: no series process_start_time_seconds",),
    ),
    usual=UsualLimits(
        revision="b1946ac924",
        since=NOW,
        limits=(
            UsualLimit(metric="error-rate", digest="0cc175b9c0", max="0.0061", mean="0.003", sigma="0.00102", values=6),
        ),
    ),
    traffic=TrafficStatus(stable=80, candidate=20, mirror=0),
    checks=(_CHECK,),
    reviews=(
        MetricReview(
            metric="latency",
            mode=Mode.WARN,
            digest="0cc175b9c0",
            rollouts=6,
            fired=3,
            ahead=1,
            alone=1,
            missed=1,
            last="did not fire, where what is enforced did",
            advice="sooner than what is enforced in 1 of 6 rollouts: worth enforcing",
        ),
    ),
    log=(_LOG,),
    conditions=tuple(
        Condition(
            type=kind,
            status=ConditionStatus.UNKNOWN,
            observed_generation=7,
            last_transition_time=NOW,
            reason="Starting",
            message="",
        )
        for kind in ConditionType
    ),
)
