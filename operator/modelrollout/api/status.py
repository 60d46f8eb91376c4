"""`status`: where a rollout is and why. It is also the only memory that survives the operator: every timer is here."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from modelrollout.api.automation import DryRunStatus
from modelrollout.api.capacity import ShownThroughput
from modelrollout.api.conditions import Condition
from modelrollout.api.controls import ControlStatus
from modelrollout.api.fallback import Fallback
from modelrollout.api.gates import GateStatus
from modelrollout.api.metrics import Category, Mode
from modelrollout.api.model import APIModel
from modelrollout.api.preset import EffectiveMetrics
from modelrollout.api.reviews import Fired, MetricReview
from modelrollout.api.services import ServiceStatus
from modelrollout.api.usual import UsualLimits

LOG_MAX = 50
FORECAST_MAX = 12
TEXT_MAX = 1024
TRIED_MAX = 20


class Phase(StrEnum):
    """Where a rollout is, for people; conditions are what tools read."""

    PENDING = "Pending"
    PROGRESSING = "Progressing"
    SUSPENDED = "Suspended"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    INVALID = "Invalid"


class RevisionRef(APIModel):
    """An immutable input: model, template and ports."""

    revision: str = Field(min_length=1, max_length=63, description="Hash of the input.")
    version: str = Field(max_length=63, description="Version of its model.")


class Retired(APIModel):
    """A revision that has lost its traffic and keeps its pods while requests under way end."""

    revision: str = Field(max_length=63, description="Hash of the input.")
    since: datetime = Field(description="When it was decided to take its traffic.")
    gone_at: datetime | None = Field(
        None, description="Since when nothing leads to it: the gateway has accepted the route without it. Drain counts."
    )


class PreviousStatus(RevisionRef):
    """The stable revision before the last promotion."""

    warm_until: datetime = Field(description="Until when its pods stay, so that going back is one write.")
    replicas: int | None = Field(None, ge=0, description="Pods that it had when it was replaced, and keeps.")


class AdoptedStatus(APIModel):
    """The Deployment that played stable before the first revision."""

    deployment: str = Field(max_length=253, description="Its name.")
    stopped_at: datetime | None = Field(None, description="When it was scaled to 0, which is done once.")


class StepStatus(APIModel):
    """One weight that is being judged."""

    stage: str = Field(max_length=63, description="Name of the stage.")
    stage_index: int = Field(ge=0, description="Position of the stage, from 0.")
    index: int = Field(ge=0, description="Position of the step in its stage, from 0.")
    number: int = Field(ge=1, description="Position among all steps entered in this attempt, from 1.")
    weight: int = Field(ge=0, le=100, description="Percent of live requests that the candidate is to answer.")
    mirror_percent: int = Field(0, ge=0, le=100, description="Percent of requests that is to be mirrored.")
    previous_weight: int = Field(0, ge=0, le=100, description="The candidate's weight before this step.")
    spec_hash: str = Field(
        max_length=63, description="Hash of the stage and its metrics: editing them restarts the step."
    )
    route_hash: str | None = Field(
        None, max_length=63, description="Hash of how requests come: another Gateway or host restarts the step."
    )
    source_hash: str | None = Field(
        None, max_length=63, description="Hash of where metrics are read: another Prometheus restarts the step."
    )
    upstream_hash: str | None = Field(
        None, max_length=63, description="Hash of the versions that served upstream when it began."
    )
    started_at: datetime = Field(description="When it was decided.")
    accepted_at: datetime | None = Field(None, description="When the gateway accepted it, on Prometheus's clock.")
    in_force_at: datetime | None = Field(
        None, description="When requests were seen to follow it, on Prometheus's clock."
    )
    scaling_since: datetime | None = Field(
        None, description="Since when it has waited for the pods of the step that follows."
    )
    upstream_since: datetime | None = Field(
        None, description="Since when both revisions have broken a limit: evidence starts anew when that ends."
    )
    short_since: datetime | None = Field(
        None, description="Since when latency has failed beside a full queue: evidence of it then starts anew."
    )


class FrozenBound(APIModel):
    """The stable revision's bound at the end of the last step in which both revisions had traffic."""

    metric: str = Field(max_length=63, description="Name of the metric.")
    bound: str = Field(max_length=32, description="Upper confidence bound of the stable revision's rate.")


class DispersionFactor(APIModel):
    """How much the requests of one metric hang together."""

    metric: str = Field(max_length=63, description="Name of the metric.")
    factor: str = Field(max_length=16, description="What its evidence is divided by, at least 2.")


class DispersionStatus(APIModel):
    """How much requests hang together, measured where metrics have no clusters declared."""

    measured_at: datetime = Field(description="When it was measured, on the stable revision's own history.")
    hours: int = Field(ge=0, le=24, description="Hours of the day before in which that revision was asked.")
    factors: tuple[DispersionFactor, ...] = Field((), max_length=32, description="For each such metric.")


