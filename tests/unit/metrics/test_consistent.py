"""A scrape that is stored between two reads shows in neither."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from modelrollout.metrics.consistent import scraped, together
from modelrollout.metrics.counters import Batch
from modelrollout.metrics.provider import RawOutcome
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from tests.support.histories import HistoryProvider, rules, series

pytestmark = pytest.mark.unit


def test_what_is_newer_than_the_last_up_is_left_out() -> None:
    batch = Batch(
        total=(series("total", "new-1", {1.0: 10.0, 2.0: 60.0}), series("total", "old-1", {2.1: 70.0})),
        marked=(series("events", "new-1", {1.0: 5.0}),),
        scrapes=(series("up", "new-1", {1.0: 1.0}), series("up", "old-1", {2.1: 1.0})),
    )
    result = together(batch, frozenset())
    assert [one.samples for one in result.total] == [((1.0, 10.0),), ((2.1, 70.0),)]
    assert result.marked == batch.marked


def test_who_was_scraped_before_and_not_since_shows_nothing() -> None:
    known = scraped([series("up", "new-1", {1.0: 1.0})])
    batch = Batch(total=(series("total", "new-1", {2.0: 60.0}),), marked=())
    assert together(batch, known).total == ()


def test_without_up_everything_counts() -> None:
    batch = Batch(total=(series("total", "new-1", {2.0: 60.0}),), marked=())
    assert together(batch, frozenset()) == batch


@dataclass
class Racing(HistoryProvider):
    """Stores a scrape after the first read in which somebody asks for events."""

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        answer = await super().raw(selector, at, seconds)
        if selector.startswith("events"):
            self.clock = 60.0
        return answer


@pytest.mark.parametrize("stored_late", [[50.0], [48.0, 49.0, 50.0]], ids=["one scrape", "after a pause of scrapes"])
async def test_no_requests_without_their_events(stored_late: list[float]) -> None:
    seconds = [float(second) for second in range(20, 51)]
    history = {
        "total": (series("total", "new-1", {at: 50 * at for at in seconds}),),
        "events": (series("events", "new-1", {at: 25 * at for at in seconds}),),
        "up": (series("up", "new-1", dict.fromkeys(seconds, 1.0)),),
    }
    provider = Racing(history, 50.0, dict.fromkeys(stored_late, 5.0))
    reader = CounterReader(provider, 1.0)
    request = CounterRequest("uid", "half", "total{$selector}", "events{$selector}", rules(since=30.0), 30.0, now=50.0)
    answer = await reader.read(request)

    assert isinstance(answer, CounterReading)
    counts = [tick.candidate for tick in (*answer.final, *answer.provisional) if tick.candidate is not None]
    assert counts
    assert all(one.events * 2 == one.total for one in counts)
