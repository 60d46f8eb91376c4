"""Two distributions on common bins: what measures of drift compare.

A classic histogram counts what lies at or below each of its edges. Two of them have the edges in common that both
have; between two common edges the counts are exact, whatever edges either has there, and the last bin reaches to
infinity. Label counts have one bin for each value of the label that either has. Two native histograms are compared in
the ranges that both can tell apart, of which there may be hundreds: see `MOST_BINS`. Beside a classic one, a native one
is known at all edges of it that are bounds of its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrollout.analysis.ranges import Ranges, aligned

LEAST_POOLED = 10
"""A bin with fewer counts of both together joins its neighbour: approximations of chance fail in thinner ones."""
MOST_BINS = 20
"""Shares of native histograms are compared in this many bins at most: what is needed of both grows with the bins, and
by habit limits of drift are meant for ten or twenty."""


@dataclass(frozen=True, slots=True)
class Cumulative:
    """A histogram: how many observations lie at or below each edge; ascending, +Inf last.

    Raises:
        ValueError: there is no last edge +Inf, or edges do not ascend.
    """

    counts: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        edges = [edge for edge, _ in self.counts]
        if not edges or edges[-1] != math.inf or any(a >= b for a, b in itertools.pairwise(edges)):
            raise ValueError(f"edges must ascend and end in +Inf, got {edges}")

    @property
    def total(self) -> float:
        """All observations."""
        return self.counts[-1][1]

    def at_or_below(self, edge: float) -> float | None:
        """How many observations lie at or below a number; None where that is no edge."""
        return next((count for known, count in self.counts if known == edge), None)


@dataclass(frozen=True, slots=True)
class Labelled:
    """How often each value of a label was counted."""

    counts: Mapping[str, float]

    @property
    def total(self) -> float:
        """All of them."""
        return math.fsum(self.counts.values())


Distribution = Cumulative | Labelled | Ranges


@dataclass(frozen=True, slots=True)
class Pair:
    """Counts of two distributions in the same bins.

    Attributes:
        first, second: counts per bin, of the same length.
        positions: where each bin lies, ascending; None for labels, which have no order.
        most: bins that are as fine as somebody's resolution join until there are no more than this.
    """

    first: tuple[float, ...]
    second: tuple[float, ...]
    positions: tuple[float, ...] | None
    most: float = math.inf

    @property
    def occupied(self) -> int:
        """Bins in which at least one of the two has something."""
        return sum(a + b > 0 for a, b in zip(self.first, self.second, strict=True))


def paired(first: Distribution, second: Distribution) -> Pair | None:
    """Bring two distributions to common bins; None where they have no finite edge in common, or are of two kinds."""
    if isinstance(first, Ranges) and isinstance(second, Ranges):
        return _paired_ranges(first, second)
    if isinstance(first, Cumulative | Ranges) and isinstance(second, Cumulative | Ranges):
        written = {edge for one in (first, second) if isinstance(one, Cumulative) for edge, _ in one.counts}
        known = ((edge, first.at_or_below(edge), second.at_or_below(edge)) for edge in sorted(written))
        both = [(edge, one, other) for edge, one, other in known if one is not None and other is not None]
        if len(both) < 2:
            return None
        edges, ones, others = zip(*both, strict=True)
        return Pair(_per_bin(ones), _per_bin(others), _positions(edges))
    if isinstance(first, Labelled) and isinstance(second, Labelled):
        names = sorted({*first.counts, *second.counts})
        return Pair(
            tuple(first.counts.get(name, 0.0) for name in names),
            tuple(second.counts.get(name, 0.0) for name in names),
            None,
        )
    return None


def thickened(pair: Pair) -> Pair:
    """Join bins until each holds at least `LEAST_POOLED` counts of both together, and there are no more than `most`.

    Which bins join depends on the sum of both only, so that it says nothing of how they differ. Bins with an order
    join their neighbours; values of a label join others that are
    as rare.
    """
    bins = list(zip(pair.first, pair.second, strict=True))
    least = max(LEAST_POOLED, sum(_joined(bins)) / pair.most)
    if pair.positions is None:
        bins.sort(key=sum, reverse=True)
    joined: list[tuple[float, float]] = []
    open_bin = (0.0, 0.0)
    for each in bins:
        open_bin = _joined([open_bin, each])
        if sum(open_bin) >= least:
            joined.append(open_bin)
            open_bin = (0.0, 0.0)
    if joined:
        joined[-1] = _joined([joined[-1], open_bin])
    else:
        joined = [open_bin]
    return Pair(tuple(a for a, _ in joined), tuple(b for _, b in joined), None)


def _joined(bins: list[tuple[float, float]]) -> tuple[float, float]:
    return math.fsum(a for a, _ in bins), math.fsum(b for _, b in bins)


def _per_bin(cumulative: Sequence[float]) -> tuple[float, ...]:
    # Buckets are read from several series: one that was born in between must not give a negative count.
    return tuple(max(0.0, upper - lower) for lower, upper in itertools.pairwise((0.0, *cumulative)))


def _positions(edges: Sequence[float]) -> tuple[float, ...]:
    """The middle of each bin; the first and the last have one finite edge, and lie there."""
    finite = edges[:-1]
    middles = [(lower + upper) / 2 for lower, upper in itertools.pairwise(finite)]
    return finite[0], *middles, finite[-1]


def _paired_ranges(first: Ranges, second: Ranges) -> Pair | None:
    """Two native histograms in the ranges of both; None where these are one, and either could tell more apart."""
    common = aligned((first, second))
    if len(common) == 1 and max(len(first.ranges), len(second.ranges)) > 1:
        return None
    bins = [(_middle(lower, upper), one, other) for lower, upper, (one, other) in common]
    # What is no number lies at the upper end, where a classic histogram counts it too.
    bins.append((bins[-1][0] if bins else 0.0, first.nowhere, second.nowhere))
    positions, ones, others = zip(*bins, strict=True)
    return Pair(ones, others, positions, MOST_BINS)


def _middle(lower: float, upper: float) -> float:
    if not math.isfinite(lower):
        return upper
    return (lower + upper) / 2 if math.isfinite(upper) else lower
