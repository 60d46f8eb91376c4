"""Reading a little at a time gives what reading at once gives, whatever happens in between."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.outcome import Rejected, Unavailable
from modelrollout.metrics import counters
from modelrollout.metrics.beside import THREADED_SERIES
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.promql import QueryError, StandIn
from modelrollout.metrics.provider import RawOutcome, RawSeries
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from tests.support.histories import HistoryProvider, rules, series
from tests.support.native import of

pytestmark = pytest.mark.unit

TIMEOUT = 1.0
SINCE = 20.3
END = 60.0


def request(how: CounterRules, now: float, cursor: float | None = None) -> CounterRequest:
    return CounterRequest(
        uid="uid",
        metric="errors",
        total="total{$selector}",
        marked="events{$selector}",
        rules=how,
        cursor=how.since if cursor is None else cursor,
        now=now,
    )


async def reading(reader: CounterReader, what: CounterRequest) -> CounterReading:
    answer = await reader.read(what)
    assert isinstance(answer, CounterReading)
    return answer


@dataclass(frozen=True)
class History:
    series: dict[str, tuple[RawSeries, ...]]
    delays: dict[float, float]


@st.composite
def histories(draw: st.DrawFn, *, simple: bool = False) -> History:
    """Pods of both revisions: they come and go, miss scrapes, restart; error series are born with a first error.

    Some of them are scraped by a second job too, a little later.
    """
    found: dict[str, list[RawSeries]] = defaultdict(list)
    delays: dict[float, float] = {}
    for index, pod in enumerate(draw(st.lists(st.sampled_from(["new", "old"]), min_size=1, max_size=4))):
        name = f"{pod}-{index}"
        first, last = sorted(draw(st.tuples(st.integers(0, 60), st.integers(0, 60))))
        total, errors = draw(st.integers(0, 5)), 0
        twice = not simple and draw(st.booleans())
        samples: dict[str, dict[float, float]] = {"total": {}, "events": {}, "up": {}}
        for second in range(first, last + 1):
            at = second + index / 10 + 0.05
            delays[at] = draw(st.floats(0, TIMEOUT))
            total += draw(st.integers(0, 4))
            errors += min(draw(st.sampled_from([0, 0, 0, 1, 3])), total)
            step = draw(st.sampled_from(["scraped"] * 8 + ["missed", "missed" if simple else "restarted"]))
            if step == "restarted":
                total, errors = draw(st.integers(0, 3)), 0
            if step != "missed":
                samples["total"][at] = total
                if errors:
                    samples["events"][at] = errors
            samples["up"][at] = float(step != "missed")
        for metric, values in samples.items():
            if values:
                found[metric].append(series(metric, name, values))
                if twice:
                    later = {round(at + 0.43, 3): value for at, value in values.items() if round(at) % 5}
                    found[metric].append(series(metric, name, later, job="zz"))
    return History({metric: tuple(each) for metric, each in found.items()}, delays)


async def at_once(history: History, how: CounterRules, chunk: float) -> tuple[Tick, ...]:
    reader = CounterReader(HistoryProvider(history.series, END, history.delays), TIMEOUT, chunk_seconds=chunk)
    return (await reading(reader, request(how, now=END))).final


@given(
    histories(),
    st.lists(st.tuples(st.floats(SINCE, END), st.sampled_from(["read", "read", "read", "restart", "away", "behind"]))),
    st.sampled_from([1.0, 2.0, 3.7]),
    st.sampled_from(["events", "good"]),
    st.sampled_from([5.0, 17.3, 1800.0]),
)
def test_reading_little_by_little_gives_the_same_final_ticks(
    history: History, steps: list[tuple[float, str]], interval: float, marks: str, chunk: float
) -> None:
    how = rules(since=SINCE, interval=interval, marks=marks)

    async def little_by_little() -> list[Tick]:
        provider = HistoryProvider(history.series, SINCE, history.delays)
        reader = CounterReader(provider, TIMEOUT, chunk_seconds=chunk)
        ticks: list[Tick] = []
        for now, event in [*sorted(steps), (END, "read")]:
            provider.clock = now
            if event == "restart":
                reader.forget("uid")
            if event == "behind":
                ticks = []
            provider.away = event == "away"
            answer = await reader.read(request(how, now, cursor=ticks[-1].at if ticks else None))
            assert isinstance(answer, Unavailable if provider.away else CounterReading)
            if isinstance(answer, CounterReading):
                ticks += answer.final
        return ticks

    assert tuple(asyncio.run(little_by_little())) == asyncio.run(at_once(history, how, chunk=1800.0))


@given(histories(simple=True))
def test_nothing_is_lost_and_nothing_counted_twice(history: History) -> None:
    """Without restarts a counter's whole way is known: from its first sample, or from zero where it was born."""
    how = rules(since=-1.0)
    ticks = asyncio.run(at_once(history, how, chunk=1800.0))
    horizon = ticks[-1].at
    for revision in ("new", "old"):
        expected = {"total": 0.0, "events": 0.0}
        scraped: dict[str, float] = {}
        for metric in ("total", "events"):
            for one in history.series.get(metric, ()):
                if not one.labels["pod"].startswith(f"digits-{revision}-"):
                    continue
                first, last = one.samples[0], [s for s in one.samples if s[0] <= horizon][-1:]
                born = first[0] > scraped.setdefault(one.labels["instance"], first[0])
                expected[metric] += last[0][1] - (0.0 if born else first[1]) if last else 0.0
        counts = [tick.candidate if revision == "new" else tick.stable for tick in ticks]
        assert sum(c.events for c in counts if c) == expected["events"]
        assert sum(c.total for c in counts if c) >= expected["total"]


