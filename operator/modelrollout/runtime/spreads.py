"""Measures how much the requests of a rollout hang together, from the stable revision's own last day.

An hour is represented by its latest ten minutes, in ticks of a minute at least. All metrics are read together, once for
each attempt: a read for each hour, if their counters have the same matchers. A burst that is longer than a tick is seen
in part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from modelrollout.analysis.dispersion import FLOOR, Spread, factor_of, spread_of_ticks
from modelrollout.analysis.outcome import Unavailable
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import DispersionFactor, DispersionStatus
from modelrollout.engine.dispersion import undeclared
from modelrollout.metrics.beside import beside
from modelrollout.metrics.counters import Batch, CounterRules, Ledger, advance
from modelrollout.metrics.natives import marked_by
from modelrollout.metrics.promql import QueryError
from modelrollout.metrics.provider import MetricProvider
from modelrollout.metrics.series import all_of, selected
from modelrollout.metrics.sharing import Phase, Read, Reads
from modelrollout.metrics.slicing import Slicing
from modelrollout.metrics.ticks import SCRAPES_TO_COMPARE, grid
from modelrollout.runtime.counting import counted_of
from modelrollout.runtime.looking import comparable, scope_of
from modelrollout.runtime.settings import Settings

HOURS: Final = 24
HOUR_SECONDS: Final = 3600.0
SPAN_SECONDS: Final = 600.0
TICK_SECONDS: Final = 60.0
AT_ONCE: Final = 4
"""Hours that are read at the same time: others wait for the same Prometheus."""
PODS_MOST: Final = 1000
"""With more pods than this in one span they are not told apart."""
BASELINE_SCRAPES: Final = 3
LEAST_BASELINE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class _Hour:
    """What an hour shows, and whether anything was asked in it."""

    spread: Spread
    is_asked: bool


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the history of one metric shows.

    Attributes:
        factor: None where too little has happened, or nothing could be read.
        hours: in how many of the last hours requests were counted.
    """

    factor: float | None
    hours: int


class Spreads:
    """Measures for one Prometheus; remembers nothing: what is measured is kept in status."""

    def __init__(self, provider: MetricProvider, settings: Settings) -> None:
        self._provider = provider
        self._settings = settings

    async def measure(self, rollout: ModelRollout, stable: str, now: datetime) -> DispersionStatus | None:
        """Measure all metrics of which nobody says anything; None where Prometheus does not answer.

        What has no history, or cannot be read, has the least factor that anything undeclared has.

        Args:
            stable: hash of the revision that serves.
        """
        there = await self._provider.now()
        if isinstance(there, Unavailable):
            return None
        told = comparable(rollout, stable)
        metrics = undeclared(rollout.spec)
        pasts = [] if told is None else [_Past(self._settings, rollout, told, metric) for metric in metrics]
        days = await self._days(pasts, there)
        found = {metric.name: _measured(days.get(metric.name, ())) for metric in metrics}
        return DispersionStatus(
            measured_at=now,
            hours=min((one.hours for one in found.values()), default=0),
            factors=tuple(
                DispersionFactor(metric=name, factor=f"{max(FLOOR, one.factor or FLOOR):.3g}")
                for name, one in found.items()
            ),
        )

    async def _days(self, pasts: Sequence[_Past], there: float) -> Mapping[str, Sequence[_Hour]]:
        """The hours of each metric that can be read, seen from `there` on Prometheus's clock."""
        days: dict[str, list[_Hour]] = {past.metric.name: [] for past in pasts}
        apart: set[str] = set()
        for begin in range(0, HOURS, AT_ONCE):
            # What Prometheus cannot answer is not asked for the rest of the day.
            readable = [past for past in pasts if past.metric.name in days]
            ends = [there - hour * HOUR_SECONDS for hour in range(begin, min(begin + AT_ONCE, HOURS))]
            for hours in await asyncio.gather(*(self._hour(readable, end, apart) for end in ends)):
                for past, hour in zip(readable, hours, strict=True):
                    if hour is None:
                        days.pop(past.metric.name, None)
                    elif past.metric.name in days:
                        days[past.metric.name].append(hour)
        return days

    async def _hour(self, pasts: Sequence[_Past], end: float, apart: set[str]) -> list[_Hour | None]:
        reads = Reads(self._provider, apart)
        return await asyncio.gather(*(past.hour(reads, end) for past in pasts))


def _measured(hours: Sequence[_Hour]) -> _Measured:
    return _Measured(factor_of(hour.spread for hour in hours), sum(hour.is_asked for hour in hours))


@dataclass(frozen=True, slots=True)
class _Past:
    """The history of one metric of the revision that serves."""

    settings: Settings
    rollout: ModelRollout
    stable: str
    metric: Metric

    async def hour(self, reads: Reads, at: float) -> _Hour | None:
        """What the last minutes before a time show; None where they cannot be read."""
        scrape = self.settings.scrape_interval.total_seconds()
        ticking = grid(
            self.rollout.uid, max(self.metric.interval.total_seconds(), TICK_SECONDS), scrape, SCRAPES_TO_COMPARE
        )
        end = ticking.last_final(at, self.settings.scrape_timeout.total_seconds())
        scope = scope_of(self.rollout, self.settings)
        counted = counted_of(self.metric)
        assert counted is not None  # noqa: S101 - only what is counted is undeclared
        rules = CounterRules(
            grid=ticking,
            since=ticking.tick_at_or_before(end - max(SPAN_SECONDS, 2 * ticking.interval)),
            scope=scope,
            candidate=self.stable,
            stable=None,
            marks=counted.marks,
            slicing=Slicing(scope.style.pod_label, PODS_MOST),
            edge=counted.edge,
        )
        since = rules.since - max(BASELINE_SCRAPES * scrape, LEAST_BASELINE_SECONDS)
        parts = scope.selectors(*rules.hashes)
        try:
            sides = [selected(selector, scope, parts) for selector in (counted.total, counted.marked)]
        except QueryError:
            # Said of the selector itself, by the review of the spec.
            return None
        await reads.announce(Read(Phase.FINAL, each, end, since) for side in sides for each, _ in side)
        total, marked = [
            await all_of(side, lambda each: reads.raw(Read(Phase.FINAL, each, end, since))) for side in sides
        ]
        if isinstance(marked, tuple):
            marked = marked_by(marked, rules.marks, rules.edge)
        if not (isinstance(total, tuple) and isinstance(marked, tuple)):
            return None
        batch = Batch(total, marked)
        count = partial(advance, Ledger(), batch, rules, after=rules.since, until=end, final="final")
        _, ticks = await beside(batch.series, count)
        is_asked = any(tick.candidate is not None and tick.candidate.total > 0 for tick in ticks)
        return _Hour(spread_of_ticks(ticks), is_asked)
