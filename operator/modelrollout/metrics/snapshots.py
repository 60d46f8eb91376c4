"""Distributions that somebody has written down. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import accumulate

from modelrollout.analysis.distribution import Cumulative, Distribution, Labelled


def snapshot_of(bins: Iterable[tuple[str, int]], *, labelled: bool) -> Distribution:
    """A distribution of counts per bin, in any order.

    Raises:
        ValueError: an edge is no number; `snapshot_problem` says so first.
    """
    if labelled:
        return Labelled({value: float(count) for value, count in bins})
    counts = sorted((float(value), count) for value, count in bins)
    if not counts or counts[-1][0] != math.inf:
        counts.append((math.inf, 0))
    sums = accumulate(count for _, count in counts)
    return Cumulative(tuple((edge, float(total)) for (edge, _), total in zip(counts, sums, strict=True)))


def snapshot_problem(bins: Iterable[tuple[str, int]], *, labelled: bool) -> str | None:
    """What is wrong with a snapshot, in words that say what to write; None when nothing is."""
    entries = tuple(bins)
    if not any(count for _, count in entries):
        return "all counts are 0: give those of training data"
    if labelled:
        return None
    edges = []
    for value, _ in entries:
        try:
            edges.append(float(value))
        except ValueError:
            edges.append(math.nan)
        if math.isnan(edges[-1]):
            return f'{value!r} is no edge: write its upper edge as a number, or "+Inf"'
    if len(set(edges)) < len(edges):
        return "an edge is there twice, spelled differently"
    return None