@given(histories(), st.floats(SINCE, END))
def test_provisional_ticks_never_show_an_event_that_will_not_be(history: History, now: float) -> None:
    how = rules(since=SINCE)
    final = {tick.at: tick for tick in asyncio.run(at_once(history, how, chunk=1800.0))}

    async def early() -> CounterReading:
        reader = CounterReader(HistoryProvider(history.series, now, history.delays), TIMEOUT)
        return await reading(reader, request(how, now))

    answer = asyncio.run(early())
    assert all(not tick.final for tick in answer.provisional)
    assert [tick.at for tick in (*answer.final, *answer.provisional)] == list(
        how.grid.ticks_between(SINCE, now + 0.999)
    )
    shown = sum(tick.candidate.events for tick in answer.provisional if tick.candidate)
    span = [final[tick.at].candidate for tick in answer.provisional if tick.at in final]
    if len(span) == len(answer.provisional):
        assert shown <= sum(counts.events for counts in span if counts)


async def test_ticks_are_given_once_and_then_only_new_samples_are_read() -> None:
    history = {"total": (series("total", "new-1", {float(n): 2.0 * n for n in range(100)}),)}
    provider = HistoryProvider(history, 50.0, {})
    reader = CounterReader(provider, TIMEOUT)
    how = rules(since=30.0)
    first = await reading(reader, request(how, now=50.0))
    assert [tick.at for tick in first.final] == [float(n) for n in range(31, 49)]
    assert [tick.at for tick in first.provisional] == [49.0, 50.0]
    assert first.cursor == 48.0
    reads = provider.reads
    provider.clock = 52.0
    second = await reading(reader, request(how, now=52.0, cursor=first.cursor))
    assert [tick.at for tick in second.final] == [49.0, 50.0]
    assert provider.reads == reads + 3


async def test_the_same_selector_twice_is_read_once() -> None:
    history = {"total": (series("total", "new-1", {float(n): 2.0 * n for n in range(100)}),)}
    provider = HistoryProvider(history, 50.0, {})
    same = replace(request(rules(since=30.0), now=50.0), marked="total{$selector}")
    answer = await reading(CounterReader(provider, TIMEOUT), same)
    assert answer.final[0].candidate == Counts(2, 2)
    assert provider.reads == 3


