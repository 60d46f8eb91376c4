"""Users of a benchmark: a steady rate of independent requests, each remembered with its time."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Sequence

from e2e.support.traffic import NOBODY, Met
from examples.digits.load.accounting import Answer, NoAnswer, Tally
from examples.digits.load.load import Digit, Load, Plan

TIMEOUT = 2.0
LONGEST = 1800.0
DRAWN = 20_000
"""Requests that are drawn at random before they begin again: more than any run sends."""
# In range for JSON and infinite as a 32-bit number: the classifier refuses to predict on it, which is an answer 500.
_TOO_LARGE = [1e39, *[0.0] * 63]
BAD_INPUT = Digit(
    json.dumps({"inputs": [{"name": "x", "shape": [1, 64], "datatype": "FP32", "data": _TOO_LARGE}]}).encode(), -1
)


def draw(digits: Sequence[Digit], *, bad_share: float, seed: int) -> list[Digit]:
    """Independent requests: each is a digit, or with probability `bad_share` an input that makes the model fail."""
    chance = random.Random(seed)
    return [BAD_INPUT if chance.random() < bad_share else chance.choice(digits) for _ in range(DRAWN)]


class _Diary(Tally):
    def __init__(self) -> None:
        super().__init__([])
        self.met: list[Met] = []

    def finished(self, result: Answer | NoAnswer) -> None:
        super().finished(result)
        if isinstance(result, Answer):
            self.met.append(Met(time.monotonic(), result.version, str(result.code)))
        else:
            self.met.append(Met(time.monotonic(), NOBODY, result.failure))


class Clients:
    """One load of `rate` requests a second, in a thread of its own."""

    def __init__(self, url: str, host: str, digits: list[Digit], rate: float) -> None:
        self._load = Load(Plan(url, host, rate, LONGEST, 10_000_000, TIMEOUT, in_flight=256), digits, [])
        self._diary = _Diary()
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

    @property
    def met(self) -> list[Met]:
        """Every request that has ended, in order. A list that only grows may be copied while it does."""
        return self._diary.met[:]

    def _run(self) -> None:
        self._loop.run_until_complete(self._load.run())
        self._loop.close()


def is_server_error(met: Met) -> bool:
    """Whether a client got a 5xx."""
    return met.outcome.isdigit() and met.outcome.startswith("5")
