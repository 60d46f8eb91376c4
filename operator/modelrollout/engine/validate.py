"""What CEL cannot see: rules that hold between fields. All problems at once, each naming the field and the remedy."""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.api.automation import Approval
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.engine.late import late_problems
from modelrollout.engine.limit_problems import limit_problems
from modelrollout.engine.preview import preview_problems
from modelrollout.engine.roles import role_problems
from modelrollout.engine.steps import FULL, steps_of
from modelrollout.engine.throughput import measured_by


def problems_of(spec: ModelRolloutSpec) -> tuple[str, ...]:
    """Every rule that the spec breaks; empty when it can be carried out."""
    single = (_weights, _names, _evidence, _copies, _comparisons, _goal)
    rules = (*single, limit_problems, late_problems, preview_problems, role_problems)
    return tuple(problem for rule in rules for problem in rule(spec))


def _weights(spec: ModelRolloutSpec) -> Iterator[str]:
    highest = 0
    for index, stage in enumerate(spec.stages):
        target = stage.ramp.to if stage.ramp else (stage.weight or 0) - (stage.holdback or 0)
        if target < highest and not stage.ramp:
            yield (
                f"spec.stages[{index}] ({stage.name}): weights never fall, but {target} comes after {highest}: "
                f"{'lower its holdback' if stage.holdback else 'move the stage forward or raise its weight'}"
            )
        if stage.ramp and stage.ramp.to <= highest:
            yield f"spec.stages[{index}].ramp.to ({stage.name}): must be above {highest}, the weight before the ramp"
        highest = max(highest, target)
    if spec.stages[-1].weight != FULL:
        yield f"spec.stages[{len(spec.stages) - 1}] ({spec.stages[-1].name}): the last stage must have weight: 100"


def _names(spec: ModelRolloutSpec) -> Iterator[str]:
    known = [stage.name for stage in spec.stages]
    for metric_index, metric in enumerate(spec.metrics):
        for index, name in enumerate(metric.stages or ()):
            if name not in known:
                yield (
                    f"spec.metrics[{metric_index}].stages[{index}] ({metric.name}): there is no stage {name!r}; "
                    f"stages are {', '.join(known)}"
                )


def _evidence(spec: ModelRolloutSpec) -> Iterator[str]:
    if spec.awaits_preset:
        return  # whether it has metrics is known when its rollout begins: see presets.no_metrics
    for index, stage in enumerate(spec.stages):
        if (
            stage.is_live
            and stage.approval is Approval.AUTO
            and not any(metric.applies_to(stage.name) for metric in spec.enforced_metrics)
        ):
            yield (
                f"spec.stages[{index}] ({stage.name}): a stage with live traffic needs a metric with mode: Enforce "
                "that applies to it, a preset, or approval: Manual; time alone promotes nothing"
            )


def _copies(spec: ModelRolloutSpec) -> Iterator[str]:
    """A shadow passes only when a count shows that it got its copies."""
    is_counted = spec.traffic.requests is not None or any(
        metric.counts_requests and (metric.ratio or metric.histogram) for metric in spec.metrics
    )
    if is_counted or spec.awaits_preset:
        return
    for index, stage in enumerate(spec.stages):
        if stage.shadow is not None:
            yield (
                f"spec.stages[{index}].shadow ({stage.name}): nothing counts the copies that the shadow answers: "
                "set spec.traffic.requests or add a metric with ratio or histogram"
            )


def _comparisons(spec: ModelRolloutSpec) -> Iterator[str]:
    """At weight 100 a relative check lives on what earlier stages showed of stable; with none it could never pass."""
    steps = steps_of(spec)
    for index, metric in enumerate(spec.metrics):
        judged = [step for step in steps if metric.applies_to(step.stage.name)]
        if metric.check.no_worse_than is None or not metric.is_enforced or not judged or judged[0].weight < FULL:
            continue
        field, name = f"spec.metrics[{index}].check.noWorseThan ({metric.name})", judged[0].stage.name
        if judged[0] is steps[0]:
            yield (
                f"{field}: nothing is left to compare with in the first stage, {name}: set holdback there or put a "
                "stage below 100 before it"
            )
        else:
            yield (
                f"{field}: nothing is left to compare with in {name}, the first stage that it is judged in: set "
                "holdback there, or let it apply to a stage below 100 before it"
            )


def _goal(spec: ModelRolloutSpec) -> Iterator[str]:
    """A throughput goal rests on a histogram that tells whether its p99 is kept."""
    if spec.capacity is None or spec.awaits_preset or measured_by(spec) is not None:
        return
    if spec.capacity.latency is None:
        yield "spec.capacity: needs a metric with histogram and unit: seconds or signal: Latency, to tell its p99"
    else:
        yield f"spec.capacity.latency: there is no metric {spec.capacity.latency!r} with histogram: name one that has"
