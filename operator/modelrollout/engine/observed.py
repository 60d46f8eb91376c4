"""What was observed, as values: workloads, the route, the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from modelrollout.analysis.verdict import CheckResult
from modelrollout.api.metrics import Metric
from modelrollout.engine.behind import Behind
from modelrollout.engine.revisions import Revision
from modelrollout.engine.split import Mirror, Split


@dataclass(frozen=True, slots=True)
class RevisionState:
    """What a revision's pods are doing.

    Attributes:
        replicas: pods its workload asks for; None while the workload does not exist.
        ready_endpoints: addresses of its Service that are ready: what a gateway can send requests to.
        crashing: why its containers keep ending, or None.
        created_at: when its workload was made; None while it does not exist.
        waiting: what its containers wait for that needs a person, such as ImagePullBackOff, or None.
        left: whether an earlier ModelRollout of this name has left it serving.
        behind: which pods are behind a Service of the user's; None for pods that the operator makes.
    """

    revision: Revision
    replicas: int | None
    ready_endpoints: int
    crashing: str | None = None
    created_at: datetime | None = None
    waiting: str | None = None
    left: bool = False
    behind: Behind | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it can answer at all."""
        return self.ready_endpoints > 0

    @property
    def waiting_text(self) -> str:
        """What it waits for, as the end of a sentence."""
        return f": {self.waiting}" if self.waiting else ""


class RunState(StrEnum):
    """What the run of a gate shows.

    Waiting means that it has not begun to do its work, and may yet; Impossible, that it never will.
    """

    WAITING = "Waiting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    IMPOSSIBLE = "Impossible"


@dataclass(frozen=True, slots=True)
class GateRun:
    """One run of a gate, as its Job or the answers of its webhook show it.

    Attributes:
        run: which, as status names it.
        message: what stands in its way, or how it ended with the tail of its log.
    """

    run: str
    state: RunState
    message: str


class Acceptance(StrEnum):
    """What the gateway says of the route as it is now. Accepted is necessary and never sufficient."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    PENDING = "Pending"


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """The decision that a route carries as an annotation, so that a crash before the status write loses nothing."""

    action: str
    revision: str
    reason: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RouteState:
    """The route as the API server has it.

    Attributes:
        weights: (revision hash, weight) of each rule's references; a backend that is none of our revisions appears
            under its Service's name, so that a hand-made edit can never look like ours.
        sequence: number of the decision that wrote it.
        uniform: whether all rules split traffic alike, as we write them.
        resource_version: of the object that was read.
        edition: of a route that somebody else owns: changes whenever its spec does. Empty for one of our own.
        by: managers, other than the operator, that own its rules.
        hidden_by: name of an older route that gets the requests for what stands in before this one does, or None.
    """

    weights: tuple[tuple[str, int], ...]
    mirror: Mirror | None
    sequence: int
    decision: RouteDecision | None
    acceptance: Acceptance
    message: str
    resource_version: str
    uniform: bool = True
    edition: str = ""
    by: tuple[str, ...] = ()
    hidden_by: str | None = None

    def weight_of(self, revision: str) -> int:
        """Percent of live requests that the revision gets, rounded up: 0 means none at all."""
        total = mine = 0
        for name, weight in self.weights:
            total += weight
            mine += weight if name == revision else 0
        return -(-100 * mine // total) if total else 0

    def mirror_of(self, revision: str) -> int:
        """Percent of requests that are mirrored to the revision."""
        return self.mirror.percent if self.mirror and self.mirror.revision == revision else 0

    def carries(self, split: Split) -> bool:
        """Whether it splits traffic just so, in all its rules."""
        if not self.uniform or self.mirror != split.mirror:
            return False
        if self.weights == split.weights:
            return True
        return sorted(pair for pair in self.weights if pair[1]) == sorted(split.weights)


@dataclass(frozen=True, slots=True)
class JudgedMetric:
    """A metric and what the numbers say of it."""

    metric: Metric
    result: CheckResult


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests that both revisions answered lately, a second."""

    candidate: float
    stable: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """What a ready pod of the candidate answered in the last minute.

    Attributes:
        each_pod: requests a second.
        requests: of all its pods together.
        late: share of them that came later than `spec.capacity.p99`; None where no bucket ends there.
    """

    each_pod: float
    requests: int
    late: float | None


@dataclass(frozen=True, slots=True)
class LateEvidence:
    """What is known by now of a promotion's late outcomes.

    Attributes:
        judged: delayed metrics, on requests that both revisions answered before the promotion.
        next_at: when more will be known, on our clock; None where all is.
        is_complete: whether all outcomes are known.
    """

    judged: tuple[JudgedMetric, ...]
    next_at: datetime | None
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What Prometheus shows of the current step.

    Attributes:
        judged: every metric of the stage.
        share_shown: whether request counts show the step's share; None where nothing can count it.
        silent: whether the candidate answers improbably few requests for its share.
        share_text: the counts in words.
        at: the instant of the look on Prometheus's clock; None while that is not known.
        covered_seconds: how much of the step, in force, final ticks cover, on Prometheus's clock.
        unavailable: why Prometheus could not be read, or None.
        frozen_bounds: (metric name, stable's upper bound) as of now, to be frozen when the step ends.
        rates: what both revisions answered lately; None where nothing counts it.
        throughput: what a pod of the candidate answers; None where `spec.capacity` states no goal, or nobody knows.
    """

    judged: tuple[JudgedMetric, ...]
    share_shown: bool | None
    silent: bool
    share_text: str
    covered_seconds: float
    unavailable: str | None = None
    at: datetime | None = None
    frozen_bounds: tuple[tuple[str, float], ...] = ()
    rates: Rates | None = None
    throughput: Throughput | None = None
