"""How much both revisions answered in the very same time, although they are scraped at different moments.

What a revision answers while its scrapes fail arrives with the next one that succeeds. So a tick in which only one
revision is known must be neither counted nor left out: after an outage of Prometheus the revision that is scraped first
would lose, or keep alone, all that was counted meanwhile. Between two ticks in which both are known, the sums of both
are exact; those stretches are what is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from modelrollout.analysis.evidence import Counts, Tick


@dataclass(frozen=True, slots=True)
class Paired:
    """Requests of both revisions in the same stretches of time.

    Attributes:
        seconds: how long those stretches are together.
    """

    candidate: int = 0
    stable: int = 0
    seconds: float = 0.0

    def __add__(self, other: Paired) -> Paired:
        return Paired(self.candidate + other.candidate, self.stable + other.stable, self.seconds + other.seconds)


@dataclass(frozen=True, slots=True)
class PairedTicks:
    """The ticks of a step, kept as long as somebody may ask for a part of them.

    Attributes:
        interval: seconds between two ticks.
        keep: seconds for which ticks are kept. No stretch is longer: a counter without a sample for so long begins
            anew, so that a longer stretch shows nothing.
        anchor: when both revisions were last known before the first tick; -inf if nobody knows, None if nothing is
            known to be missing.
        before: what was counted up to there.
    """

    interval: float
    keep: float
    ticks: tuple[Tick, ...] = ()
    anchor: float | None = None
    before: Paired = Paired()

    def more(self, ticks: Sequence[Tick]) -> PairedTicks:
        """With later ticks; what is older than `keep` becomes a sum."""
        longer = replace(self, ticks=(*self.ticks, *ticks))
        if not longer.ticks or longer.ticks[-1].at - longer.ticks[0].at <= 2 * self.keep:
            return longer
        cut = longer.ticks[-1].at - self.keep
        old = [stretch for stretch in longer._stretches() if stretch.end <= cut]
        anchor = old[-1].end if old else -inf
        kept = tuple(tick for tick in longer.ticks if tick.at > max(anchor, cut - self.keep))
        return replace(longer, ticks=kept, anchor=anchor, before=self.before + self._sum(old))

    def total(self, since: float = -inf) -> Paired:
        """Add up all stretches that begin at `since` or later; what is a sum by now counts whatever its time."""
        return self.before + self.within(since)

    def within(self, since: float) -> Paired:
        """Add up the stretches that begin at `since` or later, of the ticks that are kept."""
        return self._sum([stretch for stretch in self._stretches() if stretch.begin >= since])

    def _sum(self, stretches: Sequence[_Stretch]) -> Paired:
        known = [stretch for stretch in stretches if stretch.end - stretch.begin <= self.keep]
        return Paired(
            candidate=sum(stretch.candidate for stretch in known),
            stable=sum(stretch.stable for stretch in known),
            seconds=sum(stretch.end - stretch.begin for stretch in known),
        )

    def _stretches(self) -> Iterator[_Stretch]:
        begin = self._begin()
        candidate = stable = 0
        for tick in self.ticks:
            candidate += _total(tick.candidate)
            stable += _total(tick.stable)
            if _is_paired(tick):
                yield _Stretch(begin, tick.at, candidate, stable)
                begin, candidate, stable = tick.at, 0, 0

    def _begin(self) -> float:
        if self.anchor is not None:
            return self.anchor
        # What the first tick holds is its own only if both were scraped in it.
        return self.ticks[0].at - self.interval if self.ticks and _is_paired(self.ticks[0]) else -inf


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From one tick in which both revisions are known to the next. `begin` is -inf where nobody knows the baseline."""

    begin: float
    end: float
    candidate: int
    stable: int


def _is_paired(tick: Tick) -> bool:
    return tick.candidate is not None and tick.stable is not None


def _total(counts: Counts | None) -> int:
    return counts.total if counts is not None else 0
