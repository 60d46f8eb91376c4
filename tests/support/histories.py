"""Made-up scrape histories, and a provider that answers from one as Prometheus would."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from modelrollout.analysis.outcome import NoData, Outcome, Unavailable
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import RawOutcome, RawSeries
from modelrollout.metrics.ticks import Grid

SCOPE = Scope("demo", "digits")
Samples = Mapping[float, float] | list[tuple[float, float]]


def series(name: str, pod: str, samples: Samples, **labels: str) -> RawSeries:
    """One series of a pod such as `new-1` or `old-1`: the part before the dash is its revision's hash."""
    pairs = samples.items() if isinstance(samples, Mapping) else samples
    base = {"__name__": name, "namespace": "demo", "pod": f"digits-{pod}-x", "instance": pod, "job": "pods"}
    return RawSeries(base | labels, tuple(sorted(pairs)))


def rules(since: float = 0.0, interval: float = 1.0, marks: str = "events") -> CounterRules:
    return CounterRules(
        grid=Grid(round(interval * 1000), 0),
        since=since,
        scope=SCOPE,
        candidate="new",
        stable="old",
        marks="good" if marks == "good" else "events",
    )


@dataclass
class HistoryProvider:
    """Answers raw reads as Prometheus does: what was stored by `clock`, with a left-open range.

    Attributes:
        history: all series by metric name.
        clock: the time at which it is asked.
        delays: how long after its timestamp a sample is stored, by timestamp; 0 where not given.
        away: every answer is then Unavailable.
        reads: ranges that were asked for.
    """

    history: Mapping[str, tuple[RawSeries, ...]]
    clock: float
    delays: Mapping[float, float]
    away: bool = False
    reads: int = 0

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        await asyncio.sleep(0)
        self.reads += 1
        if self.away:
            return Unavailable("away")
        found = []
        for one in (one for name in _names(selector) for one in self.history.get(name, ())):
            asked = one.within(at - seconds, at)
            samples = tuple(sample for sample in asked.samples if self._is_stored(sample[0]))
            natives = tuple(sample for sample in asked.natives if self._is_stored(sample[0]))
            if samples:
                found.append(RawSeries(one.labels, samples, natives))
        return tuple(found)

    def _is_stored(self, at: float) -> bool:
        return at + self.delays.get(at, 0.0) <= self.clock

    async def instant(self, query: str, at: float) -> Outcome:
        return NoData()

    async def check(self, query: str) -> str | None:
        return None

    async def now(self) -> float | Unavailable:
        return self.clock


def _names(selector: str) -> list[str]:
    """Of a selector such as the reader asks with: of one metric, or of several with the same matchers."""
    several = re.match(r'\{__name__=~"([^"]*)"', selector)
    return several[1].split("|") if several else [selector.partition("{")[0]]
