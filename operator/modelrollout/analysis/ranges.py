"""Counts in ranges of values: a native histogram, whatever its resolution. Pure.

A native histogram names only those of its buckets that hold something. Where it names none, nothing lies; so how many
values lie at or below a number is known of every number but those within such a bucket. That is all that is needed to
bring histograms of different resolutions together: a bucket of the coarser one is one range of both, and the finer
one's buckets within it are added up. No schema has to be known, and histograms with custom bounds are read alike.

A positive bucket holds its upper bound, a negative one its lower, and the zero bucket both. So at a negative bound what
lies exactly there counts above it, other than in a classic histogram.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

Range = tuple[float, float, float]
"""Lower bound, upper bound, and how many values lie between."""

BOUND_TOLERANCE: Final = 1e-3
"""Who writes a bound need not write all of its digits. The finest buckets are 2.7 thousandths wide."""
_NOISE: Final = 1e-9
"""Bounds are powers of two with fractions, computed by whoever wrote them."""
_FINEST: Final = 8
"""The finest schema there is: that many buckets, as a power of two, to each doubling."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """How many values lie where.

    Attributes:
        ranges: ascending, without overlap, each with a count above 0.
        total: all values, those included that lie nowhere (NaN).
    """

    ranges: tuple[Range, ...]
    total: float

    @property
    def nowhere(self) -> float:
        """How many values are no numbers."""
        return max(0.0, self.total - math.fsum(count for _, _, count in self.ranges))

    def at_or_below(self, edge: float) -> float | None:
        """How many values lie at or below a number; None where that is within a range."""
        if edge == math.inf:
            return self.total
        below = 0.0
        for lower, upper, count in self.ranges:
            if upper <= edge or math.isclose(upper, edge, rel_tol=BOUND_TOLERANCE):
                below += count
            elif lower >= edge or math.isclose(lower, edge, rel_tol=BOUND_TOLERANCE):
                break
            else:
                return None
        return below

    def around(self, edge: float) -> tuple[float, float] | None:
        """The bounds below and above a number that is not one itself, as far as these counts show; else None."""
        for lower, upper, _ in self.ranges:
            if lower < edge < upper and self.at_or_below(edge) is None:
                return lower, upper
        schema = self._schema()
        if schema is None or edge == 0 or not math.isfinite(edge):
            return None
        exact = math.log2(abs(edge)) * 2.0**schema
        if math.isclose(_bound(round(exact), schema), abs(edge), rel_tol=BOUND_TOLERANCE):
            return None
        low, high = _bound(math.floor(exact), schema), _bound(math.ceil(exact), schema)
        return (low, high) if edge > 0 else (-high, -low)

    def _schema(self) -> int | None:
        """The coarsest resolution among the ranges; None where nothing shows that they are exponential at all.

        Doublings alone do not: custom bounds such as 0.25, 0.5 and 1 are that too.
        """
        found = [schema for lower, upper, _ in self.ranges if (schema := _schema_of(lower, upper)) is not None]
        return min(found) if max(found, default=0) > 0 else None


def aligned(parts: Sequence[Ranges]) -> list[tuple[float, float, tuple[float, ...]]]:
    """The finest ranges in which the values of all parts can be told apart, each with a count for each part."""
    every = sorted((*one, index) for index, part in enumerate(parts) for one in part.ranges)
    found: list[tuple[float, float, list[float]]] = []
    for lower, upper, count, index in every:
        if found and lower < found[-1][1] and not math.isclose(lower, found[-1][1], rel_tol=_NOISE):
            start, end, counts = found[-1]
            found[-1] = (start, max(end, upper), counts)
        else:
            found.append((lower, upper, [0.0] * len(parts)))
        found[-1][2][index] += count
    return [(lower, upper, tuple(counts)) for lower, upper, counts in found]


def added(parts: Iterable[Ranges]) -> Ranges:
    """All values of all parts."""
    known = tuple(parts)
    sums = ((lower, upper, math.fsum(counts)) for lower, upper, counts in aligned(known))
    return Ranges(tuple(sums), math.fsum(part.total for part in known))


def increase(before: Ranges, now: Ranges) -> Ranges | None:
    """What has been counted since; None where some count has dropped, so that counting began anew in between."""
    if now.total < before.total:
        return None
    grown: list[Range] = []
    for lower, upper, (old, new) in aligned((before, now)):
        if new < old:
            return None
        if new > old:
            grown.append((lower, upper, new - old))
    return Ranges(tuple(grown), now.total - before.total)


def _schema_of(lower: float, upper: float) -> int | None:
    if lower < 0:
        lower, upper = -upper, -lower
    if lower <= 0 or not math.isfinite(upper):
        return None
    doublings = math.log2(upper / lower)
    if doublings <= 0:
        return None
    schema = round(-math.log2(doublings))
    steps = math.log2(upper) * 2.0**schema
    on_grid = math.isclose(doublings * 2.0**schema, 1.0, rel_tol=1e-6) and abs(steps - round(steps)) < 1e-6
    return schema if on_grid and schema <= _FINEST else None


def _bound(index: int, schema: int) -> float:
    return float(2.0 ** (index * 2.0**-schema))
