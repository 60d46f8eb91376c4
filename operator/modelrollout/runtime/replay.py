"""Plays a rollout on Prometheus's history: the code that decides live, with a clock that walks through the past.

Nothing is decided here. `Judge` reads, `decide` decides, and what cannot be had from history is taken to be as good as
it can be: pods are ready, the gateway carries every split at once, people approve, gates succeed. What was counted is
counted: whoever had which share of the requests then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from modelrollout.analysis.outcome import Outcome, Unavailable
from modelrollout.api.automation import Approval, Automation
from modelrollout.api.resource import ModelRollout
from modelrollout.api.services import ServiceStatus
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import ModelRolloutStatus, RevisionRef
from modelrollout.engine.decide import decide
from modelrollout.engine.dispersion import is_unmeasured
from modelrollout.engine.intent import split_of
from modelrollout.engine.observed import Acceptance, Evidence, RevisionState, RouteState
from modelrollout.engine.plan import Action, Plan
from modelrollout.engine.revisions import Revision
from modelrollout.engine.situation import Observation
from modelrollout.metrics.provider import MetricProvider, RawOutcome
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.spreads import Spreads

PLENTY: Final = 1_000_000
"""Ready endpoints of a revision whose pods are not in question."""
ENDS: Final = frozenset({Action.ROLL_BACK, Action.ABANDON, Action.PROMOTE})
AT_ONCE: Final = 100
"""Decisions at one instant before something goes round in circles."""
SHORTEST: Final = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Trial:
    """Who is judged, against whom, and when.

    Attributes:
        begin: when the candidate's first step begins.
        end: when history ends at the latest.
        pods: of revisions that no name of ours tells.
    """

    stable: RevisionRef
    candidate: RevisionRef
    begin: datetime
    end: datetime
    pods: tuple[ServiceStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """What would have been decided, and when.

    Attributes:
        weight: the candidate's share in percent after it.
        stage: the stage that it is about; None outside of one.
    """

    at: datetime
    plan: Plan
    weight: int
    stage: str | None

    @property
    def is_end(self) -> bool:
        """Whether the rollout is over."""
        return self.plan.action in ENDS


class Past:
    """A provider whose clock stands where the replay is: what came later is not there yet."""

    def __init__(self, provider: MetricProvider, at: datetime) -> None:
        self._provider = provider
        self.at = at

    async def instant(self, query: str, at: float) -> Outcome:
        """Evaluate a query at an instant."""
        return await self._provider.instant(query, min(at, self.at.timestamp()))

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        """The raw samples up to an instant, and not beyond the replay's."""
        late = max(0.0, at - self.at.timestamp())
        return await self._provider.raw(selector, at - late, seconds - late) if seconds > late else ()

    async def check(self, query: str) -> str | None:
        """Why the query does not parse."""
        return await self._provider.check(query)

    async def now(self) -> float | Unavailable:
        """The replay's clock."""
        return self.at.timestamp()


async def replayed(
    rollout: ModelRollout, trial: Trial, provider: MetricProvider, settings: Settings
) -> AsyncIterator[Moment]:
    """Give each decision, and the state at the end of the span as the last moment.

    Args:
        rollout: whose spec is played; its status has no part in it.
    """
    now, end = trial.begin, trial.end
    past = Past(provider, now)
    judge, spreads = Judge(past, settings), Spreads(past, settings)
    rollout = replace(
        rollout, spec=unattended(rollout.spec), status=ModelRolloutStatus(stable=trial.stable, services=trial.pods)
    )
    repeated = 0
    while True:
        past.at = now
        seen = await _observed(rollout, trial, now, judge, spreads)
        plan = decide(seen)
        rollout = replace(rollout, status=plan.status.model_copy(update={"services": trial.pods}))
        moment = _moment(now, plan)
        if plan.action is not Action.WAIT:
            yield moment
            repeated += 1
            if moment.is_end:
                return
            if repeated < AT_ONCE:
                continue
        repeated = 0
        following = max(plan.wake_at or end, now + SHORTEST)
        if following >= end:
            if plan.action is Action.WAIT:
                yield moment
            return
        now = following


def unattended(spec: ModelRolloutSpec) -> ModelRolloutSpec:
    """The same spec where nobody and nothing but evidence of its own has a say: neighbours rest, and do well."""
    stages = tuple(stage.model_copy(update={"approval": Approval.AUTO, "pre": (), "post": ()}) for stage in spec.stages)
    metrics = tuple(metric for metric in spec.metrics if metric.of is None)
    return spec.model_copy(
        update={
            "stages": stages,
            "automation": Automation.FULL,
            "metrics": metrics,
            "depends_on": (),
            "preset": spec.wanted_preset,  # as it was with all metrics
        }
    )


async def _observed(rollout: ModelRollout, trial: Trial, now: datetime, judge: Judge, spreads: Spreads) -> Observation:
    desired = _revision(trial.candidate)
    seen = Observation(
        now=now,
        rollout=rollout,
        desired=desired,
        problems=(),
        route=_route(rollout.status),
        revisions=(_ready(_revision(trial.stable), rollout), _ready(desired, rollout)),
    )
    attempt = rollout.status.attempt
    if is_unmeasured(seen):
        return replace(seen, dispersion=await spreads.measure(rollout, trial.stable.revision, now))
    if attempt is None or attempt.step is None:
        return seen
    evidence, more_at = await judge.evidence(rollout, trial.stable, now)
    return replace(seen, evidence=_without_share(evidence), next_evidence_at=more_at)


def _without_share(evidence: Evidence) -> Evidence:
    """History had shares of its own: that they are not those of the step says nothing about the candidate."""
    return replace(evidence, share_shown=None, silent=False)


def _route(status: ModelRolloutStatus) -> RouteState:
    split = split_of(status)
    assert split is not None  # noqa: S101 - a replay begins with a stable revision
    return RouteState(
        weights=split.weights,
        mirror=split.mirror,
        sequence=status.sequence,
        decision=None,
        acceptance=Acceptance.ACCEPTED,
        message="",
        resource_version="",
    )


def _ready(revision: Revision, rollout: ModelRollout) -> RevisionState:
    return RevisionState(revision, replicas=rollout.spec.workload.replicas, ready_endpoints=PLENTY)


def _revision(ref: RevisionRef) -> Revision:
    return Revision(hash=ref.revision, version=ref.version, input="")


def _moment(at: datetime, plan: Plan) -> Moment:
    attempt, log = plan.status.attempt, plan.status.log
    step = attempt.step if attempt is not None else None
    # A rollback has left the stage that it is about.
    stage = step.stage if step is not None else log[-1].stage if log else None
    return Moment(at, plan, step.weight if step is not None else 0, stage)
