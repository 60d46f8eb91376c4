"""The work queue: each key once, one worker a key, later, and again with backoff."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from modelrollout.runtime.queue import WorkQueue

pytestmark = pytest.mark.unit


class Bench:
    """A queue with workers, and what they saw."""

    def __init__(self, workers: int = 2, **options: float) -> None:
        self.queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time, **options)
        self.seen: list[str] = []
        self.errors: list[tuple[str, float]] = []
        self.answer: Callable[[str], Awaitable[float | None]] = self._nothing
        self._tasks = [asyncio.create_task(self.queue.run_clock())]
        self._tasks += [
            asyncio.create_task(self.queue.run_worker(self._reconcile, self._on_error)) for _ in range(workers)
        ]

    async def __aenter__(self) -> Bench:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0)

    async def _nothing(self, _: str) -> float | None:
        return None

    async def _reconcile(self, key: str) -> float | None:
        self.seen.append(key)
        return await self.answer(key)

    def _on_error(self, key: str, _: Exception, seconds: float) -> None:
        self.errors.append((key, seconds))


async def test_a_key_added_twice_is_looked_at_once() -> None:
    async with Bench() as bench:
        bench.queue.add("a")
        bench.queue.add("a")
        bench.queue.add("b")
        await bench.until(lambda: len(bench.seen) == 2)
        assert sorted(bench.seen) == ["a", "b"]


async def test_a_key_added_while_a_worker_has_it_is_looked_at_once_more_and_never_by_two() -> None:
    async with Bench(workers=3) as bench:
        gate, running = asyncio.Event(), 0
        most = 0

        async def answer(_: str) -> float | None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await gate.wait()
            running -= 1
            return None

        bench.answer = answer
        bench.queue.add("a")
        await bench.until(lambda: bench.seen == ["a"])
        bench.queue.add("a")
        bench.queue.add("a")
        gate.set()
        await bench.until(lambda: bench.seen == ["a", "a"])
        await bench.until(lambda: running == 0)
        assert most == 1
        assert bench.seen == ["a", "a"]


async def test_of_several_times_the_earliest_counts_and_an_event_overtakes_all() -> None:
    async with Bench() as bench:
        bench.queue.add_after("late", 3600)
        bench.queue.add_after("late", 0.01)
        await bench.until(lambda: bench.seen == ["late"])
        bench.queue.add_after("late", 3600)
        bench.queue.add("late")
        await bench.until(lambda: bench.seen == ["late", "late"])


async def test_the_answer_says_when_to_look_again() -> None:
    async with Bench() as bench:

        async def answer(_: str) -> float | None:
            return 0.0 if len(bench.seen) < 3 else None

        bench.answer = answer
        bench.queue.add("a")
        await bench.until(lambda: len(bench.seen) == 3)


async def test_a_failure_is_reported_and_retried_with_growing_pauses_until_it_heals() -> None:
    async with Bench(base=0.001, cap=0.004) as bench:

        async def answer(_: str) -> float | None:
            if len(bench.seen) < 5:
                raise RuntimeError("not yet")
            return None

        bench.answer = answer
        bench.queue.add("a")
        await bench.until(lambda: len(bench.seen) == 5)
        pauses = [seconds for _, seconds in bench.errors]
        for pause, expected in zip(pauses, [0.001, 0.002, 0.004, 0.004], strict=True):
            assert 0.8 * expected <= pause <= 1.2 * expected


async def test_a_reconcile_that_hangs_is_given_up_and_retried() -> None:
    async with Bench(base=0.001, deadline=0.01) as bench:

        async def answer(_: str) -> float | None:
            if len(bench.seen) == 1:
                await asyncio.Event().wait()
            return None

        bench.answer = answer
        bench.queue.add("a")
        await bench.until(lambda: len(bench.seen) == 2)
        assert [key for key, _ in bench.errors] == ["a"]


async def test_a_dropped_key_is_not_looked_at_any_more() -> None:
    async with Bench() as bench:
        bench.queue.add_after("gone", 0.01)
        bench.queue.drop("gone")
        bench.queue.add_after("other", 0.02)
        await bench.until(lambda: bench.seen == ["other"])


async def test_stopping_waits_for_what_is_under_way_and_takes_nothing_new() -> None:
    async with Bench(workers=1) as bench:
        gate, finished = asyncio.Event(), []

        async def answer(key: str) -> float | None:
            await gate.wait()
            finished.append(key)
            return None

        bench.answer = answer
        bench.queue.add("under-way")
        bench.queue.add("waiting")
        await bench.until(lambda: bench.seen == ["under-way"])
        stopping = asyncio.create_task(bench.queue.stop(patience=5))
        await asyncio.sleep(0)
        gate.set()
        await stopping
        assert finished == ["under-way"]
        assert bench.seen == ["under-way"]


async def test_many_keys_that_wait_for_nothing_leave_others_their_turns() -> None:
    """The Lease is renewed between them."""
    keys = 1000
    async with Bench() as bench:
        for number in range(keys):
            bench.queue.add(str(number))
        turns = 0
        while len(bench.seen) < keys:
            await asyncio.sleep(0)
            turns += 1
        assert turns >= keys / 2
