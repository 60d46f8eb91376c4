"""Limits that nothing can keep, or that forbid nothing: said before any traffic moves."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from modelrollout.analysis.quantile import plain
from modelrollout.api.metrics import Metric
from modelrollout.api.spec import ModelRolloutSpec


def limit_problems(spec: ModelRolloutSpec) -> Iterator[str]:
    """What is wrong with the limits of metrics, each as `field (metric): what to write instead`."""
    for index, metric in enumerate(spec.metrics):
        for field, problem in (*_contradictions(metric), *_shares(metric)):
            yield f"spec.metrics[{index}].check.{field} ({metric.name}): {problem}"


def _contradictions(metric: Metric) -> Iterator[tuple[str, str]]:
    smallest, largest = metric.check.min, metric.check.max
    if smallest is not None and largest is not None and smallest > largest:
        yield (
            "min",
            f"{plain(smallest)} is above max, {plain(largest)}, and no value keeps both: min is the smallest good "
            "value, max the largest",
        )


def _shares(metric: Metric) -> Iterator[tuple[str, str]]:
    """A share is at most 1: `max: "5"` of a ratio forbids nothing, and who wrote it has meant 5 %."""
    check, relative = metric.check, metric.check.no_worse_than
    limits: list[tuple[str, Decimal | None]] = []
    what = "a ratio is a share, and its limits"
    if metric.ratio is not None:
        limits += [("max", check.max), ("min", check.min)]
    elif metric.histogram is not None:
        what = "of a histogram the shares beyond the edge are compared, and their differences"
    else:
        return
    limits += [("noWorseThan.difference", None if relative is None else relative.difference)]
    for field, limit in limits:
        if limit is not None and not 0 <= limit <= 1:
            meant = f": {plain(limit)} % is {plain(limit / 100)}" if 1 < limit <= Decimal(100) else ""
            yield field, f"{what} lie between 0 and 1, not at {plain(limit)}{meant}"
