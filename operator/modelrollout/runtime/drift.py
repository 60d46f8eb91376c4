"""Judges `drift` metrics: reads what was counted of both revisions, and of the reference, and compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from modelrollout.analysis.distribution import Distribution
from modelrollout.analysis.drift import Method
from modelrollout.analysis.drift_check import DriftCheck, judge, level_of
from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.drift import Against, Drift, Reference
from modelrollout.api.metrics import Metric
from modelrollout.api.scalars import format_duration
from modelrollout.engine.observed import JudgedMetric
from modelrollout.metrics.distributions import TooManyValuesError, distribution
from modelrollout.metrics.edges import other_kind
from modelrollout.metrics.memories import Memories
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.metrics.series import history_of, series_of
from modelrollout.metrics.snapshots import snapshot_of
from modelrollout.metrics.ticks import Grid, grid
from modelrollout.runtime.findings import Finding, failed
from modelrollout.runtime.levels import budget_of, declared_dispersion
from modelrollout.runtime.looking import Look
from modelrollout.runtime.ratios import with_no_data_policy

LEVEL: Final = 0.01
"""Probability of ever finding drift where there is none in an attempt, shared equally by those drift metrics that can
stop nothing. Those that can are paid for by the error budget."""
LOOKS_PER_WINDOW: Final = 20
"""A window is looked at this often at most: more looks at the same samples cost reading, and a level for each."""
SELDOM_SECONDS: Final = 60.0
"""And at least this often, however long it is: a step is seldom longer than a day."""
BASELINE_SCRAPES: Final = 3
"""How many scrapes before a span are read for what counters stood at when it began."""
LEAST_BASELINE_SECONDS: Final = 30.0
"""A scrape or two may be late: what rose before the first one that is known is not counted."""

Failure = Unavailable | Rejected | Partial


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of Prometheus's time."""

    after: float
    until: float


@dataclass(frozen=True, slots=True)
class _Memory:
    """The last look. Losing it costs reading, never evidence."""

    identity: tuple[str, str, tuple[int, float]]
    tick: float
    finding: Finding


class Drifts:
    """Judges `drift` metrics of rollouts that are in a step. One call at a time per rollout and metric."""

    def __init__(self, provider: MetricProvider) -> None:
        self._provider = provider
        self._looks = Memories[_Memory]()
        self._references = Memories[tuple[tuple[str, _Span], Distribution | None]]()

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._looks.forget(uid)
        self._references.forget(uid)

    def judges(self, metric: Metric) -> bool:
        """Whether the metric is a drift."""
        return metric.drift is not None

    async def find(self, look: Look, metric: Metric) -> Finding:
        """Judge one metric: at its own ticks, on what is final."""
        assert metric.drift is not None  # noqa: S101 - the caller has looked
        ticks = _grid(look, metric)
        tick = ticks.last_final(look.now, look.settings.scrape_timeout.total_seconds())
        index = len(ticks.ticks_between(look.step_since, tick))
        if index == 0:
            text = f"{metric.name}: not looked at yet in this step"
            return Finding(JudgedMetric(metric, CheckResult(metric.name, Verdict.NO_DATA, text)), None, None)
        key = (look.rollout.uid, metric.name)
        identity = (metric.model_dump_json(), look.attempt.revision, look.step_identity)
        known = self._looks.get(key)
        if known is not None and (known.identity, known.tick) == (identity, tick):
            return known.finding
        try:
            finding = await self._judged(look, metric, tick, index)
        except TooManyValuesError as error:
            return failed(metric, Rejected(str(error)))
        if finding.unavailable is None:
            self._looks[key] = _Memory(identity, tick, finding)
        return finding

    async def _judged(self, look: Look, metric: Metric, tick: float, index: int) -> Finding:
        drift = metric.drift
        assert drift is not None  # noqa: S101 - the caller has looked
        length = drift.window.total_seconds()
        mine = _Span(max(look.step_since, tick - length), tick)
        candidate = await self._of(look, drift, look.attempt.revision, mine)
        beside = _Span(look.accepted_since - length, look.accepted_since) if look.leaves_stable_no_share else mine
        stable = None if look.stable is None else await self._of(look, drift, look.stable, beside)
        reference = None
        if drift.against is Against.REFERENCE:
            reference = await self._reference(look, metric, drift, tick)
        for found in (candidate, stable, reference):
            if isinstance(found, Failure):
                return failed(metric, found)
        assert not isinstance(candidate, Failure)  # noqa: S101 - looked at above
        assert not isinstance(stable, Failure)  # noqa: S101
        assert not isinstance(reference, Failure)  # noqa: S101
        result = judge(check_of(look, metric, drift, tick, index), candidate, stable, reference)
        if candidate is None and drift.label is None:
            result = replace(result, reason=f"{result.reason} ({other_kind(drift.of)})")
        if candidate is None or candidate.total <= 0:
            result = with_no_data_policy(metric, result)
        return Finding(JudgedMetric(metric, result), tick, None)

    async def _of(self, look: Look, drift: Drift, revision: str, span: _Span) -> Distribution | Failure | None:
        seconds = span.until - span.after + _baseline(look)
        series = await series_of(self._provider, drift.of, look.scope, (revision,), at=span.until, seconds=seconds)
        return _counted(series, drift, span)

    async def _reference(self, look: Look, metric: Metric, drift: Drift, tick: float) -> Distribution | Failure | None:
        reference = drift.reference or Reference()
        if reference.snapshot is not None:
            return snapshot_of([(one.value, one.count) for one in reference.snapshot], labelled=drift.label is not None)
        span = reference_span(reference, tick)
        key, what = (look.rollout.uid, metric.name), (metric.model_dump_json(), span)
        known = self._references.get(key)
        if known is not None and known[0] == what:
            return known[1]
        seconds = span.until - span.after + _baseline(look)
        series = await history_of(self._provider, drift.of, look.scope, at=span.until, seconds=seconds)
        found = _counted(series, drift, span)
        if not isinstance(found, Failure):
            self._references[key] = what, found
        return found


