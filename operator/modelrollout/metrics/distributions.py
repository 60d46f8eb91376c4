"""How observations were distributed within a span of time, from raw samples of buckets or of labelled counters. Pure.

Differences are taken per series between its own samples, as in `counters`: a value that drops is a reset, and a series
that is born on a target that had been scraped before counts from zero. So counts are exact, and pods that came or went
within the span count for what they did in it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from modelrollout.analysis.distribution import Cumulative, Distribution, Labelled
from modelrollout.analysis.ranges import added
from modelrollout.metrics.edges import edge_of
from modelrollout.metrics.natives import observed
from modelrollout.metrics.provider import RawSeries
from modelrollout.metrics.readings import SeriesKey, Target, counter_of, scraper_of, series_key, target_of

MOST_VALUES: Final = 100
"""A label with more values than this names things, not categories."""


class TooManyValuesError(ValueError):
    """A label that cannot be compared by its values; the message says how many it has."""


def distribution(series: Iterable[RawSeries], label: str | None, *, after: float, until: float) -> Distribution | None:
    """What was counted within `(after, until]`, all series together; None where there are no series.

    Args:
        series: with samples from before `after` as baselines.
        label: whose values are the bins; None for the buckets of a histogram, classic or native.

    Raises:
        TooManyValuesError: the label has more than `MOST_VALUES` values.
    """
    kept = _one_reading_each(series)
    first_seen = _first_scrapes(kept)
    if label is None and any(one.natives for one in kept):
        seen = (observed(one, after, until, born_after=first_seen[target_of(one.labels)]) for one in kept)
        parts = [part for part in seen if part is not None]
        return added(parts) if parts else None
    sums: dict[str, float] = defaultdict(float)
    edges: dict[float, float] = defaultdict(float)
    for one in kept:
        increase = _increase(one.samples, first_seen[target_of(one.labels)], after=after, until=until)
        if increase is None:
            continue
        if label is not None:
            sums[one.labels.get(label, "")] += increase
        elif (edge := edge_of(one.labels)) is not None:
            edges[edge] += increase
    if label is not None:
        if len(sums) > MOST_VALUES:
            raise TooManyValuesError(
                f"the label {label} has {len(sums)} values, and at most {MOST_VALUES} are compared"
            )
        return Labelled(dict(sums)) if sums else None
    return Cumulative(tuple(sorted(edges.items()))) if math.inf in edges else None


def _one_reading_each(series: Iterable[RawSeries]) -> tuple[RawSeries, ...]:
    """Without further readings of the same counters by other jobs: the fullest counts, else the one named first."""
    readings: dict[SeriesKey, dict[SeriesKey, list[RawSeries]]] = defaultdict(lambda: defaultdict(list))
    for one in series:
        key = series_key(one.labels)
        readings[counter_of(key)][scraper_of(key)].append(one)
    kept: list[RawSeries] = []
    for by_scraper in readings.values():
        kept += by_scraper[min(by_scraper, key=lambda scraper: (-_samples(by_scraper[scraper]), scraper))]
    return tuple(kept)


def _samples(series: Sequence[RawSeries]) -> int:
    return sum(len(one.samples) for one in series)


def _first_scrapes(series: Iterable[RawSeries]) -> Mapping[Target, float]:
    """When each target was first seen."""
    first: dict[Target, float] = defaultdict(lambda: math.inf)
    for one in series:
        if one.samples:
            target = target_of(one.labels)
            first[target] = min(first[target], one.samples[0][0])
    return first


def _increase(samples: Sequence[tuple[float, float]], first_seen: float, *, after: float, until: float) -> float | None:
    """How much a counter rose within the span; None where it was not seen in it."""
    total, previous, seen = 0.0, None, False
    for at, value in samples:
        if at > until or not math.isfinite(value) or value < 0:
            continue
        if at > after:
            seen = True
            if previous is not None:
                total += value if value < previous else value - previous
            elif at > first_seen:
                total += value
        previous = value
    return total if seen else None
