"""Reads what a metric was in earlier spans of time: from Prometheus, one value for each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from modelrollout.analysis.outcome import NoData, NotFinite, Value
from modelrollout.analysis.query import describe
from modelrollout.api.metrics import Metric
from modelrollout.metrics.past_values import value_query
from modelrollout.metrics.promql import QueryError, Scope, Selector
from modelrollout.metrics.provider import MetricProvider

AT_ONCE: Final = 8
"""Queries under way together: history is read while others are judged."""


async def values_of(  # noqa: PLR0917 - two callers, with names that say it
    metric: Metric,
    scope: Scope,
    parts: Sequence[Selector],
    provider: MetricProvider,
    ends: Sequence[float],
    window: float,
    others: Mapping[str, str] | None = None,
) -> tuple[float | None, ...] | str:
    """The value of each span, None where it has none; why nothing can be read as a text.

    Args:
        parts: whose values: the selectors that together select them.
        ends: when each span ends, unix seconds on Prometheus's clock.
        window: how long each is, in seconds.
        others: what `$revision` and `$version` stand for.
    """
    try:
        query = value_query(metric, scope, parts, window, others)
    except QueryError as error:
        return str(error)
    if query is None:
        return "it is no single value"
    found: list[float | None] = []
    for start in range(0, len(ends), AT_ONCE):
        together = [provider.instant(query, end) for end in ends[start : start + AT_ONCE]]
        for outcome in await asyncio.gather(*together):
            match outcome:
                case Value(value):
                    found.append(value)
                case NoData() | NotFinite():
                    # Nobody served, or nobody asked.
                    found.append(None)
                case failure:
                    return describe(failure)
    return tuple(found)
