"""What was observed, narrowed to the four situations that a rollout can be in.

A policy takes the narrowest type that has what it needs, so that it cannot be asked too early.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modelrollout.api.errors import TerminalError
from modelrollout.api.preset import EffectiveMetrics
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import AttemptStatus, DispersionStatus, ModelRolloutStatus, SeenConfig, StepStatus
from modelrollout.api.usual import UsualLimits
from modelrollout.engine.neighbours import Neighbour
from modelrollout.engine.observed import Evidence, GateRun, LateEvidence, RevisionState, RouteState
from modelrollout.engine.revisions import FALLBACK, Revision
from modelrollout.engine.steps import Step, find, steps_of

NO_EVIDENCE = Evidence(
    judged=(), share_shown=False, silent=False, share_text="nothing counted yet", covered_seconds=0.0
)


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything that a decision may look at, gathered once.

    Attributes:
        problems: why the spec cannot be carried out; empty when it can.
        unchecked: why it is not known yet whether there are problems; None when it is.
        revisions: all revisions that have objects, and the desired one.
        evidence: what Prometheus shows of the current step; None outside of a step.
        next_evidence_at: when there will be more of it.
        scraped: whether Prometheus scrapes the candidate that waits for its first requests; None where that cannot be
            told, or nobody needs to know.
        config: what revisions stored without their configuration were first seen with; None where nobody has looked.
        served: hash of the revision that Service `<name>` selects; None while there is no such Service.
        fallback: what stands in for a stable revision, if there is such; it is none of `revisions`.
        gates: runs of gates, as far as anything is known of them; None while nobody has looked.
        chosen: the metrics of the preset, where this look has found them.
        forecast: what the attempt's steps will take, where this look has foreseen it.
        dispersion: what evidence is to be divided by, where this look has measured it.
        usual: the limits that history makes, where this look has found some.
        no_usual: why some are still to come; None where all are there, or none are awaited.
        late: what became of requests from before the last promotion; None where nothing is awaited.
        neighbours: other rollouts that this one looks at, and those that they depend on, as far as they exist.
        no_preset: why the metrics of the preset are still to come; None where they are there, or none are awaited.
    """

    now: datetime
    rollout: ModelRollout
    desired: Revision
    problems: tuple[str, ...]
    route: RouteState | None
    revisions: tuple[RevisionState, ...]
    evidence: Evidence | None = None
    next_evidence_at: datetime | None = None
    scraped: bool | None = None
    unchecked: str | None = None
    config: tuple[SeenConfig, ...] | None = None
    served: str | None = None
    fallback: RevisionState | None = None
    gates: tuple[GateRun, ...] | None = None
    chosen: EffectiveMetrics | None = None
    forecast: tuple[str, ...] = ()
    dispersion: DispersionStatus | None = None
    no_preset: str | None = None
    usual: UsualLimits | None = None
    no_usual: str | None = None
    late: LateEvidence | None = None
    neighbours: tuple[Neighbour, ...] = ()

    @property
    def status(self) -> ModelRolloutStatus:
        """Status as last written."""
        return self.rollout.status

    def gate_run(self, run: str) -> GateRun | None:
        """What the run of a gate shows, if anything is known of it."""
        return next((gate for gate in self.gates or () if gate.run == run), None)

    def state_of(self, revision: str) -> RevisionState | None:
        """What a revision's pods do, if it is known; the fallback counts as one."""
        if revision == FALLBACK:
            return self.fallback
        return next((state for state in self.revisions if state.revision.hash == revision), None)


@dataclass(frozen=True, slots=True)
class Empty:
    """No revision has ever served."""

    seen: Observation
    desired: RevisionState


@dataclass(frozen=True, slots=True)
class Resting:
    """Stable serves and no candidate is on its way."""

    seen: Observation
    stable: RevisionState
    previous: RevisionState | None


@dataclass(frozen=True, slots=True)
class Loading:
    """A candidate is becoming ready; it has no traffic."""

    seen: Observation
    stable: RevisionState
    candidate: RevisionState
    attempt: AttemptStatus


@dataclass(frozen=True, slots=True)
class Stepping:
    """A step is being judged.

    Attributes:
        position: the step in the spec; None when the spec no longer has it.
    """

    seen: Observation
    stable: RevisionState
    candidate: RevisionState
    attempt: AttemptStatus
    step: StepStatus
    steps: tuple[Step, ...]
    position: Step | None
    evidence: Evidence


Situation = Empty | Resting | Loading | Stepping


def situation_of(seen: Observation) -> Situation:
    """Narrow an observation.

    Raises:
        TerminalError: somebody deleted the ControllerRevision of the stable revision: its input is lost.
    """
    status = seen.status
    if status.stable is None:
        desired = seen.state_of(seen.desired.hash)
        return Empty(seen, desired or _unborn(seen.desired))
    stable = _known(seen, status.stable.revision)
    attempt = status.attempt
    if attempt is None:
        return Resting(seen, stable, seen.state_of(status.previous.revision) if status.previous else None)
    # A candidate whose input is lost is one without a ready endpoint: its traffic goes, stable stays.
    lost = _unborn(Revision(hash=attempt.revision, version=attempt.version, input=""))
    candidate = seen.state_of(attempt.revision) or lost
    if attempt.step is None:
        return Loading(seen, stable, candidate, attempt)
    steps = steps_of(seen.rollout.spec)
    return Stepping(
        seen=seen,
        stable=stable,
        candidate=candidate,
        attempt=attempt,
        step=attempt.step,
        steps=steps,
        position=find(steps, attempt.step),
        evidence=seen.evidence or NO_EVIDENCE,
    )


def _known(seen: Observation, revision: str) -> RevisionState:
    state = seen.state_of(revision)
    if state is None:
        raise TerminalError(
            "RevisionLost",
            f"status names revision {revision}, and its ControllerRevision {seen.rollout.key.name}-{revision} is gone: "
            "restore it, or delete and re-create the ModelRollout",
        )
    return state


def _unborn(revision: Revision) -> RevisionState:
    return RevisionState(revision=revision, replicas=None, ready_endpoints=0)
