"""Users: real digits through the gateway at a steady rate, and what each of them got, with the time."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from e2e.support.waiting import until
from examples.digits.load.accounting import GATEWAY, Answer, NoAnswer, Tally
from examples.digits.load.load import Digit, Load, Plan

RATE = 50.0
"""Requests a second."""
TIMEOUT = 10.0
"""Seconds that a user waits for an answer: long enough for a machine that is busy with other things."""
LAG = 3.0
"""Seconds after which the proxies of a busy machine follow a route, too."""
LONGEST = 900.0
"""Seconds after which users go home, whatever became of the scenario."""
NOBODY = "nobody"
"""Stands for the version where there was no answer at all."""


@dataclass(frozen=True, slots=True)
class Met:
    """What one request met.

    Attributes:
        at: when it ended, by `time.monotonic`.
        version: that answered; `gateway` where no model server did, `nobody` without an answer.
        outcome: HTTP status, or `timeout`, `reset`, `refused`.
    """

    at: float
    version: str
    outcome: str


@dataclass(frozen=True, slots=True, repr=False)
class Answers:
    """What requests met."""

    met: Sequence[Met]

    def __len__(self) -> int:
        return len(self.met)

    def by(self, version: str) -> int:
        """How many a version answered."""
        return sum(1 for one in self.met if one.version == version)

    @property
    def versions(self) -> frozenset[str]:
        """Everyone who answered."""
        return frozenset(one.version for one in self.met)

    @property
    def failed(self) -> Answers:
        """Those that did not get a 200."""
        return Answers([one for one in self.met if one.outcome != "200"])

    def follows(self, version: str, percent: int) -> bool:
        """Whether the version's share is one that `percent` makes likely: within five standard deviations."""
        share, total = percent / 100, len(self)
        return abs(self.by(version) - total * share) <= 5 * math.sqrt(total * share * (1 - share)) + 1

    def __repr__(self) -> str:
        """Counts by version and outcome, with the span of time of each."""
        spans: dict[str, list[float]] = {}
        for one in self.met:
            spans.setdefault(f"{one.version} {one.outcome}", []).append(one.at)
        rows = (f"{len(at)} x {what} ({at[0]:.1f} to {at[-1]:.1f})" for what, at in sorted(spans.items()))
        return ", ".join(rows) or "none"


class _Diary(Tally):
    """A tally that also remembers each request."""

    def __init__(self, bad: Collection[str]) -> None:
        super().__init__(bad)
        self.met: list[Met] = []

    def finished(self, result: Answer | NoAnswer) -> None:
        """Remember it, and count it."""
        super().finished(result)
        if isinstance(result, Answer):
            self.met.append(Met(time.monotonic(), result.version, str(result.code)))
        else:
            self.met.append(Met(time.monotonic(), NOBODY, result.failure))


class Traffic:
    """One load, in a thread of its own."""

    def __init__(self, url: str, host: str, digits: list[Digit]) -> None:
        plan = Plan(url, host, RATE, LONGEST, 1_000_000, TIMEOUT, in_flight=256)
        self._load = Load(plan, digits, [])
        self._diary = _Diary([])
        self._load.total = self._diary
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"users of {host}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more, and wait for the last answers."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._load.stop)
            self._thread.join(timeout=TIMEOUT + 10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._load.run())
        self._loop.close()

    @property
    def all(self) -> Answers:
        """Everything so far. A list that only grows may be copied while it does."""
        return Answers(self._diary.met[:])

    def between(self, start: float, end: float) -> Answers:
        """What ended in a span of `time.monotonic`."""
        return Answers([one for one in self.all.met if start <= one.at < end])

    def next(self, count: int) -> Answers:
        """Wait for `count` requests from now on."""
        before = len(self._diary.met)
        until(lambda: len(self._diary.met) >= before + count, f"{count} more answers", seconds=60 + count / RATE * 4)
        return Answers(self._diary.met[before : before + count])

    def until_only(self, version: str, count: int = 50, *, after: float = 0.0) -> None:
        """Wait until `count` answers in a row, all of them after a moment of `time.monotonic`, are of one version."""

        def settled() -> bool:
            last = self._diary.met[-count:]
            return len(last) == count and all(one.version == version and one.at >= after for one in last)

        until(settled, f"only {version} to answer")


__all__ = ["GATEWAY", "LAG", "NOBODY", "RATE", "TIMEOUT", "Answers", "Met", "Traffic"]
