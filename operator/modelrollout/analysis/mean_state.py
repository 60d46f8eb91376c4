"""Averages per request, folded block by block, and the anytime-valid t-test on them.

**The test.** A block of ticks gives a contrast D (such as the candidate's average less a limit) of weight w (requests,
or their harmonic combination for two revisions). With y = D sqrt(w) and x = sqrt(w), "no difference" is b = 0 in
y = b x + noise of unknown size. The Bayes factor under the right Haar prior for the noise and b / noise ~ N(0, g),

    e = (1 + g Sxx)^-1/2 (1 - g Sxy^2 / ((1 + g Sxx) Syy))^-T/2,

is an e-process for normal noise of any size (T. Lai, *On confidence sequences*, 1976; M. Pérez-Ortiz et al.,
*E-statistics, group invariance and anytime valid testing*, 2022, arXiv 2208.07610; H. Wang, A. Ramdas, *Anytime-valid
t-tests and confidence sequences for Gaussian means with unknown variance*, 2023, arXiv 2310.03722); an average over
several g is one too. One-sided it counts only while Sxy has the sign in question: shifting the data further into the
null only lowers it. The values that it does not reject form a confidence sequence for the mean.

**Its conditions.** Blocks are independent of each other and their averages about normal, of a variance that falls with
the number of requests. Requests within a block may hang together in any way: the noise is measured between blocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from modelrollout.analysis.evidence import Tick
from modelrollout.analysis.limits import Edge, Limits
from modelrollout.analysis.starts import FIRST_SHARE, LATER_SHARE, later_share, log_mean_exp, log_sum
from modelrollout.analysis.stretches import Stretch

EFFECTS = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
"""Variances g of the effect of one request, in units of the noise of one."""
BLOCK_REQUESTS = 10
"""Requests of each revision in a block, at least: the average of a handful is not normal."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What some requests took together."""

    count: int = 0
    sum: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.count + other.count, self.sum + other.sum)

    @property
    def mean(self) -> float | None:
        """Per request; None without any."""
        return self.sum / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Regression:
    """Sums over blocks."""

    blocks: int = 0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0

    def add(self, contrast: float, weight: float) -> Regression:
        """Add a block."""
        return Regression(
            self.blocks + 1,
            self.xx + weight,
            self.xy + contrast * weight,
            self.yy + contrast * contrast * weight,
        )

    def log_e(self, sign: int) -> float:
        """Give the log e-value against "the contrast is 0 or on the other side"; -inf while the sums are there too."""
        if self.xy * sign <= 0 or self.yy <= 0:
            return -math.inf
        # Rounding must not make the blocks agree better than they can.
        explained = min(self.xy * self.xy, self.xx * self.yy)
        return log_mean_exp(
            [
                -0.5 * math.log1p(g * self.xx)
                - self.blocks / 2 * math.log1p(-g * explained / ((1 + g * self.xx) * self.yy))
                for g in EFFECTS
            ]
        )


@dataclass(frozen=True, slots=True)
class Blocks:
    """Averages of one revision by itself, to be held against a limit that is known only later."""

    blocks: int = 0
    total: Amount = Amount()
    squares: float = 0.0

    def add(self, block: Amount) -> Blocks:
        """Add a block of one request at least."""
        return Blocks(self.blocks + 1, self.total + block, self.squares + block.sum**2 / block.count)

    def beyond(self, limit: float) -> Regression:
        """The contrasts with a limit: each block's average less the limit, as `Regression.add` would have had them."""
        count, amount = float(self.total.count), self.total.sum
        # Of nearly equal numbers rounding can leave less than nothing.
        squares = max(0.0, self.squares - 2 * limit * amount + limit * limit * count)
        return Regression(self.blocks, count, amount - limit * count, squares)


@dataclass(frozen=True, slots=True)
class Starts:
    """Regressions from several starts: the first one, and of the later ones ever fewer the older they are.

    Which ones are kept depends on their number alone, so that what is dropped only lowers the evidence.
    """

    kept: tuple[tuple[int, float, Regression], ...] = ()
    blocks: int = 0

    def add(self, contrast: float, weight: float) -> Starts:
        """Add a block; one more process starts with it."""
        share = FIRST_SHARE if self.blocks == 0 else LATER_SHARE * later_share(self.blocks)
        now = self.blocks + 1
        kept = [
            (index, log_share, sums.add(contrast, weight))
            for index, log_share, sums in (*self.kept, (self.blocks, math.log(share), Regression()))
            if index % _spacing(now - index) == 0
        ]
        return Starts(tuple(kept), now)

    def log_e(self, sign: int, least: int) -> float:
        """Give the log e-value of all starts with at least so many blocks."""
        found = [log_share + sums.log_e(sign) for _, log_share, sums in self.kept if sums.blocks >= least]
        return log_sum(*found) if found else -math.inf