class Harm(APIModel):
    """A verdict of harm, latched when it falls."""

    reason: str = Field(max_length=128, description="One CamelCase word.")
    message: str = Field(max_length=TEXT_MAX, description="Both values, the limit and the samples.")
    at: datetime = Field(description="When it fell.")


class ContestStatus(APIModel):
    """Somebody else sets the route back that is theirs."""

    resets: tuple[datetime, ...] = Field((), max_length=3, description="When it was set back, latest last.")
    edition: str = Field("", max_length=128, description="Which edition of the route was counted last.")
    by: str = Field("", max_length=253, description="Field managers that own its rules.")
    held_since: datetime | None = Field(None, description="Since when the candidate waits at weight 0 for it.")
    times: int = Field(0, ge=0, description="How often it has waited for it.")
    generation: int = Field(0, ge=0, description="Generation of the spec when it began to wait.")


class AttemptStatus(RevisionRef):
    """The candidate on its way."""

    started_at: datetime = Field(description="When the rollout of it began.")
    number: int = Field(1, ge=1, description="Which attempt of this revision it is, from 1.")
    stable_replicas: int | None = Field(
        None,
        ge=0,
        description="Pods of the stable revision at that time: it never has fewer before the bake has passed.",
    )
    evidence_since: datetime | None = Field(None, description="When its first step began.")
    live_since: datetime | None = Field(
        None, description="Since when its answers have reached clients, on Prometheus's clock."
    )
    throughput: ShownThroughput | None = Field(
        None, description="The most that a ready pod has shown for spec.capacity."
    )
    latency_since: datetime | None = Field(
        None, description="From when latency counts, on Prometheus's clock: before, there were too few pods."
    )
    unready_since: datetime | None = Field(None, description="Since when it has had none, during a step.")
    step: StepStatus | None = Field(
        None, description="The step that is being judged; absent while the candidate loads."
    )
    frozen: tuple[FrozenBound, ...] = Field((), max_length=32, description="Bounds for relative checks at weight 100.")
    dispersion: DispersionStatus | None = Field(None, description="What evidence is divided by, frozen at the start.")
    approved_at: datetime | None = Field(None, description="When a person approved that it goes on from this step.")
    harm: Harm | None = Field(None, description="Harm that could not be acted on yet.")
    gates: tuple[GateStatus, ...] = Field(
        (), max_length=20, description="Gates between the current step and the next stage, or before the first one."
    )
    contest: ContestStatus | None = Field(None, description="A route that somebody else keeps setting back.")
    forecast: tuple[Annotated[str, Field(max_length=300)], ...] = Field(
        (), max_length=FORECAST_MAX, description="What each step takes at the traffic there was before the first one."
    )
    fired: tuple[Fired, ...] = Field(
        (), max_length=32, description="Metrics that stop nothing and would have, each when it first did."
    )

    @property
    def is_withheld(self) -> bool:
        """Whether it gets nothing of what its step says: it is not ready, or its route is contested."""
        return self.unready_since is not None or (self.contest is not None and self.contest.held_since is not None)


class LateStatus(RevisionRef):
    """The last promotion, whose outcomes are still to come."""

    against: str = Field(max_length=63, description="Hash of the revision that it replaced.")
    since: datetime = Field(description="Since when both answered clients, on Prometheus's clock.")
    until: datetime = Field(description="Until when.")
    number: int = Field(ge=1, description="Which attempt of the revision it was.")
    verdict: str | None = Field(None, max_length=TEXT_MAX, description="What is known by now, in one line.")
    told: tuple[Annotated[str, Field(max_length=63)], ...] = Field(
        (), max_length=32, description="Metrics whose harm was told."
    )


class FailureStatus(RevisionRef):
    """The revision that was rolled back last: it is not tried again by itself."""

    reason: str = Field(max_length=128, description="One CamelCase word.")
    message: str = Field(max_length=TEXT_MAX, description="On which numbers, against which limit.")
    stage: str | None = Field(None, max_length=63, description="Where it failed.")
    at: datetime = Field(description="When it was rolled back.")


class Tried(APIModel):
    """A revision that was rolled out, or was to be: each attempt has a smaller part of the error budget."""

    revision: str = Field(max_length=63, description="Hash of the input.")
    times: int = Field(ge=1, description="How often.")


class SeenConfig(APIModel):
    """With which ConfigMaps and Secrets a revision was first seen that was stored without them."""

    revision: str = Field(max_length=63, description="Hash of the input.")
    digest: str = Field(max_length=63, description="Digest of their data.")


class FloorStatus(APIModel):
    """What load may not take from the stable revision: until now it has seen less of it than there is."""

    replicas: int = Field(ge=0, description="Pods.")
    until: datetime = Field(description="Until when.")


class TrafficStatus(APIModel):
    """Weights as the route has them, not as they are meant to be."""

    stable: int = Field(0, ge=0, le=100, description="Percent to the stable revision.")
    candidate: int = Field(0, ge=0, le=100, description="Percent to the candidate.")
    mirror: int = Field(0, ge=0, le=100, description="Percent mirrored to the candidate.")


