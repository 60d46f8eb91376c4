"""Counts of one revision, and the ticks they arrive in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of `total` things were `events`: for one revision, in one tick or in a sum of ticks.

    Raises:
        ValueError: not 0 <= events <= total; `Counts.observed` accepts what scrapes really give.
    """

    events: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.total:
            raise ValueError(f"counts must be 0 <= events <= total, got events={self.events}, total={self.total}")

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.events + other.events, self.total + other.total)

    @classmethod
    def observed(cls, events: float, total: float) -> Counts:
        """Make counts from increases of two counters, which need not agree within one tick.

        A server may have counted an answer as an event at the moment of a scrape and not yet as an answer. So more
        events than total raise the total: an event is never lost (at one request a tick, cutting events off would lose
        all of them), at the price of counting that request twice at most. A negative increase counts as none.
        Fractions are rounded: these are counts of things.

        Raises:
            ValueError: a number is NaN or infinite.
        """
        if not (math.isfinite(events) and math.isfinite(total)):
            raise ValueError(f"counts must be finite, got events={events}, total={total}")
        counted = max(0, round(events))
        return cls(counted, max(counted, round(total)))

    @property
    def rate(self) -> float | None:
        """Share of events, 0 to 1; None without any thing counted."""
        return self.events / self.total if self.total else None

    @property
    def complement(self) -> Counts:
        """The same things with what is not an event as the event."""
        return Counts(self.total - self.events, self.total)


NOTHING = Counts()


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a tick that has one value of the label that a metric is sliced by.

    Attributes:
        value: of the label; empty for what has none.
        candidate: the candidate's counts; None where the tick does not know them.
        stable: the stable revision's counts; None where the tick does not know them.
    """

    value: str
    candidate: Counts | None
    stable: Counts | None


@dataclass(frozen=True, slots=True)
class Tick:
    """What was counted between the tick before and this one.

    Attributes:
        at: the tick's end in unix seconds, on Prometheus's clock.
        candidate: the candidate's counts; None when they are unknown (not scraped), which is not zero.
        stable: the stable revision's counts; None when they are unknown.
        final: whether the counts can no longer change. Provisional ticks may show harm and never a pass.
        slices: the parts in which anything was counted, where the metric is sliced.
        unsliced: why the tick could not be sliced, or None.
        candidate_sum: what the candidate's things took together, where amounts are counted and not events.
        stable_sum: the same of the stable revision.
        joined: whether a pod of the candidate has answered its first requests in it.
    """

    at: float
    candidate: Counts | None
    stable: Counts | None
    final: bool
    slices: tuple[Slice, ...] = ()
    unsliced: str | None = None
    candidate_sum: float = 0.0
    stable_sum: float = 0.0
    joined: bool = field(default=False, compare=False)
