"""Counts of a running step, read a little at a time; after a restart, the same counts from the beginning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol

from modelrollout.analysis.evidence import Tick
from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.metrics import counters, joining
from modelrollout.metrics.beside import beside
from modelrollout.metrics.consistent import Scraped, scraped, together
from modelrollout.metrics.counters import FORGET_SECONDS, Batch, CounterRules, Ledger
from modelrollout.metrics.memories import Memories
from modelrollout.metrics.natives import marked_by
from modelrollout.metrics.provider import MetricProvider, RawOutcome
from modelrollout.metrics.series import Selected, all_of, selected
from modelrollout.metrics.sharing import Phase, Read, Reads
from modelrollout.metrics.ticks import is_final

CHUNK_SECONDS: Final = 300.0
"""How much is read at once: bounds memory, and how long the event loop is held up (100 series each second: 0.1 s)."""

_UP: Final = "up{$selector}"


class Advance(Protocol):
    """Samples into ticks, as `counters.advance` does it."""

    def __call__(  # noqa: D102 - above
        self,
        ledger: Ledger,
        batch: Batch,
        rules: CounterRules,
        *,
        after: float,
        until: float,
        final: Literal["final", "provisional"],
    ) -> tuple[Ledger, tuple[Tick, ...]]: ...


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


@dataclass(frozen=True, slots=True)
class _Range:
    """A span of time: later than `since`, not later than `at`."""

    since: float
    at: float


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
        self._positions = Memories[_Position]()

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout: it ended, or is gone."""
        self._positions.forget(uid)

    async def read(
        self, request: CounterRequest, reads: Reads | None = None
    ) -> CounterReading | Unavailable | Rejected | Partial:
        """Read what is new since `request.cursor`.

        Args:
            reads: those of the look that this is part of; None where it is all of it.

        Raises:
            QueryError: a selector names a variable that a ratio does not have.
        """
        rules, grid = request.rules, request.rules.grid
        cursor, advance = max(request.cursor, rules.since), _advance(rules)
        position = self._positions.get((request.uid, request.metric))
        if position is not None and (position.what != _what(request) or position.until > cursor):
            position = None
        start = position.until if position is not None else grid.tick_at_or_before(rules.since)
        horizon = max(grid.last_final(request.now, self._scrape_timeout), start)
        spans = tuple(self._spans(start, horizon, request))
        before = _Range(start - FORGET_SECONDS, start)
        sources = _Sources(request, Reads(self._provider) if reads is None else reads, self._scrape_timeout)
        await sources.announce((*((before,) if position is None else ()), *(where for _, where in spans)))
        if position is None:
            beginning = await self._beginning(request, sources, before)
            if not isinstance(beginning, _Position):
                return beginning
            position = beginning
        final: list[Tick] = []
        batch = Batch((), ())
        for until, where in spans:
            answer = await sources.batch(where, position.known)
            if not isinstance(answer, Batch):
                return answer
            batch = answer
            count = partial(advance, position.ledger, batch, rules, after=position.until, until=until, final="final")
            ledger, ticks = await beside(batch.series, count)
            final += [tick for tick in ticks if tick.at > cursor]
            position = _Position(position.what, until, ledger, position.known | scraped(batch.scrapes))
        newest = grid.tick_of(request.now)
        count = partial(advance, position.ledger, batch, rules, after=horizon, until=newest, final="provisional")
        _, provisional = await beside(batch.series, count)
        self._positions[request.uid, request.metric] = position
        return CounterReading(tuple(final), provisional, max(cursor, horizon), _newest(batch, rules))

    def _spans(self, start: float, horizon: float, request: CounterRequest) -> Iterator[tuple[float, _Range]]:
        """Up to which tick to count, and what to read for it. The last one reads on to now."""
        grid = request.rules.grid
        step = max(self._chunk_seconds, grid.interval)
        while (end := grid.tick_at_or_before(start + step)) < horizon:
            yield end, _Range(start, end)
            start = end
        yield horizon, _Range(start, max(request.now, horizon))

    async def _beginning(
        self, request: CounterRequest, sources: _Sources, before: _Range
    ) -> _Position | Unavailable | Rejected | Partial:
        """Baselines at the last tick before the step."""
        batch, start = await sources.batch(before, frozenset()), before.at
        if not isinstance(batch, Batch):
            return batch
        count = partial(
            _advance(request.rules), Ledger(), batch, request.rules, after=start, until=start, final="final"
        )
        ledger, _ = await beside(batch.series, count)
        return _Position(_what(request), start, ledger, scraped(batch.scrapes))


class _Sources:
    """The series that one request needs, read as part of a look.

    A scrape is stored between two reads at the worst. So `up` is read first, and what is newer is left out. Where there
    is none, order still sees to it that there are never events without their total: good things are read after the
    total, events before it.
    """

    def __init__(self, request: CounterRequest, reads: Reads, scrape_timeout: float) -> None:
        self._request, self._reads, self._scrape_timeout = request, reads, scrape_timeout
        marks = Phase.EVENTS if request.rules.marks == "events" else Phase.GOOD
        # A scrape of somebody who counts for the pods says nothing of them.
        self._up = (self._source(Phase.SCRAPES, _UP),) if request.rules.carried_by == "pods" else ()
        self._total = self._source(Phase.TOTALS, request.total)
        self._marked = self._total if request.marked == request.total else self._source(marks, request.marked)

    async def announce(self, ranges: Iterable[_Range]) -> None:
        """Tell all that will be read."""
        sources = (*self._up, self._total, self._marked)
        await self._reads.announce(
            self._read(source, selector, where)
            for where in ranges
            for source in sources
            for selector, _ in source.selectors
        )

    async def batch(self, where: _Range, known: frozenset[Scraped]) -> Batch | Unavailable | Rejected | Partial:
        """Read all three."""
        if where.at <= where.since:
            return Batch((), ())
        up = await self._series(self._up[0], where) if self._up else ()
        marked = await self._series(self._marked, where)
        total = marked if self._total is self._marked else await self._series(self._total, where)
        if not isinstance(marked, tuple):
            return marked
        if not isinstance(total, tuple):
            return total
        if not isinstance(up, tuple):
            return up
        marked = marked_by(marked, self._request.rules.marks, self._request.rules.edge)
        if not isinstance(marked, tuple):
            return marked
        return together(Batch(total, marked, scrapes=up), known)

    async def _series(self, source: _Source, where: _Range) -> RawOutcome:
        return await all_of(source.selectors, lambda each: self._reads.raw(self._read(source, each, where)))

    def _read(self, source: _Source, selector: str, where: _Range) -> Read:
        final = is_final(where.at, self._request.now, self._scrape_timeout)
        return Read(Phase.FINAL if final else source.phase, selector, where.at, where.since)

    def _source(self, phase: Phase, selector: str) -> _Source:
        scope = self._request.rules.scope
        return _Source(phase, selected(selector, scope, scope.selectors(*self._request.rules.hashes)))


@dataclass(frozen=True, slots=True)
class _Source:
    """One counter."""

    phase: Phase
    selectors: Selected


def _advance(rules: CounterRules) -> Advance:
    return counters.advance if rules.carried_by == "pods" else joining.advance


def _newest(batch: Batch, rules: CounterRules) -> float | None:
    seen = (series for series in (*batch.total, *batch.scrapes) if rules.revision_of(series.labels) == rules.candidate)
    return max((series.samples[-1][0] for series in seen if series.samples), default=None)


def _what(request: CounterRequest) -> tuple[str, str, CounterRules]:
    return request.total, request.marked, request.rules
