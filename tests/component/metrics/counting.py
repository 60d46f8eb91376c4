"""Counts of a step on a real Prometheus, read as the operator reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.outcome import Value
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.prometheus import PrometheusProvider
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from modelrollout.metrics.ticks import Grid
from tests.component.metrics.conftest import SCRAPE_SECONDS, Pods
from tests.support.waiting import eventually


@dataclass
class Counting:
    """The step of a rollout `candidate` beside `stable`, read as the operator reads it."""

    provider: PrometheusProvider
    rules: CounterRules

    @classmethod
    async def begin(cls, pods: Pods, marks: str = "events") -> Counting:
        grid = Grid(round(SCRAPE_SECONDS * 1000), 137)
        since = await now(pods.provider)
        side: Literal["events", "good"] = "good" if marks == "good" else "events"
        return cls(pods.provider, CounterRules(grid, since, pods.scope, "candidate", "stable", side))

    async def ticks(self) -> list[Tick]:
        """All final ticks up to now: read as time goes, and found the same when read at once afterwards."""
        found = await self.read(CounterReader(self.provider, SCRAPE_SECONDS), until=await now(self.provider))
        again = await self._read(CounterReader(self.provider, SCRAPE_SECONDS, chunk_seconds=2.0), self.rules.since)
        assert list(again.final[: len(found)]) == found
        return found

    async def read(self, reader: CounterReader, until: float, known: list[Tick] | None = None) -> list[Tick]:
        """All final ticks up to then; what is known of them already is not asked for."""
        found = list(known or ())

        async def up_to_the_end() -> bool:
            reading = await self._read(reader, cursor=found[-1].at if found else self.rules.since)
            found.extend(reading.final)
            return reading.cursor >= until

        await eventually("all ticks are final", up_to_the_end)
        return found

    async def _read(self, reader: CounterReader, cursor: float) -> CounterReading:
        marked = 'total{$selector,code="500"}' if self.rules.marks == "events" else "good{$selector}"
        request = CounterRequest(
            uid="uid",
            metric="errors",
            total="total{$selector}",
            marked=marked,
            rules=self.rules,
            cursor=cursor,
            now=await now(self.provider),
        )
        reading = await reader.read(request)
        assert isinstance(reading, CounterReading)
        return reading


async def now(provider: PrometheusProvider) -> float:
    clock = await provider.now()
    assert isinstance(clock, float)
    return clock


async def query(provider: PrometheusProvider, text: str, expected: float) -> None:
    async def answered() -> bool:
        return await provider.instant(text, await now(provider)) == Value(expected)

    await eventually(f"{text} is {expected}", answered)


def summed(counts: list[Counts | None]) -> Counts:
    return sum((each for each in counts if each is not None), Counts())


def candidate(ticks: list[Tick]) -> Counts:
    return summed([tick.candidate for tick in ticks])