class CheckStatus(APIModel):
    """The last verdict of a metric."""

    name: str = Field(max_length=63, description="Name of the metric.")
    category: Category = Field(description="What it is about.")
    mode: Mode = Field(description="What it does when it fails.")
    verdict: str = Field(max_length=16, description="Pass, Continue, Harm or NoData.")
    reason: str = Field(max_length=TEXT_MAX, description="In words.")
    candidate: str | None = Field(None, max_length=32, description="The candidate's value.")
    stable: str | None = Field(None, max_length=32, description="The stable revision's value.")
    limit: str | None = Field(None, max_length=32, description="The limit that it is held against.")
    samples: int = Field(0, ge=0, description="Requests of the candidate that were counted.")
    frozen: bool = Field(
        default=False, description="Whether the stable revision's value is the one from before weight 100."
    )
    worst_slice: str | None = Field(
        None, max_length=128, description="With sliceBy: the slice nearest to its limit, or farthest beyond it."
    )
    confidence: str | None = Field(
        None, max_length=64, description="How sure it is of what, and, where that is not enough, how sure it must be."
    )
    would_change: str | None = Field(None, max_length=200, description="What would change the verdict.")
    upstream: bool = Field(default=False, description="Whether stable fails alike, so that the candidate does not.")


class LogEntry(APIModel):
    """One decision."""

    at: datetime = Field(description="When.")
    action: str = Field(max_length=63, description="What.")
    revision: str = Field(max_length=63, description="To which revision.")
    stage: str | None = Field(None, max_length=63, description="In which stage.")
    weight: int = Field(ge=0, le=100, description="The candidate's weight after it.")
    reason: str = Field(max_length=128, description="Why, as one CamelCase word.")
    message: str = Field(max_length=TEXT_MAX, description="Why, in words, with the numbers.")


class ModelRolloutStatus(APIModel):
    """Where a rollout is, why there, and what was decided on which evidence."""

    observed_generation: int = Field(0, description="Generation of the spec that this is about.")
    phase: Phase = Field(Phase.PENDING, description="Where it is, for people.")
    stage: str | None = Field(None, max_length=128, description="Stage as a fraction and a name: 2/4 canary.")
    weight: int = Field(0, ge=0, le=100, description="The candidate's observed weight.")
    verdict: str | None = Field(None, max_length=TEXT_MAX, description="Why it is there, in one line.")
    next_look: str | None = Field(None, max_length=64, description="When it is looked at again.")
    sequence: int = Field(0, ge=0, description="Number of the last decision that moves traffic.")
    stable: RevisionRef | None = Field(None, description="The revision that serves by default.")
    fallback: Fallback | None = Field(None, description="What stands in for a stable revision, while it is named.")
    adopted: AdoptedStatus | None = Field(None, description="The Deployment that was adopted.")
    services: tuple[ServiceStatus, ...] = Field(
        (), max_length=3, description="With workload.services: the pods that the revisions named here are."
    )
    attempt: AttemptStatus | None = Field(None, description="The candidate on its way.")
    previous: PreviousStatus | None = Field(None, description="The stable revision before, kept warm.")
    late: LateStatus | None = Field(None, description="The last promotion, while outcomes of it are still to come.")
    failed: FailureStatus | None = Field(None, description="The revision that was rolled back last.")
    tried: tuple[Tried, ...] = Field(
        (), max_length=TRIED_MAX, description="How often revisions were attempted, latest last."
    )
    floor: FloorStatus | None = Field(
        None, description="Fewest pods of the stable revision after a rollback, with autoscaling."
    )
    config: tuple[SeenConfig, ...] = Field(
        (), max_length=20, description="With trackConfig: what older revisions were first seen with."
    )
    retired: tuple[Retired, ...] = Field((), max_length=20, description="Revisions that are draining.")
    dry_run: DryRunStatus | None = Field(None, description="What would have been done under automation: DryRun.")
    controls: tuple[ControlStatus, ...] = Field((), max_length=8, description="Answers to people's annotations.")
    effective_metrics: EffectiveMetrics | None = Field(
        None, description="What spec.preset stands for in this attempt, or the last one."
    )
    usual: UsualLimits | None = Field(None, description="What check.usual stands for in this attempt, or the last one.")
    traffic: TrafficStatus = Field(TrafficStatus(), description="Observed weights.")
    checks: tuple[CheckStatus, ...] = Field((), max_length=32, description="Last verdict of each metric.")
    reviews: tuple[MetricReview, ...] = Field(
        (), max_length=32, description="What metrics that stop nothing would have done in rollouts that have ended."
    )
    log: tuple[LogEntry, ...] = Field((), max_length=LOG_MAX, description="Decisions, newest last.")
    conditions: tuple[Condition, ...] = Field(
        (),
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        description="For tools.",
    )

    def service_of(self, revision: str) -> ServiceStatus | None:
        """The Service of a revision that somebody else deploys, and its pods; None where nothing is known of it."""
        return next((entry for entry in self.services if entry.revision == revision), None)
