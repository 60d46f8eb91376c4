"""Counts of a running step, read a little at a time; after a restart, the same counts from the beginning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from modelrollout.analysis.evidence import Tick
from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.metrics.consistent import Scraped, scraped, together
from modelrollout.metrics.counters import FORGET_SECONDS, Batch, CounterRules, Ledger, advance
from modelrollout.metrics.promql import STAND_IN, expand
from modelrollout.metrics.provider import MetricProvider, RawOutcome, RawSeries

CHUNK_SECONDS: Final = 300.0
"""How much is read at once: bounds memory, and how long the event loop is held up (100 series each second: 0.1 s)."""

_SHARED_SECONDS: Final = (4.0, 16.0, 64.0)
"""Spans that are read. Metrics of a rollout ask at the same moment for spans that differ a little, as their ticks do:
rounded up they ask for the same, and one answer serves all of them."""


@dataclass(frozen=True)
class CounterRequest:
    """What to read, and up to where.

    Attributes:
        uid: the rollout's UID.
        metric: the metric's name; with `uid` it names what the reader remembers.
        total: the selector of all things, as the user wrote it.
        marked: the selector of events, or of good things (`rules.marks`), as the user wrote it.
        rules: revisions, grid and beginning of the step.
        cursor: final ticks up to this time are known to the caller; `rules.since` when none are.
        now: Prometheus's clock, Unix seconds.
    """

    uid: str
    metric: str
    total: str
    marked: str
    rules: CounterRules
    cursor: float
    now: float


@dataclass(frozen=True)
class CounterReading:
    """New ticks of one metric, oldest first.

    Attributes:
        final: ticks later than the cursor that can no longer change; each is given once, and the caller keeps its sum.
        provisional: ticks after those, as far as they are known; given anew each time, the last one may still be open.
        cursor: what to ask with next time.
        newest: when the candidate was last scraped, as far as this reading shows; None where it does not.
    """

    final: tuple[Tick, ...]
    provisional: tuple[Tick, ...]
    cursor: float
    newest: float | None = None


@dataclass(frozen=True)
class _Position:
    """Where reading stands: `ledger` is what all samples up to the tick `until` gave; `known` had an `up` so far."""

    what: tuple[str, str, CounterRules]
    until: float
    ledger: Ledger
    known: frozenset[Scraped]


class CounterReader:
    """Reads incrementally, per rollout and metric. Not for the same key from two tasks at once.

    What it remembers only saves reading: without it, or when a caller's cursor lies before it, history is read again
    from the step's beginning and the ticks are the same. A read that fails changes nothing.
    """

    def __init__(self, provider: MetricProvider, scrape_timeout: float, chunk_seconds: float = CHUNK_SECONDS) -> None:
        self._provider = provider
        self._scrape_timeout = scrape_timeout
        self._chunk_seconds = chunk_seconds
        self._positions: dict[tuple[str, str], _Position] = {}

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout: it ended, or is gone."""
        for key in [key for key in self._positions if key[0] == uid]:
            del self._positions[key]

    async def read(self, request: CounterRequest) -> CounterReading | Unavailable | Rejected | Partial:
        """Read what is new since `request.cursor`.

        Raises:
            QueryError: a selector names a variable that a ratio does not have.
        """
        rules, grid = request.rules, request.rules.grid
        cursor = max(request.cursor, rules.since)
        position = self._positions.get((request.uid, request.metric))
        if position is None or position.what != _what(request) or position.until > cursor:
            beginning = await self._beginning(request)
            if not isinstance(beginning, _Position):
                return beginning
            position = beginning
        horizon = max(grid.last_final(request.now, self._scrape_timeout), position.until)
        final: list[Tick] = []
        batch = Batch((), ())
        for until, at in self._spans(position.until, horizon, request):
            answer = await self._batch(request, at, at - position.until, position.known)
            if not isinstance(answer, Batch):
                return answer
            batch = answer
            ledger, ticks = advance(position.ledger, batch, rules, after=position.until, until=until, final="final")
            final += [tick for tick in ticks if tick.at > cursor]
            position = _Position(position.what, until, ledger, position.known | scraped(batch.scrapes))
        newest = grid.tick_of(request.now)
        _, provisional = advance(position.ledger, batch, rules, after=horizon, until=newest, final="provisional")
        self._positions[request.uid, request.metric] = position
        return CounterReading(tuple(final), provisional, max(cursor, horizon), _newest(batch, rules))

    def _spans(self, start: float, horizon: float, request: CounterRequest) -> Iterator[tuple[float, float]]:
        """Up to which tick to count, and up to when to read for it. The last one reads on to now."""
        grid = request.rules.grid
        step = max(self._chunk_seconds, grid.interval)
        while (end := grid.tick_at_or_before(start + step)) < horizon:
            yield end, end
            start = end
        yield horizon, max(request.now, horizon)

    async def _beginning(self, request: CounterRequest) -> _Position | Unavailable | Rejected | Partial:
        """Baselines at the last tick before the step."""
        start = request.rules.grid.tick_at_or_before(request.rules.since)
        batch = await self._batch(request, start, FORGET_SECONDS, frozenset())
        if not isinstance(batch, Batch):
            return batch
        ledger, _ = advance(Ledger(), batch, request.rules, after=start, until=start, final="final")
        return _Position(_what(request), start, ledger, scraped(batch.scrapes))

    async def _batch(
        self, request: CounterRequest, at: float, seconds: float, known: frozenset[Scraped]
    ) -> Batch | Unavailable | Rejected | Partial:
        """Read all three within `(at - seconds, at]`.

        A scrape is stored between two requests at the worst. So `up` is read first, and what is newer is left out.
        Where there is none, order still sees to it that there are never events without their total: good things are
        read after the total, events before it.
        """
        if seconds <= 0:
            return Batch((), ())
        total, marked = request.total, request.marked
        first, second = (marked, total) if request.rules.marks == "events" else (total, marked)
        up = await self._series("up{$selector}", request.rules, at, seconds)
        one = await self._series(first, request.rules, at, seconds)
        two = one if first == second else await self._series(second, request.rules, at, seconds)
        if not isinstance(one, tuple):
            return one
        if not isinstance(two, tuple):
            return two
        if not isinstance(up, tuple):
            return up
        batch = Batch(*((two, one) if request.rules.marks == "events" else (one, two)), scrapes=up)
        return together(batch, known)

    async def _series(
        self, selector: str, rules: CounterRules, at: float, seconds: float
    ) -> tuple[RawSeries, ...] | Unavailable | Rejected | Partial:
        """The series of both revisions; those of a stand-in are marked as its own."""
        found: list[RawSeries] = []
        for part in rules.scope.selectors(*rules.hashes):
            variables = {
                "selector": part.matchers,
                "namespace": rules.scope.namespace,
                "rollout": rules.scope.rollout,
            }
            series = await self._provider.raw(expand(selector, variables), at, seconds)
            if not isinstance(series, tuple):
                return series
            mark = {} if part.stand_in is None else {STAND_IN: part.stand_in}
            found += [replace(one, labels={**one.labels, **mark}) for one in series] if mark else series
        return tuple(found)

    async def _raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        shared = next((span for span in _SHARED_SECONDS if span >= seconds), seconds)
        found = await self._provider.raw(selector, at, shared)
        return _since(found, at - seconds) if isinstance(found, tuple) else found


def _since(found: tuple[RawSeries, ...], start: float) -> tuple[RawSeries, ...]:
    """What is later than `start`."""
    cut = (replace(series, samples=tuple(sample for sample in series.samples if sample[0] > start)) for series in found)
    return tuple(series for series in cut if series.samples)


def _newest(batch: Batch, rules: CounterRules) -> float | None:
    seen = (series for series in (*batch.total, *batch.scrapes) if rules.revision_of(series.labels) == rules.candidate)
    return max((series.samples[-1][0] for series in seen if series.samples), default=None)


def _what(request: CounterRequest) -> tuple[str, str, CounterRules]:
    return request.total, request.marked, request.rules