class ByPod(HistoryProvider):
    """Answers for the pods that the selector names."""

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        found = await super().raw(selector, at, seconds)
        assert isinstance(found, tuple)
        wanted = "digits-queue" if "queue" in selector else "digits-new"
        return tuple(one for one in found if one.labels["pod"].startswith(wanted))


async def test_a_stand_in_is_counted_like_a_revision() -> None:
    new, queue = ({float(n): factor * n for n in range(100)} for factor in (2.0, 6.0))
    history = {
        "total": (series("total", "new-1", new), series("total", "queue-1", queue)),
        "up": (series("up", "new-1", dict.fromkeys(new, 1.0)), series("up", "queue-1", dict.fromkeys(queue, 1.0))),
    }
    scope = replace(rules().scope, stand_ins=(StandIn("fallback", 'pod=~"queue-.*"'),))
    how = replace(rules(since=30.0), scope=scope, stable="fallback")
    provider = ByPod(history, 50.0, {})
    answer = await reading(CounterReader(provider, TIMEOUT), request(how, now=50.0))
    assert (answer.final[0].candidate, answer.final[0].stable) == (Counts(0, 2), Counts(0, 6))
    alone = await reading(CounterReader(provider, TIMEOUT), request(replace(how, stable=None), now=50.0))
    assert (alone.final[0].candidate, alone.final[0].stable) == (Counts(0, 2), None)


async def test_another_step_starts_anew() -> None:
    history = {"total": (series("total", "new-1", {float(n): 2.0 * n for n in range(100)}),)}
    reader = CounterReader(HistoryProvider(history, 50.0, {}), TIMEOUT)
    await reading(reader, request(rules(since=30.0), now=50.0))
    answer = await reading(reader, request(rules(since=40.0), now=50.0))
    assert [tick.at for tick in answer.final] == [float(n) for n in range(41, 49)]


async def test_another_selector_starts_anew_behind_the_same_cursor() -> None:
    total = series("total", "new-1", {float(n): 2.0 * n for n in range(100)})
    other = series("other", "new-1", {float(n): 3.0 * n for n in range(100)})
    reader = CounterReader(HistoryProvider({"total": (total,), "other": (other,)}, 50.0, {}), TIMEOUT)
    first = await reading(reader, request(rules(since=30.0), now=50.0))
    changed = replace(request(rules(since=30.0), now=51.0, cursor=first.cursor), total="other{$selector}")
    answer = await reading(reader, changed)
    assert [tick.candidate for tick in answer.final] == [Counts(0, 3)]


async def test_a_pod_that_missed_scrapes_before_the_step_has_its_baseline() -> None:
    history = {"total": (series("total", "new-1", {10.0: 100.0, 31.0: 104.0}),)}
    reader = CounterReader(HistoryProvider(history, 50.0, {}), TIMEOUT)
    answer = await reading(reader, request(rules(since=30.0), now=50.0))
    assert answer.final[0].candidate == Counts(0, 4)


async def test_a_step_that_just_began_has_no_final_tick() -> None:
    reader = CounterReader(HistoryProvider({}, 30.2, {}), TIMEOUT)
    answer = await reading(reader, request(rules(since=30.1), now=30.2))
    assert answer.final == ()
    assert [tick.candidate for tick in answer.provisional] == [None]
    assert answer.cursor == 30.1


async def test_a_clock_that_goes_back_gives_nothing_new() -> None:
    history = {"total": (series("total", "new-1", {float(n): 2.0 * n for n in range(100)}),)}
    reader = CounterReader(HistoryProvider(history, 50.0, {}), TIMEOUT)
    first = await reading(reader, request(rules(since=30.0), now=50.0))
    again = await reading(reader, request(rules(since=30.0), now=45.0, cursor=first.cursor))
    assert (again.final, again.provisional, again.cursor) == ((), (), first.cursor)


