"""What both revisions show alike: it is told, it may hold the step, and nobody is blamed for it."""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine.observed import JudgedMetric
from modelrollout.engine.plan import Decision, Event, EventType
from modelrollout.engine.shared import enforced, wait
from modelrollout.engine.situation import Observation, Stepping
from modelrollout.engine.texts import NOTE_MAX, cut

INPUT_DRIFT = "InputDrift"


def input_drift(s: Stepping) -> Decision | None:
    """Where the user asked for it, no step is judged on input that is not what it used to be."""
    found = [j for j in _drifted(s.seen) if j.metric.drift is not None and j.metric.drift.pauses]
    if not found or enforced(s, Verdict.HARM):
        return None
    return wait("InputDrift", "; ".join(judged.result.reason for judged in found))


def events(seen: Observation) -> Iterator[Event]:
    """Tell of each metric whose input has begun to drift."""
    known = {check.name for check in seen.status.checks if check.upstream}
    for judged in _drifted(seen):
        if judged.metric.name not in known:
            yield Event(EventType.WARNING, INPUT_DRIFT, cut(judged.result.reason, NOTE_MAX))


def _drifted(seen: Observation) -> list[JudgedMetric]:
    return [j for j in seen.evidence.judged if j.result.upstream] if seen.evidence is not None else []
