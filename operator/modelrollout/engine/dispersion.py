"""What evidence is divided by where nobody declares it: measured once for each attempt, and kept with its age.

Kept, because evidence that was gathered with one factor is none with another: a restart must find the same verdicts.
"""

from __future__ import annotations

from dataclasses import replace

from modelrollout.analysis.dispersion import FLOOR
from modelrollout.api.metrics import Metric
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import DispersionFactor, DispersionStatus, ModelRolloutStatus
from modelrollout.engine.situation import Observation


def undeclared(spec: ModelRolloutSpec) -> tuple[Metric, ...]:
    """Metrics that can stop a rollout by counts, of which nobody says how many requests fail together."""
    return tuple(
        metric
        for metric in spec.enforced_metrics
        if metric.clusters is None and (metric.ratio is not None or metric.histogram is not None)
    )


def is_unmeasured(seen: Observation) -> bool:
    """Whether an attempt that has no step yet is judged by such metrics, and nobody has measured."""
    attempt = seen.status.attempt
    return (
        attempt is not None
        and attempt.step is None
        and attempt.dispersion is None
        and seen.status.stable is not None
        and bool(undeclared(seen.rollout.spec))
    )


def measured(seen: Observation, status: ModelRolloutStatus) -> ModelRolloutStatus:
    """Status with what this look has measured, if it has and the attempt still is.

    Where the first step begins before anybody could measure (a shadow starts without Prometheus), the least is kept:
    evidence must not be worth more because nothing is known.
    """
    attempt = status.attempt
    if attempt is None or attempt.dispersion is not None:
        return status
    found = seen.dispersion
    if found is None and is_unmeasured(seen) and attempt.step is not None:
        found = DispersionStatus(
            measured_at=seen.now,
            hours=0,
            factors=tuple(
                DispersionFactor(metric=metric.name, factor=f"{FLOOR:g}") for metric in undeclared(seen.rollout.spec)
            ),
        )
    if found is None:
        return status
    return status.model_copy(update={"attempt": attempt.model_copy(update={"dispersion": found})})


def with_measured(seen: Observation) -> Observation:
    """The observation as if what it has measured had been kept already."""
    return replace(seen, rollout=replace(seen.rollout, status=measured(seen, seen.status)))
