"""Counters that were read one after the other, as if they had been read at one moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf

from modelrollout.metrics.counters import Batch
from modelrollout.metrics.provider import RawSeries

Scraped = tuple[str, str, str]
"""Pod, instance and job of a series of `up`."""


def scraped(scrapes: Iterable[RawSeries]) -> frozenset[Scraped]:
    """Whose scrapes these series of `up` tell of."""
    return frozenset(_scraped(series.labels) for series in scrapes)


def together(batch: Batch, known: frozenset[Scraped]) -> Batch:
    """Leave out what was stored after `batch.scrapes` had been read.

    A scrape that is stored between two reads shows up in the second alone: requests without their events. To a check
    with `min` that is harm, and to one with `max` a pass. Prometheus stores `up` and all that the scrape brought in
    one commit, so whatever is not newer than its `up` was there for every later read.

    Args:
        known: those that had an `up` before; without a new one, nothing of theirs is old enough. Who never had one is
            left as it is.
    """
    ends = dict.fromkeys(known, -inf)
    for series in batch.scrapes:
        for at, _ in series.samples[-1:]:
            key = _scraped(series.labels)
            ends[key] = max(ends.get(key, -inf), at)
    return replace(batch, total=_until(batch.total, ends), marked=_until(batch.marked, ends))


def _until(group: tuple[RawSeries, ...], ends: Mapping[Scraped, float]) -> tuple[RawSeries, ...]:
    clipped = (_clipped(series, ends.get(_scraped(series.labels), inf)) for series in group)
    return tuple(series for series in clipped if series.samples)


def _clipped(series: RawSeries, end: float) -> RawSeries:
    if not series.samples or series.samples[-1][0] <= end:
        return series
    return series.within(-inf, end)


def _scraped(labels: Mapping[str, str]) -> Scraped:
    return labels.get("pod", ""), labels.get("instance", ""), labels.get("job", "")