def check_of(look: Look, metric: Metric, drift: Drift, tick: float, index: int) -> DriftCheck:
    """What a drift metric is held to at one look."""
    spec = look.rollout.spec
    told_only = [one for one in spec.metrics if one.drift is not None and not one.draws_on_budget]
    whole = budget_of(spec, look.attempt.number).of_aggregate if metric.draws_on_budget else LEVEL / len(told_only)
    return DriftCheck(
        name=metric.name,
        method=Method(drift.method.value),
        limit=float(drift.limit),
        level=level_of(whole, look.step.number, index),
        min_samples=metric.min_samples,
        cluster_size=declared_dispersion(metric),
        reference=None if drift.against is Against.STABLE else _called(drift.reference or Reference(), tick),
    )


def reference_span(reference: Reference, tick: float) -> _Span:
    """The span of the reference: whole multiples of its length, so that it stays the same for that long."""
    length = reference.length.total_seconds()
    start = (tick - reference.age.total_seconds()) // length * length
    return _Span(start, start + length)


def _called(reference: Reference, tick: float) -> str:
    if reference.snapshot is not None:
        return "the snapshot"
    began = datetime.fromtimestamp(reference_span(reference, tick).after, UTC)
    return f"the {format_duration(reference.length)} from {began:%a %d %b %H:%M:%S}Z"


def _grid(look: Look, metric: Metric) -> Grid:
    assert metric.drift is not None  # noqa: S101 - the caller has looked
    scrape = look.settings.scrape_interval.total_seconds()
    spacing = min(metric.drift.window.total_seconds() / LOOKS_PER_WINDOW, SELDOM_SECONDS)
    return grid(look.rollout.uid, max(metric.interval.total_seconds(), spacing), scrape)


def _baseline(look: Look) -> float:
    return max(BASELINE_SCRAPES * look.settings.scrape_interval.total_seconds(), LEAST_BASELINE_SECONDS)


def _counted(series: Sequence[RawSeries] | Failure, drift: Drift, span: _Span) -> Distribution | Failure | None:
    if isinstance(series, Unavailable | Rejected | Partial):
        return series
    return distribution(series, drift.label, after=span.after, until=span.until)
