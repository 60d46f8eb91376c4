"""Guardrails: metrics of another rollout's stable pods, for which this candidate answers (`metrics[].of`)."""

from __future__ import annotations

from dataclasses import replace

from modelrollout.analysis.outcome import Unavailable
from modelrollout.api.metrics import Metric
from modelrollout.runtime.looking import Look


def guarding(look: Look, metric: Metric) -> Look | Unavailable:
    """The look at what a metric is about: at another rollout's stable pods where it names one.

    They stand where the candidate stands, with nothing to be compared with: they get their input from both. When the
    other rollout promotes, evidence begins anew.
    """
    if metric.of is None:
        return look
    other = next((one for one in look.neighbours if one.name == metric.of), None)
    if other is None:
        return Unavailable(f"there is no ModelRollout {metric.of}")
    if other.serves is None:
        return Unavailable(f"nothing is stable yet in the ModelRollout {metric.of}")
    attempt = look.attempt.model_copy(update={"revision": other.serves.revision, "version": other.serves.version})
    return replace(look, attempt=attempt, stable=None, subject=metric.of)
