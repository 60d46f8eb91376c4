"""`spec.capacity`: no weight is raised before pods have shown that they can answer their part of the goal.

Part of the goal is its share at the next weight. What pods have shown is the most that one ready pod has answered in
this attempt while 99 of 100 answers came in time, times the pods that will be ready. It is remembered in status, so
that what a shadow has shown at the full load counts for a canary.
"""

from __future__ import annotations

from typing import Final

from modelrollout.analysis.verdict import format_number
from modelrollout.api.capacity import Capacity, ShownThroughput
from modelrollout.api.metrics import Metric
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.observed import Throughput
from modelrollout.engine.scale import next_size
from modelrollout.engine.situation import Situation, Stepping
from modelrollout.engine.steps import FULL, after

LATE_SHARE: Final = 0.01
"""Of answers that may come later than p99 says."""
LEAST_REQUESTS: Final = 200
"""Fewer do not tell a share of 1 in 100."""
WORTH_WRITING: Final = 1.05
"""By how much throughput must have grown to be written: load varies from look to look."""
_ROUNDING: Final = 1e-9


def measured_by(spec: ModelRolloutSpec) -> Metric | None:
    """The histogram that tells whether p99 is kept; None where the spec has none, or no goal."""
    goal = spec.capacity
    if goal is None:
        return None
    named = (m for m in spec.metrics if (m.is_latency if goal.latency is None else m.name == goal.latency))
    return next((metric for metric in named if metric.histogram is not None), None)


def lacking(s: Stepping) -> str | None:
    """What of the goal is not shown yet for the weight that follows; None where nothing is, or nothing is raised."""
    goal, position = s.seen.rollout.spec.capacity, s.position
    if goal is None or position is None or not (s.step.weight or s.step.mirror_percent):
        return None  # without requests nothing can be shown
    following = after(s.steps, position)
    if following is None or following.weight <= s.step.weight:
        return None
    pods = max(s.candidate.ready_endpoints, next_size(s.seen, s.seen.status, following))
    shown = _shown(s, goal)
    need = float(goal.qps) * following.weight / FULL
    if shown * pods >= need * (1 - _ROUNDING):
        return None
    part = f"{format_number(need)} requests/s of {following.label} at the goal of {format_number(float(goal.qps))}"
    return (
        f"capacity: a ready pod has shown {format_number(shown)} requests/s at p99 <= {goal.p99}"
        f"{_late(s.evidence.throughput)}, and {pods} pods so {format_number(shown * pods)}, less than the {part}: "
        "scale up, or give a pod more load before, in a shadow or with scaleWithWeight"
    )


def remembered(s: Situation, status: ModelRolloutStatus) -> ModelRolloutStatus:
    """Status with the most that a ready pod has shown in the attempt."""
    if not isinstance(s, Stepping) or status.attempt is None or status.attempt.revision != s.attempt.revision:
        return status
    goal, metric = s.seen.rollout.spec.capacity, measured_by(s.seen.rollout.spec)
    if goal is None or metric is None:
        return status
    now = _kept(s.evidence.throughput)
    if now <= 0 or now < WORTH_WRITING * _remembered(s, goal):
        return status
    shown = ShownThroughput(qps=format_number(now), p99=str(goal.p99), latency=metric.name)
    return status.model_copy(update={"attempt": status.attempt.model_copy(update={"throughput": shown})})


def _shown(s: Stepping, goal: Capacity) -> float:
    return max(_remembered(s, goal), _kept(s.evidence.throughput))


def _remembered(s: Stepping, goal: Capacity) -> float:
    """What was shown before, of the same goal."""
    known, metric = s.attempt.throughput, measured_by(s.seen.rollout.spec)
    if known is None or metric is None or (known.p99, known.latency) != (str(goal.p99), metric.name):
        return 0.0
    return float(known.qps)


def _kept(measured: Throughput | None) -> float:
    """What one pod answers now, if enough of its answers come in time."""
    if measured is None or measured.late is None or measured.late > LATE_SHARE or measured.requests < LEAST_REQUESTS:
        return 0.0
    return measured.each_pod


def _late(measured: Throughput | None) -> str:
    """Why what is answered now shows nothing."""
    if measured is None or _kept(measured):
        return ""
    if measured.late is None:
        return " (which is no edge of the buckets)"
    if measured.requests < LEAST_REQUESTS:
        return f" ({measured.requests} of {LEAST_REQUESTS} requests in the last minute)"
    return f" ({format_number(100 * measured.late)} % are later now)"
