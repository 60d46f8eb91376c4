"""Which gates stand between a rollout and its next stage, and how their runs are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from modelrollout.api.gates import Gate, GateStatus, GateWhen, OnGateFailure, Warmup
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import AttemptStatus
from modelrollout.engine.revisions import HASH_LENGTH, canonical, set_fields, short_hash
from modelrollout.engine.steps import Step, after, find, steps_of

WARMUP = "warm-up"
WARMUP_PATH = "spec.workload.deployment.warmup"


@dataclass(frozen=True, slots=True)
class Due:
    """A gate that must succeed before a rollout goes on.

    Attributes:
        stage: that it stands before or after; None for the warm-up.
        path: of its definition in the manifest.
        run: names one run of it: another attempt, another time in the stage or another definition is another run.
    """

    gate: Gate | Warmup
    name: str
    stage: str | None
    when: GateWhen
    path: str
    run: str

    @property
    def timeout(self) -> timedelta:
        """How long it may take."""
        return self.gate.timeout

    @property
    def holds(self) -> bool:
        """Whether the rollout holds where it is when this gate does not succeed."""
        return isinstance(self.gate, Gate) and self.gate.on_failure is OnGateFailure.HOLD

    @property
    def label(self) -> str:
        """How messages name it."""
        return WARMUP if self.stage is None else f"{self.when.value.lower()} gate {self.name} of {self.stage}"


def round_of(spec: ModelRolloutSpec, attempt: AttemptStatus) -> tuple[Due, ...]:
    """The gates before the next stage, in the order in which they are run; empty within a stage.

    A step that the spec no longer has is before nothing: it starts again first.
    """
    return tuple(_dues(spec, attempt))


def find_status(attempt: AttemptStatus, due: Due) -> GateStatus | None:
    """What status says of a gate's run; None where it has not begun."""
    return next((entry for entry in attempt.gates if entry.run == due.run), None)


def loading_since(attempt: AttemptStatus) -> datetime:
    """From when a candidate's time to become ready counts: it was ready whenever a gate began or ended."""
    times = [time for entry in attempt.gates for time in (entry.started_at, entry.ended_at) if time is not None]
    return max([attempt.started_at, *times])


def all_dues(spec: ModelRolloutSpec, attempt: AttemptStatus) -> Iterator[Due]:
    """Every gate of a spec, as if an attempt stood before each at once: what a spec is checked with.

    Args:
        attempt: one that has not begun its first step.
    """
    steps = steps_of(spec)
    yield from (due for due in _dues(spec, attempt) if due.stage is None)
    for step in steps:
        if step.index == 0:
            yield from _of_stage(attempt, step, GateWhen.PRE)
            yield from _of_stage(attempt, step, GateWhen.POST)


def _dues(spec: ModelRolloutSpec, attempt: AttemptStatus) -> Iterator[Due]:
    steps = steps_of(spec)
    if attempt.step is None:
        warmup = spec.workload.warmup
        if warmup is not None:
            run = _run(attempt, warmup, None, GateWhen.WARMUP)
            yield Due(warmup, WARMUP, None, GateWhen.WARMUP, WARMUP_PATH, run)
        yield from _of_stage(attempt, steps[0], GateWhen.PRE)
        return
    here = find(steps, attempt.step)
    following = None if here is None else after(steps, here)
    if here is None or (following is not None and following.stage.name == here.stage.name):
        return
    yield from _of_stage(attempt, here, GateWhen.POST)
    if following is not None:
        yield from _of_stage(attempt, following, GateWhen.PRE)


def _of_stage(attempt: AttemptStatus, step: Step, when: GateWhen) -> Iterator[Due]:
    stage = step.stage
    for index, gate in enumerate(stage.pre if when is GateWhen.PRE else stage.post):
        path = f"spec.stages[{step.stage_index}].{when.value.lower()}[{index}]"
        yield Due(gate, gate.name, stage.name, when, path, _run(attempt, gate, stage.name, when))


def _run(attempt: AttemptStatus, gate: Gate | Warmup, stage: str | None, when: GateWhen) -> str:
    content = {
        "revision": attempt.revision,
        "attempt": attempt.started_at.isoformat(),
        "step": attempt.step.number if attempt.step else 0,
        "when": when.value,
        "stage": stage,
        "gate": set_fields(gate),
    }
    # A letter that no revision's hash begins with: names of Jobs and of revisions' objects never meet.
    return "g" + short_hash(canonical(content))[1:HASH_LENGTH]
