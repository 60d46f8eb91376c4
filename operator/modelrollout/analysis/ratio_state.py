"""What the ticks of a `ratio` metric add up to, folded one by one so that a new tick costs the same after a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from modelrollout.analysis.comparison import Comparison
from modelrollout.analysis.eprocess import GRID_POINTS
from modelrollout.analysis.evidence import NOTHING, Counts, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.starts import ALONE, ATTEMPT, Process, Weights
from modelrollout.analysis.stretches import Stretch
from modelrollout.analysis.together import Together, log_evidence

_Changes = dict[str, Any]
"""Fields of a state and what a tick makes of them."""


@dataclass(frozen=True, slots=True)
class RatioState:
    """The sums and likelihoods of all ticks folded so far. It may be kept, and holds for these limits only.

    Attributes:
        limits: the limits it is gathered for.
        dispersion: divides all evidence: up to so many requests may fail together.
        candidate: the candidate's counts, over all ticks in which they are known.
        paired_candidate: the same, over the stretches from one tick in which both revisions are known to the next.
        paired_stable: the stable revision's counts in those stretches.
        stretch: what was counted since both were last known.
        above_max: evidence that `max` is exceeded; None without that limit.
        below_min: evidence that `min` is not reached; None without that limit.
        beside_max: whether both revisions exceed `max` of late.
        beside_min: whether both revisions miss `min` of late.
        worse: evidence that bad things are more frequent than each edge allows beside stable; harm needs all of them.
        no_worse: evidence that they are less frequent, where a pass needs it.
        ticks: how many ticks the candidate's counts were known in.
        missed: how many ticks in a row, up to the last, they were not.
        missed_pairs: how many ticks in a row, up to the last, either revision's counts were not known.
    """

    limits: Limits
    dispersion: float = 1.0
    candidate: Counts = NOTHING
    paired_candidate: Counts = NOTHING
    paired_stable: Counts = NOTHING
    stretch: Stretch[Counts] = field(default_factory=Stretch)
    above_max: Process | None = None
    below_min: Process | None = None
    beside_max: Together = field(default_factory=Together)
    beside_min: Together = field(default_factory=Together)
    worse: tuple[Comparison, ...] = ()
    no_worse: tuple[Comparison, ...] = ()
    ticks: int = 0
    missed: int = 0
    missed_pairs: int = 0

    @classmethod
    def start(cls, limits: Limits, dispersion: float = 1.0, stable: Counts = NOTHING) -> RatioState:
        """Give the state of a whole attempt before the first tick: harm is sought from every start on.

        Args:
            limits: the limits it is gathered for.
            dispersion: up to so many requests may fail together.
            stable: what is known of the stable revision from before; tests are sharper for it where events are not
                rare, and are never wrong by it.
        """
        return cls._start(limits, dispersion, stable, ATTEMPT)

    @classmethod
    def start_step(cls, limits: Limits, dispersion: float = 1.0, stable: Counts = NOTHING) -> RatioState:
        """Give the state of a step before the first tick: one start, as all of it is new."""
        return cls._start(limits, dispersion, stable, ALONE)

    @classmethod
    def _start(cls, limits: Limits, dispersion: float, stable: Counts, weights: Weights) -> RatioState:
        known = stable.complement if limits.more_is_better else stable
        edges = (
            Comparison.start(edge, upwards=True, dispersion=dispersion, weights=weights, known=known)
            for edge in limits.of_harm.edges
        )
        return cls(
            limits,
            dispersion,
            above_max=None if limits.max is None else Process.start(GRID_POINTS, weights),
            below_min=None if limits.min is None else Process.start(GRID_POINTS, weights),
            worse=tuple(edges),
            no_worse=tuple(
                Comparison.start(edge, upwards=False, dispersion=dispersion, known=known)
                for edge in (limits.edges if limits.no_worse_confidence is not None else ())
            ),
        )

    @property
    def both_fail(self) -> bool:
        """Whether both revisions break an absolute limit of late."""
        return self.beside_max.both or self.beside_min.both

    def bad(self, counts: Counts) -> Counts:
        """Give the counts with what must not rise as the event: for a metric with a `min` only, the non-events."""
        return counts.complement if self.limits.more_is_better else counts


def fold(state: RatioState, tick: Tick) -> RatioState:
    """Add one tick."""
    stretch, both = state.stretch.add(tick.at, tick.candidate, tick.stable)
    if tick.candidate is None:
        changes = _unknown(state, tick.stable)
    else:
        changes = _absolute(state, tick.candidate, tick.stable) | ({} if both is None else _relative(state, *both))
    paired = tick.candidate is not None and tick.stable is not None
    # One new state a tick, as a look after a restart folds all ticks of a step.
    return replace(state, stretch=stretch, missed_pairs=0 if paired else state.missed_pairs + 1, **changes)


def _relative(state: RatioState, candidate: Counts, stable: Counts) -> _Changes:
    """Add what both revisions counted in the same time."""
    bad, bad_stable = state.bad(candidate), state.bad(stable)
    return {
        "paired_candidate": state.paired_candidate + candidate,
        "paired_stable": state.paired_stable + stable,
        "worse": tuple(each.fold(bad, bad_stable) for each in state.worse),
        "no_worse": tuple(each.fold(bad, bad_stable) for each in state.no_worse),
    }


def _absolute(state: RatioState, counts: Counts, stable: Counts | None) -> _Changes:
    """Add a tick to the evidence against `max` and `min`; against `min` what is missing counts."""
    limits = state.limits
    changes: _Changes = {"candidate": state.candidate + counts, "ticks": state.ticks + 1, "missed": 0}
    if state.above_max is not None and limits.max is not None:
        folded = _folded(state, state.above_max, state.beside_max, (counts, stable), limits.max)
        changes["above_max"], changes["beside_max"] = folded
    if state.below_min is not None and limits.min is not None:
        missing = (counts.complement, None if stable is None else stable.complement)
        folded = _folded(state, state.below_min, state.beside_min, missing, 1 - limits.min)
        changes["below_min"], changes["beside_min"] = folded
    return changes


def _unknown(state: RatioState, stable: Counts | None) -> _Changes:
    """What a tick without counts of the candidate says of stable."""
    limits, missing = state.limits, None if stable is None else stable.complement
    changes: _Changes = {"missed": state.missed + 1}
    if limits.max is not None:
        changes["beside_max"] = state.beside_max.fold(None, stable, limits.max, state.dispersion)
    if limits.min is not None:
        changes["beside_min"] = state.beside_min.fold(None, missing, 1 - limits.min, state.dispersion)
    return changes


def _folded(
    state: RatioState, process: Process, beside: Together, both: tuple[Counts, Counts | None], limit: float
) -> tuple[Process, Together]:
    bad, bad_stable = both
    now = beside.fold(bad, bad_stable, limit, state.dispersion)
    logs = log_evidence(beside, now, bad, bad_stable, limit)
    if logs is None:
        return process, now
    scaled = logs if state.dispersion == 1 else tuple(each / state.dispersion for each in logs)
    return process.fold(scaled), now


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
        before, latest = latest, fold(latest, tick)
        if tick.final:
            final = latest if final is before else fold(final, tick)
    return Evidence(final, latest)
