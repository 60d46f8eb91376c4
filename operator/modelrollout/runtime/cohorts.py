"""Reads the cohorts of `delayed` metrics, each once, and judges them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from modelrollout.analysis.evidence import Tick
from modelrollout.analysis.ratio import RatioCheck, judge
from modelrollout.analysis.ratio_state import RatioState, gather
from modelrollout.analysis.verdict import CheckResult
from modelrollout.api.metrics import Metric
from modelrollout.metrics.cohorts import Buckets, CohortRules, read_cohort
from modelrollout.metrics.memories import Memories
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import MetricProvider
from modelrollout.metrics.ticks import SETTLE_SECONDS
from modelrollout.runtime.counting import Failure, counted_of
from modelrollout.runtime.levels import declared_dispersion
from modelrollout.runtime.looking import limits_of

AT_ONCE: Final = 20
"""Cohorts that are read in one look: after a restart there may be hundreds, and harm elsewhere waits for nobody."""


@dataclass(frozen=True, slots=True)
class Ripe:
    """Cohorts that are mature, oldest first.

    Attributes:
        ticks: one for each.
        more_at: when there will be more, on Prometheus's clock; now where some are still to be read; None for never.
    """

    ticks: tuple[Tick, ...]
    more_at: float | None


@dataclass(frozen=True, slots=True)
class _Memory:
    rules: CohortRules
    known: dict[float, Tick]


class Cohorts:
    """Remembers what became of the requests of each bucket: losing it costs reading, never evidence."""

    def __init__(self, provider: MetricProvider) -> None:
        self._provider = provider
        self._memories = Memories[_Memory]()

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout."""
        self._memories.forget(uid)

    async def ripe(  # noqa: PLR0917 - what is read, and for whom
        self, key: tuple[str, str], rules: CohortRules, since: float, until: float, now: float, scrape_timeout: float
    ) -> Ripe | Failure:
        """What is mature of the requests made between two times, as far as it has been read.

        Args:
            key: UID of the rollout and name of the metric.
            now: Prometheus's clock, unix seconds.
        """
        memory = self._memories.get(key)
        if memory is None or memory.rules != rules:
            memory = self._memories[key] = _Memory(rules, {})
        delay = scrape_timeout + SETTLE_SECONDS
        ticks: list[Tick] = []
        read = 0
        for start in rules.buckets.within(since, until):
            ready = rules.buckets.mature_at(start) + delay
            if ready > now:
                return Ripe(tuple(ticks), ready)
            if start not in memory.known:
                if read == AT_ONCE:
                    return Ripe(tuple(ticks), now)
                found = await read_cohort(self._provider, rules, start)
                if not isinstance(found, Tick):
                    return found
                memory.known[start] = found
                read += 1
            ticks.append(memory.known[start])
        return Ripe(tuple(ticks), None)


def cohort_rules(metric: Metric, scope: Scope, candidate: str, stable: str | None) -> CohortRules:
    """How the cohorts of a metric are read; it is one of `delayed`."""
    delayed, counted = metric.delayed, counted_of(metric)
    assert delayed is not None  # noqa: S101 - the caller has looked
    assert counted is not None  # noqa: S101 - the model has looked
    width, maturity = delayed.cohort.width.total_seconds(), delayed.maturity.total_seconds()
    return CohortRules(
        scope=scope,
        candidate=candidate,
        stable=stable,
        total=counted.total,
        marked=counted.marked,
        marks=counted.marks,
        label=delayed.cohort.label,
        buckets=Buckets(width, maturity),
    )


def judged(metric: Metric, alpha: float, ripe: Ripe, passes_since: float, step_number: int) -> CheckResult:
    """Judge what is mature.

    Args:
        alpha: level of the metric in the whole attempt.
        passes_since: requests made before this may show harm and let nothing pass.
        step_number: which live step of the attempt this is, from 1.
    """
    limits, dispersion = limits_of(metric), declared_dispersion(metric)
    ticks = _compared(ripe.ticks) if limits.is_relative else ripe.ticks
    assert metric.delayed is not None  # noqa: S101 - the caller has looked
    width = metric.delayed.cohort.width.total_seconds()
    whole = gather(RatioState.start(limits, dispersion), ticks)
    step = gather(
        RatioState.start_step(limits, dispersion), (tick for tick in ticks if tick.at - width >= passes_since)
    )
    result = judge(RatioCheck(metric.name, metric.min_samples, alpha), whole, step, step_number).result
    return replace(result, reason=f"{result.reason} ({_maturity(ripe)})")


def _compared(ticks: Iterable[Tick]) -> tuple[Tick, ...]:
    """Cohorts of both: where either answered nothing, the other one has nobody to be compared with."""
    return tuple(
        tick
        for tick in ticks
        if tick.candidate is None or (tick.candidate.total and tick.stable is not None and tick.stable.total)
    )


def _maturity(ripe: Ripe) -> str:
    last = f"mature are requests until {_clock(ripe.ticks[-1].at)}" if ripe.ticks else "no request is mature yet"
    return last if ripe.more_at is None else f"{last}, more at {_clock(ripe.more_at)}"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d %b %H:%M}Z"
