"""Failing latency beside a full queue: too few pods for the weight, and no fault of the model.

It holds the step and says to scale up, where it would have taken the traffic away. Errors are never excused by it, nor
are hard failures. A queue that is full at a fraction of stable's load per pod is the model's own slowness: that is no
lack of pods. What latency has shown until there were enough of them is forgotten: the step starts again, and latency
with it.
"""

from __future__ import annotations

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.load import LIGHT, load_of
from modelrollout.engine.noted import noted
from modelrollout.engine.observed import JudgedMetric
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.shared import enforced, wait
from modelrollout.engine.situation import Situation, Stepping
from modelrollout.engine.wording import label


def blamed(s: Stepping) -> list[JudgedMetric]:
    """Enforced metrics whose harm is the candidate's."""
    return [judged for judged in enforced(s, Verdict.HARM) if not _is_excused(s, judged)]


def short(s: Stepping) -> Decision | None:
    """Latency fails while a queue is full: wait for more pods."""
    late = [judged.result.reason for judged in enforced(s, Verdict.HARM) if _is_excused(s, judged)]
    if not late or blamed(s):
        return None
    queues = [judged.result.reason for judged in full_queues(s)] or ["a queue was full in this step"]
    load = load_of(s)
    at = f", at {load.text}" if load is not None else ""
    return wait("CapacityShort", f"too few pods, not the model: {'; '.join((*late, *queues))}{at}: scale up")


def relieved(s: Stepping) -> Decision | None:
    """No queue is full any more: the step starts again, and what latency has shown before is forgotten."""
    if s.step.short_since is None or s.position is None:
        return None
    if s.seen.evidence is None or s.evidence.unavailable is not None or full_queues(s):
        return None
    text = f"{label(s)} starts again: no queue is full any more"
    return Decision(Action.ENTER, "CapacityRelieved", text, step=s.position)


def full_queues(s: Stepping) -> list[JudgedMetric]:
    """Metrics that show a full queue now, which the load of a pod accounts for."""
    load = load_of(s)
    if load is not None and load.share is not None and load.share < LIGHT:
        return []
    return [each for each in s.evidence.judged if each.metric.tells_of_a_full_queue and each.result.exceeds]


def remembered(s: Situation, status: ModelRolloutStatus) -> ModelRolloutStatus:
    """Status with since when the step has been short of pods."""
    if not isinstance(s, Stepping) or s.step.short_since is not None or short(s) is None:
        return status
    return noted(s, status, short_since=s.seen.now)


def _is_excused(s: Stepping, judged: JudgedMetric) -> bool:
    return judged.metric.is_latency and (s.step.short_since is not None or bool(full_queues(s)))
