"""How much a pod answers, and how much of it in time: from raw samples of two buckets. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import RawSeries
from modelrollout.metrics.readings import SeriesKey, counter_of, scraper_of, series_key


@dataclass(frozen=True, slots=True)
class Answered:
    """What the pods of one revision answered in a stretch of time.

    Attributes:
        each_pod: requests a second, as a mean over its pods.
        requests: of all pods together.
        late: share of them that came later than the edge; None where no series has that edge.
    """

    each_pod: float
    requests: int
    late: float | None


def answered(total: Sequence[RawSeries], in_time: Sequence[RawSeries], scope: Scope) -> Answered | None:
    """Add up what each pod answered between its own first and last sample; None where no pod has two samples.

    Args:
        total: the bucket that holds everything.
        in_time: the bucket that ends at the edge.
    """
    amounts: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    for series in _once(total):
        pod = scope.pod_of(series.labels)
        samples = _finite(series)
        if len(samples) > 1:
            amounts[pod] += _rise(samples)
            seconds[pod] = max(seconds[pod], samples[-1][0] - samples[0][0])
    if not seconds:
        return None
    requests = sum(amounts.values())
    good = sum(_rise(samples) for series in _once(in_time) if len(samples := _finite(series)) > 1)
    late = max(0.0, 1 - good / requests) if in_time and requests > 0 else None
    each = sum(amounts[pod] / seconds[pod] for pod in seconds) / len(seconds)
    return Answered(each, round(requests), late)


def _once(series: Iterable[RawSeries]) -> list[RawSeries]:
    """One reading of each counter, where several jobs scrape a pod."""
    kept: dict[SeriesKey, tuple[SeriesKey, RawSeries]] = {}
    for one in series:
        key = series_key(one.labels)
        counter, scraper = counter_of(key), scraper_of(key)
        if counter not in kept or scraper < kept[counter][0]:
            kept[counter] = scraper, one
    return [one for _, one in kept.values()]


def _finite(series: RawSeries) -> list[tuple[float, float]]:
    return [sample for sample in series.samples if math.isfinite(sample[1])]


def _rise(samples: Sequence[tuple[float, float]]) -> float:
    """What a counter has counted; one that drops was set back, and has counted its new value since."""
    pairs = pairwise(samples)
    return sum(value - before if value >= before else value for (_, before), (_, value) in pairs)