async def test_it_tells_when_the_candidate_was_last_scraped() -> None:
    up = series("up", "new-1", {41.4: 1.0, 48.4: 1.0, 49.4: 0.0})
    history = {
        "total": (series("total", "new-1", {41.4: 7.0, 48.4: 9.0}), series("total", "old-1", {49.9: 5.0})),
        "up": (up,),
    }
    reader = CounterReader(HistoryProvider(history, 50.0, {}), TIMEOUT)
    assert (await reading(reader, request(rules(since=30.0), now=50.0))).newest == 49.4
    alone = CounterReader(HistoryProvider({"total": history["total"][1:]}, 50.0, {}), TIMEOUT)
    assert (await reading(alone, request(rules(since=30.0), now=50.0))).newest is None


@pytest.mark.parametrize(("pods", "where"), [(THREADED_SERIES - 1, "loop"), (THREADED_SERIES, "thread")])
async def test_thousands_of_series_are_counted_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, pods: int, where: str
) -> None:
    """The Lease is renewed by the loop, and lost for all rollouts if one of them holds it up."""
    counted_in: set[str] = set()

    def counting(*what: Any, **how: Any) -> Any:
        counted_in.add("loop" if threading.current_thread() is threading.main_thread() else "thread")
        return advance(*what, **how)

    advance = counters.advance
    monkeypatch.setattr(counters, "advance", counting)
    samples = {float(at): 2.0 * at for at in range(20, 50)}
    history = {"total": tuple(series("total", f"new-{number}", samples) for number in range(pods))}
    reader = CounterReader(HistoryProvider(history, 50.0, {}), TIMEOUT)
    answer = await reading(reader, request(rules(since=30.0), now=50.0))
    assert answer.final[-1].candidate == Counts(0, 2 * pods)
    assert counted_in == {where}


async def test_an_unknown_variable_is_an_error_of_the_user() -> None:
    reader = CounterReader(HistoryProvider({}, 50.0, {}), TIMEOUT)
    bad = CounterRequest("uid", "m", "t{$selector}", "e{$window}", rules(since=30.0), cursor=30.0, now=50.0)
    with pytest.raises(QueryError, match=r"\$window has no value here"):
        await reader.read(bad)


def latencies(pod: str) -> RawSeries:
    """A native histogram that gets two short values and a long one each second."""
    natives = tuple((float(second), of([0.3, 0.4, 0.7] * second).native()) for second in range(15, 45))
    return replace(series("seconds", pod, [(at, one.ranges.total) for at, one in natives]), natives=natives)


async def counts_of(how: CounterRules) -> tuple[Tick, ...]:
    provider = HistoryProvider({"seconds": (latencies("new-1"), latencies("old-1"))}, 44.0, {})
    what = replace(request(how, 44.0), total="seconds{$selector}", marked="seconds{$selector}")
    return (await reading(CounterReader(provider, TIMEOUT, 7.0), what)).final


async def test_a_native_histogram_is_counted_at_an_edge() -> None:
    ticks = await counts_of(replace(rules(20.0, marks="good"), edge=0.5))
    assert {(tick.candidate, tick.stable) for tick in ticks} == {(Counts(1, 3), Counts(1, 3))}
    ticks = await counts_of(replace(rules(20.0, marks="events"), edge=0.5))
    assert {tick.candidate for tick in ticks} == {Counts(2, 3)}


async def test_a_native_histogram_is_a_counter_of_what_it_observed_and_of_its_sum() -> None:
    assert {tick.candidate for tick in await counts_of(rules(20.0))} == {Counts(3, 3)}
    ticks = await counts_of(replace(rules(20.0), marks="amounts"))
    assert {tick.candidate for tick in ticks} == {Counts(0, 3)}
    assert [tick.candidate_sum for tick in ticks] == pytest.approx([1.4] * len(ticks))


async def test_an_edge_within_a_native_bucket_is_refused() -> None:
    provider = HistoryProvider({"seconds": (latencies("new-1"),)}, 44.0, {})
    what = replace(
        request(replace(rules(20.0), edge=0.3), 44.0), total="seconds{$selector}", marked="seconds{$selector}"
    )
    answer = await CounterReader(provider, TIMEOUT).read(what)
    assert isinstance(answer, Rejected)
    assert answer.message.startswith("0.3 is no bound of the native buckets: the nearest are 0.297302 and 0.32421")
