"""Stages as a list of steps: one weight each, in the order that a rollout takes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from modelrollout.api.remembered import remembered
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.stages import Stage
from modelrollout.api.status import StepStatus

DEFAULT_DURATION: Final = timedelta(minutes=5)
FULL: Final = 100


@dataclass(frozen=True, slots=True)
class Step:
    """One weight of one stage.

    Attributes:
        index: position in its stage, from 0.
        weight: percent of live requests for the candidate, 0 in a shadow or preview stage.
    """

    stage: Stage
    stage_index: int
    index: int
    weight: int
    mirror_percent: int
    duration: timedelta

    @property
    def is_preview(self) -> bool:
        """Whether it gets no request of any client."""
        return self.stage.preview is not None

    @property
    def label(self) -> str:
        """How messages name it."""
        if self.is_preview:
            return f"{self.stage.name}, off the live route"
        return (
            f"{self.stage.name} at mirror {self.mirror_percent} %"
            if self.mirror_percent
            else f"{self.stage.name} at {self.weight} %"
        )


@remembered
def steps_of(spec: ModelRolloutSpec) -> tuple[Step, ...]:
    """All steps in order. A ramp goes on from the weight before it."""
    steps: list[Step] = []
    for stage_index, stage in enumerate(spec.stages):
        before = steps[-1].weight if steps else 0
        for index, weight in enumerate(_weights(stage, before)):
            steps.append(
                Step(
                    stage=stage,
                    stage_index=stage_index,
                    index=index,
                    weight=weight,
                    mirror_percent=stage.shadow.percent if stage.shadow else 0,
                    duration=stage.ramp.every if stage.ramp else stage.duration or DEFAULT_DURATION,
                )
            )
    return tuple(steps)


def _weights(stage: Stage, before: int) -> tuple[int, ...]:
    if stage.ramp:
        rising = range(before + stage.ramp.step, stage.ramp.to, stage.ramp.step)
        return (*rising, stage.ramp.to)
    if stage.weight is not None:
        return (stage.weight - (stage.holdback or 0),)
    return (0,)


def find(steps: tuple[Step, ...], status: StepStatus) -> Step | None:
    """The step that status names, if the spec still has it with the same weight and mirror."""
    return next(
        (
            step
            for step in steps
            if (step.stage.name, step.index, step.weight, step.mirror_percent)
            == (status.stage, status.index, status.weight, status.mirror_percent)
        ),
        None,
    )


def after(steps: tuple[Step, ...], step: Step) -> Step | None:
    """The step that follows; None after the last."""
    position = steps.index(step)
    return steps[position + 1] if position + 1 < len(steps) else None


def fall_back(steps: tuple[Step, ...], status: StepStatus) -> Step | None:
    """Where a rollout goes on when its step was edited away: never forward.

    The last step of the same stage with at most the weight that status has, else the last step of all that has; None
    when every step left is higher: then the rollout starts again.
    """
    lower = [step for step in steps if step.weight <= status.weight]
    same_stage = [step for step in lower if step.stage.name == status.stage]
    candidates = same_stage or [step for step in lower if step.stage_index <= status.stage_index] or lower
    return candidates[-1] if candidates else None
