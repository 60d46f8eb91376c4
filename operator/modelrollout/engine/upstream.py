"""What both revisions show alike: it is told, it may hold the step, and nobody is blamed for it.

Two things may be alike: a drift of what both get, which holds where the user asked for it, and a limit that both break,
which always holds: something fails that both depend on, and evidence gathered meanwhile says nothing of the candidate.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.metrics import Mode
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.noted import noted
from modelrollout.engine.observed import JudgedMetric
from modelrollout.engine.plan import Action, Decision, Event, EventType
from modelrollout.engine.shared import enforced, wait
from modelrollout.engine.situation import Observation, Situation, Stepping
from modelrollout.engine.texts import NOTE_MAX, cut
from modelrollout.engine.wording import label

INPUT_DRIFT = "InputDrift"


def input_drift(s: Stepping) -> Decision | None:
    """Where the user asked for it, no step is judged on input that is not what it used to be."""
    found = [j for j in _drifted(s.seen) if j.metric.drift is not None and j.metric.drift.pauses]
    if not found or enforced(s, Verdict.HARM):
        return None
    return wait("InputDrift", "; ".join(judged.result.reason for judged in found))


def both_fail(s: Stepping) -> Decision | None:
    """While both revisions break a limit the step waits: something that both depend on fails."""
    found = _failing(s)
    if not found or enforced(s, Verdict.HARM):
        return None
    return wait("UpstreamFailing", "; ".join(judged.result.reason for judged in found))


def mended(s: Stepping) -> Decision | None:
    """Stable is well again: the step starts again, as nothing of what went before may pass it."""
    if s.step.upstream_since is None or s.position is None or _failing(s):
        return None
    if s.seen.evidence is None or s.evidence.unavailable is not None:
        return None
    text = f"{label(s)} starts again: the stable revision is within its limits again"
    return Decision(Action.ENTER, "UpstreamRecovered", text, step=s.position)


def remembered(s: Situation, status: ModelRolloutStatus) -> ModelRolloutStatus:
    """Status with since when both revisions have failed in the step."""
    if not isinstance(s, Stepping) or s.step.upstream_since is not None or both_fail(s) is None:
        return status
    return noted(s, status, upstream_since=s.seen.now)


def events(seen: Observation) -> Iterator[Event]:
    """Tell of each metric whose input has begun to drift."""
    known = {check.name for check in seen.status.checks if check.upstream}
    for judged in _drifted(seen):
        if judged.metric.name not in known:
            yield Event(EventType.WARNING, INPUT_DRIFT, cut(judged.result.reason, NOTE_MAX))


def _drifted(seen: Observation) -> list[JudgedMetric]:
    judged = seen.evidence.judged if seen.evidence is not None else ()
    return [each for each in judged if each.metric.drift is not None and each.result.upstream]


def _failing(s: Stepping) -> list[JudgedMetric]:
    """What would be blamed on the candidate: a metric that only holds, such as a queue, blames nobody."""
    blaming = (each for each in s.evidence.judged if each.metric.mode is Mode.ENFORCE and each.metric.drift is None)
    return [each for each in blaming if each.result.upstream]
