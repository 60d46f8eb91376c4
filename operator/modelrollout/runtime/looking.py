"""Where and when the evidence of one step is looked for: what the judges of ratios and of queries share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from modelrollout.analysis.evidence import Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.settling import Settled, settled
from modelrollout.api.late import Source
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.api.services import ServiceStatus
from modelrollout.api.status import AttemptStatus, StepStatus
from modelrollout.engine.behind import pattern_of
from modelrollout.engine.fallback import in_use
from modelrollout.engine.neighbours import Neighbour
from modelrollout.engine.revisions import FALLBACK
from modelrollout.metrics.joining import SERIES
from modelrollout.metrics.promql import Scope, SelectorStyle, StandIn
from modelrollout.metrics.sharing import Reads
from modelrollout.metrics.ticks import SCRAPES_TO_COMPARE, Grid, grid
from modelrollout.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a step.

    Attributes:
        stable: hash of what the candidate is compared with; None where nothing tells its series.
        now: Prometheus's clock, unix seconds.
        offset: Prometheus's clock less ours, seconds.
        neighbours: other rollouts that it looks at.
        subject: name of another rollout, whose stable pods are looked at in the candidate's place; None for none.
        reads: what its metrics read together; None where each reads on its own.
    """

    rollout: ModelRollout
    stable: str | None
    stable_version: str
    attempt: AttemptStatus
    step: StepStatus
    settings: Settings
    now: float
    offset: float
    reads: Reads | None = field(default=None, compare=False)
    neighbours: tuple[Neighbour, ...] = ()
    subject: str | None = None

    @property
    def scope(self) -> Scope:
        """Whose series are read."""
        own = scope_of(self.rollout, self.settings)
        return own if self.subject is None else Scope(own.namespace, self.subject, own.style)

    def scope_for(self, metric: Metric | None) -> Scope:
        """Whose series a metric reads: its counters say themselves whose they are where no pod carries them."""
        if metric is None or metric.source is Source.PODS:
            return self.scope
        return Scope(self.rollout.key.namespace, self.rollout.key.name, SERIES)

    @property
    def is_off_route(self) -> bool:
        """Whether no request of any client goes to the candidate: a preview."""
        return self.step.weight == 0 and self.step.mirror_percent == 0

    @property
    def leaves_stable_no_share(self) -> bool:
        """Whether nothing is left to compare with."""
        return self.step.weight == 100

    def on_prometheus(self, at: datetime) -> float:
        """A time of ours on Prometheus's clock."""
        return at.timestamp() + self.offset

    def grid_for(self, metric: Metric | None) -> Grid:
        """The ticks of a metric, or those of the counting of requests."""
        scrape = self.settings.scrape_interval
        interval = metric.interval if metric is not None else scrape
        relative = metric is None or metric.check.no_worse_than is not None
        return self._grid(max(interval, scrape), SCRAPES_TO_COMPARE if relative else 1)

    def _grid(self, interval: timedelta, scrapes: int) -> Grid:
        scrape = self.settings.scrape_interval.total_seconds()
        return grid(self.rollout.uid, interval.total_seconds(), scrape, scrapes)

    def evidence_since(self, metric: Metric) -> float:
        """From when harm is gathered: the first request in the unbroken run of stages that the metric is judged in.

        A metric that was kept out of earlier stages begins a scrape after the gateway has left them: copies of requests
        that a shadow still answers are not what clients got. A latency that failed for want of pods begins anew when
        there were enough.
        """
        since, relieved = self._judged_since(metric), self.attempt.latency_since
        if relieved is None or not metric.is_latency:
            return since
        return max(since, relieved.timestamp() + self.settings.scrape_interval.total_seconds())

    def _judged_since(self, metric: Metric) -> float:
        stages = self.rollout.spec.stages[: self.step.stage_index + 1]
        if all(metric.applies_to(stage.name) for stage in stages):
            return self.on_prometheus(self.attempt.evidence_since or self.step.started_at)
        since = self.accepted_since
        if all(metric.applies_to(stage.name) for stage in stages if stage.is_live) and self.attempt.live_since:
            since = self.attempt.live_since.timestamp()
        return since + self.settings.scrape_interval.total_seconds()

    @property
    def step_since(self) -> float:
        """From when passing evidence is gathered: in force; before that the step can only show harm."""
        return self.step.in_force_at.timestamp() if self.step.in_force_at else self.accepted_since

    @property
    def passes_since(self) -> float:
        """From when counts may let the step pass: in force, and after the answers that were quickest to fail."""
        return max(self.step_since, self.accepted_since + self.rollout.spec.traffic.settle.total_seconds())

    def settled(self, ticks: Sequence[Tick], ticking: Grid, joined: float) -> Settled:
        """The ticks that may let the step pass: those since then but for the first answers of the candidate's new pods.

        Args:
            joined: as the last look has given it.
        """
        settle = self.rollout.spec.traffic.settle.total_seconds()
        return settled(ticks, self.passes_since + ticking.interval, settle, joined)

    @property
    def accepted_since(self) -> float:
        """From when the gateway had the step; before it has, from the step's beginning."""
        accepted = self.step.accepted_at
        return accepted.timestamp() if accepted else self.on_prometheus(self.step.started_at)

    @property
    def step_identity(self) -> tuple[int, float]:
        """Changes whenever evidence of the step starts anew."""
        return self.step.number, self.step_since

    def frozen(self, metric: str) -> float | None:
        """The stable revision's bound from the last mixed step, where this step has nothing to compare with."""
        if not self.leaves_stable_no_share:
            return None
        return next((float(entry.bound) for entry in self.attempt.frozen if entry.metric == metric), None)


