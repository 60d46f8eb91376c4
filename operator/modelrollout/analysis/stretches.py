"""What two revisions counted in the very same time, although scrapes of one of them may fail.

What a revision answers while its scrapes fail arrives with the next one that succeeds. Held against that one tick of
the other, an outage that hit both alike would be the fault of whoever was not scraped in it. So what is known of the
other one waits, and is compared with all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Generic, Protocol, Self, TypeVar

LONGEST_SECONDS: Final = 300.0
"""After so long without a sample a counter begins anew: what it counted meanwhile is not known, and nothing is
compared with it (`metrics.counters.FORGET_SECONDS`)."""


class Addable(Protocol):
    """Counts or amounts."""

    def __add__(self, other: Self, /) -> Self: ...


T = TypeVar("T", bound=Addable)


@dataclass(frozen=True, slots=True)
class Stretch(Generic[T]):
    """The time since both revisions were last known.

    Attributes:
        candidate: what was counted of the candidate in it; None for nothing.
        stable: what was counted of the stable revision in it; None for nothing.
        begin: the last tick in which both were known, or else the first tick; None before any.
        met: whether the stable revision has ever been known.
        early: whether the candidate was known before the stable revision was, so that nobody can say since when the
            counts of the latter are.
        is_broken: whether a tick since then did not know both.
    """

    candidate: T | None = None
    stable: T | None = None
    begin: float | None = None
    met: bool = False
    early: bool = False
    is_broken: bool = False

    def add(self, at: float, candidate: T | None, stable: T | None) -> tuple[Stretch[T], tuple[T, T] | None]:
        """Add a tick; where it knows both, give what both counted since they were last known, if that can be told.

        Args:
            at: the tick's end, unix seconds.
            candidate: what it counted of the candidate; None where that is unknown.
            stable: what it counted of the stable revision; None where that is unknown.
        """
        ours, theirs = _sum(self.candidate, candidate), _sum(self.stable, stable)
        if candidate is not None and stable is not None and ours is not None and theirs is not None:
            long = self.is_broken and self.begin is not None and at - self.begin > LONGEST_SECONDS
            return Stretch(begin=at, met=True), None if long or self.early else (ours, theirs)
        waiting = replace(
            self,
            candidate=ours,
            stable=theirs,
            begin=at if self.begin is None else self.begin,
            met=self.met or stable is not None,
            early=self.early or (candidate is not None and not self.met),
            is_broken=True,
        )
        return waiting, None


def _sum(before: T | None, now: T | None) -> T | None:
    if before is None or now is None:
        return now if before is None else before
    return before + now
