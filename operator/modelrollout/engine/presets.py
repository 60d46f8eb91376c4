"""Which metrics are judged where the spec names a preset, or no metrics at all: chosen once for each attempt.

The choice is kept in status, so that neither a restart nor a newer operator changes what a rollout under way is judged
by. A spec whose choice is made has the metrics of the preset among its own and awaits none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from modelrollout.api.automation import Approval
from modelrollout.api.metrics import Metric
from modelrollout.api.preset import EffectiveMetrics, PresetName
from modelrollout.api.resource import ModelRollout
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.situation import Loading, Observation, Stepping


@dataclass(frozen=True, slots=True)
class Found:
    """What a look for the preset gave.

    Attributes:
        preset: whose metrics they are; None where nothing was found.
        why: in words, why nothing was found.
    """

    preset: PresetName | None
    metrics: tuple[Metric, ...] = ()
    left_out: tuple[str, ...] = ()
    why: str = ""


def is_open(rollout: ModelRollout) -> bool:
    """Whether an attempt has begun, and the metrics of its preset are not chosen yet."""
    return rollout.spec.awaits_preset and rollout.status.attempt is not None


def with_chosen(rollout: ModelRollout) -> ModelRollout:
    """The rollout with the metrics that were chosen for its attempt among its own; as it is where none were."""
    chosen = rollout.status.effective_metrics
    if chosen is None or not _counts(chosen, rollout):
        return rollout
    metrics = chosen.parsed()
    # What cannot be read is chosen anew, and nothing passes until it is.
    return rollout if metrics is None else with_metrics(rollout, metrics)


def with_found(seen: Observation, found: Found) -> Observation:
    """The observation with what a look has just given: the choice and its metrics, or why there is none."""
    rollout, attempt = seen.rollout, seen.status.attempt
    if found.preset is None or attempt is None:
        return replace(seen, no_preset=found.why)
    chosen = EffectiveMetrics(
        asked=rollout.spec.wanted_preset,
        preset=found.preset,
        revision=attempt.revision,
        since=attempt.started_at,
        metrics=tuple(_written(metric) for metric in found.metrics),
        left_out=found.left_out,
    )
    return replace(seen, rollout=with_metrics(rollout, found.metrics), chosen=chosen)


def settled(seen: Observation, status: ModelRolloutStatus) -> ModelRolloutStatus:
    """Status with the choice that this look has made.

    Where people decide instead of metrics, and no server was found before the first step, the choice is none: what is
    found later must not begin to judge.
    """
    attempt, spec = status.attempt, seen.rollout.spec
    if seen.chosen is not None:
        return status.model_copy(update={"effective_metrics": seen.chosen})
    if attempt is None or attempt.step is None or not spec.awaits_preset or any(lacking(spec)):
        return status
    none = EffectiveMetrics(
        asked=spec.wanted_preset, preset=PresetName.NONE, revision=attempt.revision, since=attempt.started_at
    )
    return status.model_copy(update={"effective_metrics": none})


def lacking(spec: ModelRolloutSpec) -> Iterator[str]:
    """Stages that need a metric and have none."""
    for stage in spec.stages:
        enforced = any(metric.applies_to(stage.name) for metric in spec.enforced_metrics)
        if (stage.is_live and stage.approval is Approval.AUTO and not enforced) or (
            stage.shadow is not None
            and not (spec.traffic.requests or any(metric.ratio is not None for metric in spec.metrics))
        ):
            yield stage.name


def no_metrics(s: Stepping | Loading) -> Decision | None:
    """Without a metric nothing goes on by itself: a preset that was not found leaves none."""
    seen = s.seen
    names = list(lacking(seen.rollout.spec)) if seen.rollout.spec.awaits_preset else []
    if not names:
        return None
    why = seen.no_preset or "nobody has looked for the preset yet"
    text = (
        f"{why}, so nothing judges {', '.join(names)}: set spec.metrics, name a server in spec.preset, or set "
        "approval: Manual there"
    )
    return Decision(Action.WAIT, "NoMetrics", text, until=seen.next_evidence_at)


def _counts(chosen: EffectiveMetrics, rollout: ModelRollout) -> bool:
    attempt = rollout.status.attempt
    if attempt is None or chosen.asked is not rollout.spec.wanted_preset:
        return False
    return (chosen.revision, chosen.since) == (attempt.revision, attempt.started_at)


def with_metrics(rollout: ModelRollout, metrics: tuple[Metric, ...]) -> ModelRollout:
    """The rollout with these beside its own metrics, of which one counts before one of the same name."""
    own = rollout.spec.metrics
    taken = {metric.name for metric in own}
    merged = (*own, *(metric for metric in metrics if metric.name not in taken))
    spec = rollout.spec.model_copy(update={"metrics": merged, "preset": PresetName.NONE})
    return replace(rollout, spec=spec)


def _written(metric: Metric) -> dict[str, Any]:
    """In full: defaults of a later release are not those that it was chosen with."""
    return metric.model_dump(mode="json", by_alias=True, exclude_none=True)
