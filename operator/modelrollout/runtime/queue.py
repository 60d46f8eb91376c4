"""A work queue: each key once, one worker a key, later, and again with backoff.

The semantics are client-go's: a key that is added while a worker has it runs once more afterwards.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

Reconcile = Callable[[K], Awaitable[float | None]]
"""Gives the seconds after which to look again, or None to wait for an event."""
OnError = Callable[[K, Exception, float], None]
"""Told of a failed reconcile and of the seconds until it is tried again."""


class WorkQueue(Generic[K]):
    """Keys to look at, now or later.

    Args:
        clock: monotonic seconds.
        base: seconds before the first retry; each further one waits twice as long, give or take a fifth.
        cap: most seconds between retries.
        deadline: most seconds that one reconcile may take.
    """

    def __init__(
        self, clock: Callable[[], float], *, base: float = 0.5, cap: float = 60.0, deadline: float = 60.0
    ) -> None:
        self._clock, self._base, self._cap, self._deadline = clock, base, cap, deadline
        self._ready: asyncio.Queue[K] = asyncio.Queue()
        self._dirty: set[K] = set()
        self._active: set[K] = set()
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._failures: dict[K, int] = {}
        self._stopping = False

    def __len__(self) -> int:
        return len(self._dirty)

    async def stop(self, patience: float) -> None:
        """Take no more keys, and wait at most `patience` seconds for those that workers have."""
        self._stopping = True
        deadline = self._clock() + patience
        while self._active and self._clock() < deadline:  # noqa: ASYNC110 - once, at the end of the process
            await asyncio.sleep(0.05)

    def add(self, key: K) -> None:
        """Look at it as soon as a worker is free; whatever was planned for later is overtaken."""
        self._due.pop(key, None)
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._active:
            self._ready.put_nowait(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Look at it later. Of several times for one key the earliest counts."""
        due = self._clock() + seconds
        if self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._order), key))
        self._wake.set()

    def drop(self, key: K) -> None:
        """Forget what was planned for a key that is gone."""
        self._due.pop(key, None)
        self._failures.pop(key, None)

    async def run_clock(self) -> None:
        """Move keys that are due to the workers, for ever."""
        while True:
            self._wake.clear()
            now = self._clock()
            while self._heap and self._heap[0][0] <= now:
                due, _, key = heapq.heappop(self._heap)
                if self._due.get(key) == due:
                    self.add(key)
            # Not wait_for: in Python 3.11 it loses a cancellation that comes together with the event.
            try:
                async with asyncio.timeout(self._heap[0][0] - now if self._heap else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def run_worker(self, reconcile: Reconcile[K], on_error: OnError[K]) -> None:
        """Reconcile one key after the other until `stop`; no key's failure ends the worker."""
        while True:
            # Neither a key that is there nor a rollout that rests makes a worker wait: without this, the resync of
            # 10,000 would be one turn of the event loop, of half a minute, and the Lease be lost in it.
            await asyncio.sleep(0)
            key = await self._ready.get()
            if self._stopping:
                return
            self._dirty.discard(key)
            self._active.add(key)
            # What was planned for later is planned anew by the reconcile that starts now.
            self._due.pop(key, None)
            try:
                async with asyncio.timeout(self._deadline):
                    again = await reconcile(key)
            except Exception as error:  # noqa: BLE001 - the boundary: every failure of a key is reported and retried
                on_error(key, error, self._retry(key))
            else:
                self._failures.pop(key, None)
                if again is not None:
                    self.add_after(key, again)
            finally:
                self._active.discard(key)
                if key in self._dirty:
                    self._ready.put_nowait(key)

    def _retry(self, key: K) -> float:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        seconds = min(self._cap, self._base * 2.0 ** min(failures, 16))
        seconds *= random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        self.add_after(key, seconds)
        return seconds
