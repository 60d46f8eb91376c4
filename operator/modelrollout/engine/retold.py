"""The last attempt as status tells it: the one under way, or the one that the log says how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import AttemptStatus, LogEntry, ModelRolloutStatus, RevisionRef, StepStatus
from modelrollout.engine.plan import Action
from modelrollout.engine.steps import Step, steps_of

ENDS: Final = frozenset({Action.ROLL_BACK, Action.ABANDON, Action.PROMOTE})
GONE: Final = RevisionRef(revision="gone", version="?")
"""What served before, where status does not know it any more: nothing has series of that name."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A step that was entered, and when."""

    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Retold:
    """One attempt.

    Attributes:
        attempt: with the step that it is in, or ended in.
        stable: what it was compared with.
        entries: its decisions, oldest first; those that the log has lost are missing.
        steps: as far as `entries` tell.
        ended_at: None while it is under way.
    """

    attempt: AttemptStatus
    stable: RevisionRef
    entries: tuple[LogEntry, ...]
    steps: tuple[Entered, ...]
    ended_at: datetime | None


def last_attempt(status: ModelRolloutStatus, spec: ModelRolloutSpec) -> Retold | str:
    """Tell of the attempt under way, else of the last one; why nothing can be told as a text."""
    if status.attempt is not None:
        if status.attempt.step is None or status.stable is None:
            return f"version {status.attempt.version} is in no step yet: nothing has been judged"
        entries = _entries(status.log, status.attempt.revision)
        return Retold(status.attempt, status.stable, entries, tuple(_entered(spec, entries)), None)
    ends = [index for index, entry in enumerate(status.log) if entry.action in ENDS]
    if not ends:
        return "no rollout has been judged, as far as the log of decisions reaches back"
    return _ended(status, spec, status.log[: ends[-1] + 1])


def _ended(status: ModelRolloutStatus, spec: ModelRolloutSpec, log: Sequence[LogEntry]) -> Retold | str:
    end = log[-1]
    entries = _entries(log, end.revision)
    entered = [entry for entry in entries if entry.action == Action.ENTER]
    if not entered:
        return f"revision {end.revision} had entered no step, as far as the log of decisions reaches back"
    shown = [entry.at for entry in entries if entry.action == Action.IN_FORCE and entry.at >= entered[-1].at]
    step = _step_of(spec, entered[-1])
    attempt = AttemptStatus(
        revision=end.revision,
        version=_version(status, end.revision),
        started_at=entries[0].at,
        number=next((one.times for one in status.tried if one.revision == end.revision), 1),
        evidence_since=entered[0].at,
        live_since=next((entry.at for entry in entered if entry.weight), None),
        step=StepStatus(
            stage=entered[-1].stage or "",
            stage_index=step.stage_index if step else 0,
            index=step.index if step else 0,
            number=len(entered),
            weight=entered[-1].weight,
            mirror_percent=step.mirror_percent if step else 0,
            spec_hash="",
            started_at=entered[-1].at,
            in_force_at=shown[-1] if shown else None,
        ),
    )
    beside = status.previous if end.action == Action.PROMOTE else status.stable
    return Retold(attempt, beside or GONE, entries, tuple(_entered(spec, entries)), end.at)


def _entries(log: Sequence[LogEntry], revision: str) -> tuple[LogEntry, ...]:
    """The decisions on a revision since its last beginning."""
    begins = [i for i, entry in enumerate(log) if (entry.action, entry.revision) == (Action.BEGIN, revision)]
    return tuple(entry for entry in log[begins[-1] if begins else 0 :] if entry.revision == revision)


def _entered(spec: ModelRolloutSpec, entries: Sequence[LogEntry]) -> Iterator[Entered]:
    for entry in entries:
        if entry.action == Action.ENTER:
            step = _step_of(spec, entry)
            yield Entered(step.label if step else f"{entry.stage} at {entry.weight} %", entry.at)


def _step_of(spec: ModelRolloutSpec, entry: LogEntry) -> Step | None:
    """The step that was entered, if the spec still has it."""
    found = (step for step in steps_of(spec) if (step.stage.name, step.weight) == (entry.stage, entry.weight))
    return next(found, None)


def _version(status: ModelRolloutStatus, revision: str) -> str:
    refs = (status.failed, status.stable, status.previous)
    return next((ref.version for ref in refs if ref is not None and ref.revision == revision), "?")
