"""What the ticks of a `ratio` metric add up to, folded one by one so that a new tick costs the same after a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from modelrollout.analysis.eprocess import RateRatio
from modelrollout.analysis.evidence import NOTHING, Counts, Tick
from modelrollout.analysis.limits import Limits


@dataclass(frozen=True, slots=True)
class RatioState:
    """The sums and likelihoods of all ticks folded so far. It may be kept, and holds for these limits only.

    Attributes:
        limits: the limits it is gathered for; the comparison depends on `ratio` and on which way is worse.
        candidate: the candidate's counts, over all ticks in which they are known.
        paired_candidate: the same, over the ticks in which both revisions are known.
        paired_stable: the stable revision's counts in those ticks.
        comparison: evidence on the rate ratio of *bad* things; None where the limits need none.
        ticks: how many ticks the candidate's counts were known in.
        missed: how many ticks in a row, up to the last, they were not.
        missed_pairs: how many ticks in a row, up to the last, either revision's counts were not known.
    """

    limits: Limits
    candidate: Counts = NOTHING
    paired_candidate: Counts = NOTHING
    paired_stable: Counts = NOTHING
    comparison: RateRatio | None = None
    ticks: int = 0
    missed: int = 0
    missed_pairs: int = 0

    @classmethod
    def start(cls, limits: Limits) -> RatioState:
        """Give the state before the first tick."""
        ratio = limits.binding.ratio
        return cls(limits, comparison=None if ratio is None else RateRatio(ratio))

    def bad(self, counts: Counts) -> Counts:
        """Give the counts with what must not rise as the event: for a metric with a `min` only, the non-events."""
        return counts.complement if self.limits.more_is_better else counts


def fold(state: RatioState, tick: Tick) -> RatioState:
    """Add one tick."""
    if tick.candidate is None:
        return replace(state, missed=state.missed + 1, missed_pairs=state.missed_pairs + 1)
    state = replace(state, candidate=state.candidate + tick.candidate, ticks=state.ticks + 1, missed=0)
    if tick.stable is None:
        return replace(state, missed_pairs=state.missed_pairs + 1)
    comparison = state.comparison
    return replace(
        state,
        paired_candidate=state.paired_candidate + tick.candidate,
        paired_stable=state.paired_stable + tick.stable,
        comparison=comparison.fold(state.bad(tick.candidate), state.bad(tick.stable)) if comparison else None,
        missed_pairs=0,
    )


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span of ticks, up to now.

    Attributes:
        final: the ticks that cannot change any more: all that a pass may rest on, and all that may be kept.
        latest: those and the provisional ones: what harm may be seen in.
    """

    final: RatioState
    latest: RatioState


def gather(kept: RatioState, ticks: Iterable[Tick]) -> Evidence:
    """Add ticks, in order of time, to a state of final ticks.

    `gather(RatioState.start(limits), ticks)` judges a whole span; keep `.final` and later pass only newer ticks, every
    provisional one again.
    """
    final = latest = kept
    for tick in ticks:
        latest = fold(latest, tick)
        if tick.final:
            final = fold(final, tick)
    return Evidence(final, latest)
