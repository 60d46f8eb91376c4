"""Raw series of several revisions, each known for whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.metrics.promql import STAND_IN, Scope, Selector, expand
from modelrollout.metrics.provider import MetricProvider, RawSeries


async def series_of(
    provider: MetricProvider, selector: str, scope: Scope, hashes: Sequence[str], *, at: float, seconds: float
) -> tuple[RawSeries, ...] | Unavailable | Rejected | Partial:
    """The raw samples of these revisions within `(at - seconds, at]`; series of a stand-in are marked as its own.

    Args:
        selector: a plain selector with `$selector` in it, as the user wrote it.

    Raises:
        QueryError: the selector names a variable that raw counters do not have.
    """
    return await _series_of(provider, selector, scope, scope.selectors(*hashes), at=at, seconds=seconds)


async def history_of(
    provider: MetricProvider, selector: str, scope: Scope, *, at: float, seconds: float
) -> tuple[RawSeries, ...] | Unavailable | Rejected | Partial:
    """The raw samples of all that served the rollout within `(at - seconds, at]`, whichever revision it was.

    Raises:
        QueryError: the selector names a variable that raw counters do not have.
    """
    return await _series_of(provider, selector, scope, scope.history(), at=at, seconds=seconds)


async def _series_of(
    provider: MetricProvider, selector: str, scope: Scope, parts: Sequence[Selector], *, at: float, seconds: float
) -> tuple[RawSeries, ...] | Unavailable | Rejected | Partial:
    found: list[RawSeries] = []
    for part in parts:
        variables = {"selector": part.matchers, "namespace": scope.namespace, "rollout": scope.rollout}
        series = await provider.raw(expand(selector, variables), at, seconds)
        if not isinstance(series, tuple):
            return series
        mark = {} if part.stand_in is None else {STAND_IN: part.stand_in}
        found += [replace(one, labels={**one.labels, **mark}) for one in series] if mark else series
    return tuple(found)
