"""Two distributions on common bins: what measures of drift compare.

A classic histogram counts what lies at or below each of its edges. Two of them have the edges in common that both
have; between two common edges the counts are exact, whatever edges either has there, and the last bin reaches to
infinity. Label counts have one bin for each value of the label that either has.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

LEAST_POOLED = 10
"""A bin with fewer counts of both together joins its neighbour: approximations of chance fail in thinner ones."""


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


@dataclass(frozen=True, slots=True)
class Labelled:
    """How often each value of a label was counted."""

    counts: Mapping[str, float]

    @property
    def total(self) -> float:
        """All of them."""
        return math.fsum(self.counts.values())


Distribution = Cumulative | Labelled


@dataclass(frozen=True, slots=True)
class Pair:
    """Counts of two distributions in the same bins.

    Attributes:
        first, second: counts per bin, of the same length.
        positions: where each bin lies, ascending; None for labels, which have no order.
    """

    first: tuple[float, ...]
    second: tuple[float, ...]
    positions: tuple[float, ...] | None

    @property
    def occupied(self) -> int:
        """Bins in which at least one of the two has something."""
        return sum(a + b > 0 for a, b in zip(self.first, self.second, strict=True))


def paired(first: Distribution, second: Distribution) -> Pair | None:
    """Bring two distributions to common bins; None where they have no finite edge in common, or are of two kinds."""
    if isinstance(first, Cumulative) and isinstance(second, Cumulative):
        edges = sorted({edge for edge, _ in first.counts} & {edge for edge, _ in second.counts})
        if len(edges) < 2:
            return None
        return Pair(_per_bin(first, edges), _per_bin(second, edges), _positions(edges))
    if isinstance(first, Labelled) and isinstance(second, Labelled):
        names = sorted({*first.counts, *second.counts})
        return Pair(
            tuple(first.counts.get(name, 0.0) for name in names),
            tuple(second.counts.get(name, 0.0) for name in names),
            None,
        )
    return None


def thickened(pair: Pair) -> Pair:
    """Join bins until each holds at least `LEAST_POOLED` counts of both together.

    Which bins join depends on the sum of both only, so that it says nothing of how they differ. Bins with an order
    join their neighbours; values of a label join others that are
    as rare.
    """
    bins = list(zip(pair.first, pair.second, strict=True))
    if pair.positions is None:
        bins.sort(key=sum, reverse=True)
    joined: list[tuple[float, float]] = []
    open_bin = (0.0, 0.0)
    for each in bins:
        open_bin = _joined([open_bin, each])
        if sum(open_bin) >= LEAST_POOLED:
            joined.append(open_bin)
            open_bin = (0.0, 0.0)
    if joined:
        joined[-1] = _joined([joined[-1], open_bin])
    else:
        joined = [open_bin]
    return Pair(tuple(a for a, _ in joined), tuple(b for _, b in joined), None)


def _joined(bins: list[tuple[float, float]]) -> tuple[float, float]:
    return math.fsum(a for a, _ in bins), math.fsum(b for _, b in bins)


def _per_bin(histogram: Cumulative, edges: list[float]) -> tuple[float, ...]:
    known = dict(histogram.counts)
    below = [0.0, *(known[edge] for edge in edges)]
    # Buckets are read from several series: one that was born in between must not give a negative count.
    return tuple(max(0.0, upper - lower) for lower, upper in itertools.pairwise(below))


def _positions(edges: list[float]) -> tuple[float, ...]:
    """The middle of each bin; the first and the last have one finite edge, and lie there."""
    finite = edges[:-1]
    middles = [(lower + upper) / 2 for lower, upper in itertools.pairwise(finite)]
    return finite[0], *middles, finite[-1]
