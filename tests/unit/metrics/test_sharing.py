"""The reads of one look: each once, in an order that keeps events with their totals."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.metrics.provider import RawOutcome
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from modelrollout.metrics.sharing import Phase, Read, Reads
from tests.support.histories import HistoryProvider, rules, series

pytestmark = pytest.mark.unit

NAMES = ("up", "total", "errors", "slow", "good")
HISTORY = {
    name: (series(name, "new-1", {float(at): 1.0 if name == "up" else speed * at for at in range(400)}),)
    for speed, name in enumerate(NAMES)
}


@dataclass
class Asked(HistoryProvider):
    """Keeps what it is asked, in order.

    Attributes:
        refused: answers to requests that hold a text.
    """

    selectors: list[str] = field(default_factory=list)
    refused: dict[str, RawOutcome] = field(default_factory=dict)

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        self.selectors.append(selector)
        answer = await super().raw(selector, at, seconds)
        return next((outcome for text, outcome in self.refused.items() if text in selector), answer)


def provider(**refused: RawOutcome) -> Asked:
    return Asked(HISTORY, 350.0, {}, refused=refused)


def latest(phase: Phase, name: str, since: float = 340.0, matchers: str = "x") -> Read:
    return Read(phase, f"{name}{{{matchers}}}", at=350.0, since=since)


async def ask(reads: Reads, *wanted: Read) -> list[RawOutcome]:
    """As metrics do, each in a task of its own: one announces, and asks."""

    async def one(read: Read) -> RawOutcome:
        await reads.announce([read])
        return await reads.raw(read)

    return await asyncio.gather(*(one(read) for read in wanted))


def times(found: RawOutcome) -> list[float]:
    assert isinstance(found, tuple)
    (only,) = found
    return [at for at, _ in only.samples]


async def test_a_phase_is_read_after_those_before_it_and_at_once() -> None:
    source = provider()
    order = (Phase.GOOD, "good"), (Phase.TOTALS, "total"), (Phase.EVENTS, "slow"), (Phase.EVENTS, "errors")
    await ask(Reads(source), *(latest(*one) for one in order), latest(Phase.SCRAPES, "up"))
    assert source.selectors == ["up{x}", '{__name__=~"errors|slow",x}', "total{x}", "good{x}"]


async def test_everybody_gets_what_is_theirs() -> None:
    errors, slow = await ask(Reads(provider()), latest(Phase.EVENTS, "errors"), latest(Phase.EVENTS, "slow"))
    assert isinstance(errors, tuple)
    assert isinstance(slow, tuple)
    assert [one.labels["__name__"] for one in (*errors, *slow)] == ["errors", "slow"]


async def test_one_read_serves_who_wants_less_of_the_same() -> None:
    source = provider()
    long, short = await ask(
        Reads(source), latest(Phase.TOTALS, "total", since=340.0), latest(Phase.TOTALS, "total", since=347.0)
    )
    assert times(long) == [float(at) for at in range(341, 351)]
    assert times(short) == [348.0, 349.0, 350.0]
    assert len(source.selectors) == 1


async def test_other_matchers_are_another_request() -> None:
    source = provider()
    await ask(Reads(source), latest(Phase.EVENTS, "errors"), latest(Phase.EVENTS, "slow", matchers='x,code="500"'))
    assert sorted(source.selectors) == ["errors{x}", 'slow{x,code="500"}']


async def test_what_is_two_things_is_read_in_both_phases() -> None:
    """The events of one metric are the total of another: each needs it at another moment."""
    source = provider()
    wanted = (Phase.EVENTS, "slow"), (Phase.TOTALS, "slow"), (Phase.EVENTS, "errors"), (Phase.TOTALS, "total")
    await ask(Reads(source), *(latest(*one) for one in wanted))
    assert source.selectors == ['{__name__=~"errors|slow",x}', '{__name__=~"slow|total",x}']


async def test_what_is_final_is_one_request() -> None:
    source = provider()
    await ask(Reads(source), *(latest(Phase.FINAL, name) for name in NAMES))
    assert source.selectors == ['{__name__=~"errors|good|slow|total|up",x}']


async def test_who_comes_late_is_answered_too() -> None:
    source = provider()
    reads = Reads(source)
    await ask(reads, latest(Phase.EVENTS, "errors"))
    (late,) = await ask(reads, latest(Phase.EVENTS, "slow"))
    (earlier,) = await ask(reads, latest(Phase.EVENTS, "errors", since=330.0))
    assert times(late)[0] == 341.0
    assert times(earlier)[0] == 331.0
    assert times(await reads.raw(latest(Phase.TOTALS, "total")))[0] == 341.0


async def test_a_refusal_of_all_together_is_blamed_on_who_is_refused_alone() -> None:
    source = provider(errors=Rejected("too many series"))
    errors, slow = await ask(Reads(source), latest(Phase.EVENTS, "errors"), latest(Phase.EVENTS, "slow"))
    assert errors == Rejected("too many series")
    assert times(slow)[-1] == 350.0


async def test_what_was_too_much_together_is_asked_for_alone_at_the_next_look() -> None:
    source = provider(**{"errors|slow": Rejected("too many series")})
    apart: set[str] = set()
    for tries in (1, 0):
        source.selectors.clear()
        wanted = latest(Phase.EVENTS, "errors"), latest(Phase.EVENTS, "slow")
        found = await ask(Reads(source, apart), *wanted)
        assert all(isinstance(one, tuple) for one in found)
        assert sorted(source.selectors) == ["errors{x}", "slow{x}", *['{__name__=~"errors|slow",x}'] * tries]


@pytest.mark.parametrize("outcome", [Unavailable("away"), Partial(("a store is missing",))], ids=["away", "partial"])
async def test_an_answer_that_fails_fails_for_all_who_share_it(outcome: RawOutcome) -> None:
    found = await ask(
        Reads(provider(errors=outcome)),
        latest(Phase.EVENTS, "errors"),
        latest(Phase.EVENTS, "slow"),
        latest(Phase.TOTALS, "total"),
    )
    assert found[:2] == [outcome, outcome]
    assert times(found[2])[-1] == 350.0


def request(metric: str, marked: str, since: float = 20.0, interval: float = 1.0) -> CounterRequest:
    how = rules(since=since, interval=interval, marks="good" if marked == "good" else "events")
    return CounterRequest("uid", metric, "total{$selector}", f"{marked}{{$selector}}", how, since, now=350.0)


async def look(reader: CounterReader, source: Asked, *requests: CounterRequest) -> list[CounterReading]:
    reads = Reads(source)
    found = await asyncio.gather(*(reader.read(one, reads) for one in requests))
    assert all(isinstance(one, CounterReading) for one in found)
    return [one for one in found if isinstance(one, CounterReading)]


async def test_metrics_that_look_together_find_what_each_finds_alone() -> None:
    requests = (
        request("errors", "errors"),
        request("slow", "slow", interval=2.0),
        request("good", "good", since=40.0),
        request("$requests", "total"),
    )
    alone = [(await look(CounterReader(provider(), 1.0), provider(), one))[0] for one in requests]
    assert await look(CounterReader(provider(), 1.0), provider(), *requests) == alone
    assert all(one.final for one in alone)


async def test_a_look_that_goes_on_takes_one_request_for_each_phase() -> None:
    source = provider()
    reader = CounterReader(source, 1.0)
    requests = request("errors", "errors"), request("slow", "slow", interval=2.0), request("$requests", "total")
    await look(reader, source, *requests)
    source.selectors.clear()
    later = [replace(one, cursor=348.0, now=352.0) for one in requests]
    source.clock = 352.0
    await look(reader, source, *later)
    scrapes, events, totals = source.selectors
    assert scrapes.startswith("up{")
    assert events.startswith('{__name__=~"errors|slow",')
    assert totals.startswith("total{")


async def test_a_long_history_is_read_piece_by_piece_for_all_at_once() -> None:
    source = provider()
    requests = tuple(request(name, name) for name in ("errors", "slow"))
    await look(CounterReader(source, 1.0, chunk_seconds=10.0), source, *requests)
    pieces = [selector for selector in source.selectors if selector.startswith('{__name__=~"errors|slow|total|up"')]
    assert len(pieces) > 16
    assert len(source.selectors) - len(pieces) == 3