def _spacing(age: int) -> int:
    return 1 << max(0, (age // 4).bit_length() - 1)


@dataclass(frozen=True, slots=True)
class MeanState:
    """Averages of all ticks folded so far. It holds for these limits only.

    Attributes:
        limits: the limits it is gathered for.
        candidate, stable: all that was counted where it is known; `paired` of both in the same time.
        stretch: what was counted since both were last known.
        own: the candidate's blocks, for a limit that is frozen later.
        reference: the stable revision's blocks, for its confidence bound.
        above_max, below_min: contrasts with the limits, positive where they are broken.
        worse: contrasts with the edges of harm, positive where the candidate is worse than they allow.
        better: contrasts with the edges of a pass.
    """

    limits: Limits
    candidate: Amount = Amount()
    paired_candidate: Amount = Amount()
    paired_stable: Amount = Amount()
    stretch: Stretch[Amount] = field(default_factory=Stretch)
    open_candidate: Amount = Amount()
    open_paired: tuple[Amount, Amount] = (Amount(), Amount())
    own: Blocks = Blocks()
    reference: Blocks = Blocks()
    above_max: Starts = Starts()
    below_min: Starts = Starts()
    worse: tuple[Starts, ...] = ()
    better: tuple[Regression, ...] = ()
    ticks: int = 0
    missed: int = 0
    missed_pairs: int = 0

    @classmethod
    def start(cls, limits: Limits) -> MeanState:
        """Give the state before the first tick."""
        worse = tuple(Starts() for _ in limits.of_harm.edges)
        return cls(limits, worse=worse, better=tuple(Regression() for _ in limits.edges))


def fold(state: MeanState, tick: Tick) -> MeanState:
    """Add one tick."""
    candidate = None if tick.candidate is None else Amount(tick.candidate.total, tick.candidate_sum)
    stable = None if tick.stable is None else Amount(tick.stable.total, tick.stable_sum)
    stretch, both = state.stretch.add(tick.at, candidate, stable)
    state = replace(state, stretch=stretch, missed_pairs=state.missed_pairs + 1)
    if candidate is None:
        return replace(state, missed=state.missed + 1)
    state = _absolute(replace(state, candidate=state.candidate + candidate, ticks=state.ticks + 1, missed=0), candidate)
    return state if stable is None else _relative(replace(state, missed_pairs=0), both)


def _relative(state: MeanState, both: tuple[Amount, Amount] | None) -> MeanState:
    """Add what both revisions counted in the same time, if that is known."""
    if both is None:
        return state
    candidate, stable = both
    state = replace(
        state,
        paired_candidate=state.paired_candidate + candidate,
        paired_stable=state.paired_stable + stable,
    )
    return _paired(state, state.open_paired[0] + candidate, state.open_paired[1] + stable)


def _absolute(state: MeanState, candidate: Amount) -> MeanState:
    block = state.open_candidate + candidate
    if block.count < BLOCK_REQUESTS:
        return replace(state, open_candidate=block)
    limits, mean = state.limits, block.sum / block.count
    above, below = state.above_max, state.below_min
    if limits.max is not None:
        above = above.add(mean - limits.max, block.count)
    if limits.min is not None:
        below = below.add(limits.min - mean, block.count)
    return replace(state, open_candidate=Amount(), own=state.own.add(block), above_max=above, below_min=below)


def _paired(state: MeanState, candidate: Amount, stable: Amount) -> MeanState:
    if min(candidate.count, stable.count) < BLOCK_REQUESTS:
        return replace(state, open_paired=(candidate, stable))
    limits = state.limits
    harm = [_contrast(edge, candidate, stable, limits) for edge in limits.of_harm.edges]
    passing = [_contrast(edge, candidate, stable, limits) for edge in limits.edges]
    return replace(
        state,
        open_paired=(Amount(), Amount()),
        reference=state.reference.add(stable),
        worse=tuple(each.add(*one) for each, one in zip(state.worse, harm, strict=True)),
        better=tuple(each.add(*one) for each, one in zip(state.better, passing, strict=True)),
    )


def _contrast(edge: Edge, candidate: Amount, stable: Amount, limits: Limits) -> tuple[float, float]:
    """By how much a block is worse than an edge allows, and how much it weighs."""
    low, high = (candidate, stable) if limits.more_is_better else (stable, candidate)
    contrast = high.sum / high.count - edge.factor * low.sum / low.count - edge.amount
    return contrast, 1 / (1 / high.count + edge.factor**2 / low.count)


@dataclass(frozen=True, slots=True)
class MeanEvidence:
    """A span of ticks, up to now: those that cannot change any more, and those with the provisional ones."""

    final: MeanState
    latest: MeanState


def gather(kept: MeanState, ticks: Iterable[Tick]) -> MeanEvidence:
    """Add ticks, in order of time, to a state of final ticks."""
    final = latest = kept
    for tick in ticks:
        before, latest = latest, fold(latest, tick)
        if tick.final:
            final = latest if final is before else fold(final, tick)
    return MeanEvidence(final, latest)


def confidence_bound(state: MeanState, level: float, sign: int) -> float | None:
    """Give the bound of the stable revision's mean on one side (1 upper, -1 lower) at a level; None without enough."""
    mean = state.reference.total.mean
    if mean is None:
        return None

    def rejected(limit: float) -> bool:
        return state.reference.beyond(limit).log_e(-sign) >= -math.log(level)

    reach = max(abs(mean), 1e-9) * 1e-3
    for _ in range(60):
        if rejected(mean + sign * reach):
            break
        reach *= 2
    else:
        return None
    near = 0.0
    for _ in range(50):
        middle = (near + reach) / 2
        near, reach = (near, middle) if rejected(mean + sign * middle) else (middle, reach)
    return mean + sign * reach
