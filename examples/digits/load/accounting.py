"""What became of the requests, counted by the client that sent them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, TypedDict, get_args

GATEWAY = "gateway"
"""Stands for the version where an answer names none: then no model server wrote it."""

Failure = Literal["timeout", "reset", "refused"]


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: the version that wrote it, its status code, whether the digit was right, its time in seconds."""

    version: str
    code: int
    correct: bool
    seconds: float


@dataclass(frozen=True)
class NoAnswer:
    """A request that got no HTTP answer, and why."""

    failure: Failure


class VersionReport(TypedDict):
    """What one version answered; `correct` counts right digits, quantiles are in seconds."""

    answered: int
    codes: dict[str, int]
    correct: int
    p50_seconds: float
    p99_seconds: float


class Report(TypedDict):
    """Counts of requests, as JSON has them.

    `harmed` are the requests that a bad version answered, that got another code than 200, or that got no answer: each
    counted once.
    """

    sent: int
    skipped: int
    answered: int
    codes: dict[str, int]
    failures: dict[Failure, int]
    bad_version: int
    harmed: int
    versions: dict[str, VersionReport]


class Durations:
    """Durations in seconds in buckets that each are 5 % wide, so that memory does not grow with their number."""

    _GROWTH = math.log(1.05)
    _SMALLEST = 1e-6

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self._buckets[math.floor(math.log(max(seconds, self._SMALLEST)) / self._GROWTH)] += 1

    def quantile(self, share: float) -> float:
        """Return the duration, in seconds, that `share` of all do not exceed, within 2.5 %; NaN when there are none."""
        rank, seen = share * self._buckets.total(), 0
        for bucket, count in sorted(self._buckets.items()):
            seen += count
            if seen >= rank:
                return math.exp((bucket + 0.5) * self._GROWTH)
        return math.nan


@dataclass
class _Version:
    codes: Counter[int] = field(default_factory=Counter)
    correct: int = 0
    durations: Durations = field(default_factory=Durations)


class Tally:
    """Counts of requests. `bad` are the versions that no user should meet."""

    def __init__(self, bad: Collection[str]) -> None:
        self._bad = frozenset(bad)
        self._versions: dict[str, _Version] = {}
        self._failures: Counter[Failure] = Counter()
        self._sent = self._skipped = self._bad_version = self._harmed = 0

    def sent(self) -> None:
        """Count a request that was sent."""
        self._sent += 1

    def skipped(self) -> None:
        """Count a request that was due, but not sent because too many were still unanswered."""
        self._skipped += 1

    def finished(self, result: Answer | NoAnswer) -> None:
        """Count what became of a request."""
        if isinstance(result, NoAnswer):
            self._failures[result.failure] += 1
            self._harmed += 1
            return
        version = self._versions.setdefault(result.version, _Version())
        version.codes[result.code] += 1
        version.correct += result.correct
        version.durations.add(result.seconds)
        bad = result.version in self._bad
        self._bad_version += bad
        self._harmed += bad or result.code != 200

    def report(self) -> Report:
        """Return the counts so far."""
        codes = sum((version.codes for version in self._versions.values()), Counter[int]())
        return {
            "sent": self._sent,
            "skipped": self._skipped,
            "answered": codes.total(),
            "codes": _by_code(codes),
            "failures": {failure: self._failures[failure] for failure in get_args(Failure)},
            "bad_version": self._bad_version,
            "harmed": self._harmed,
            "versions": {name: _report(version) for name, version in sorted(self._versions.items())},
        }


def _report(version: _Version) -> VersionReport:
    return {
        "answered": version.codes.total(),
        "codes": _by_code(version.codes),
        "correct": version.correct,
        "p50_seconds": round(version.durations.quantile(0.5), 6),
        "p99_seconds": round(version.durations.quantile(0.99), 6),
    }


def _by_code(codes: Counter[int]) -> dict[str, int]:
    return {str(code): count for code, count in sorted(codes.items())}