def scope_of(rollout: ModelRollout, settings: Settings) -> Scope:
    """Whose series are read, and how their labels name a revision."""
    style = SelectorStyle(revision_label=settings.revision_label, rollout_label=settings.name_label)
    return Scope(rollout.key.namespace, rollout.key.name, style, stand_ins_of(rollout))


def stand_ins_of(rollout: ModelRollout) -> tuple[StandIn, ...]:
    """What neither our names nor our labels tell: the fallback, where its selector does, and what others deploy.

    Of the latter exactly the pods that status names: evidence is about them, and not about what comes after them.
    """
    used = in_use(rollout)
    fallback = () if used is None or used.selector is None else (StandIn(FALLBACK, used.selector),)
    return (*fallback, *(_behind(entry) for entry in rollout.status.services if entry.pods))


def _behind(entry: ServiceStatus) -> StandIn:
    label, pattern = pattern_of(entry.pods)
    return StandIn(entry.revision, f'{label}=~"{pattern}"')


def comparable(rollout: ModelRollout, revision: str) -> str | None:
    """The revision, if anything tells its series."""
    told = any(one.name == revision for one in stand_ins_of(rollout))
    return None if revision == FALLBACK and not told else revision


def limits_of(metric: Metric) -> Limits:
    """A metric's limits as numbers; of a histogram those on the share of what lies beyond the edge."""
    check, relative = metric.check, metric.check.no_worse_than
    largest, smallest = check.max, check.min
    if metric.histogram is not None:
        quantile = metric.histogram.quantile
        largest, smallest = (1 - quantile if smallest is None else quantile), None
    return Limits(
        max=None if largest is None else float(largest),
        min=None if smallest is None else float(smallest),
        ratio=None if relative is None or relative.ratio is None else float(relative.ratio),
        difference=None if relative is None or relative.difference is None else float(relative.difference),
        harm_ratio=None if relative is None or relative.harm_ratio is None else float(relative.harm_ratio),
        harm_difference=None
        if relative is None or relative.harm_difference is None
        else float(relative.harm_difference),
        confidence=None if check.confidence is None else float(check.confidence),
        no_worse_confidence=None if relative is None or relative.confidence is None else float(relative.confidence),
    )
