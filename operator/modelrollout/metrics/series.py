"""Raw series of several revisions, each known for whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.metrics.promql import STAND_IN, Scope, expand
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
    found: list[RawSeries] = []
    for part in scope.selectors(*hashes):
        variables = {"selector": part.matchers, "namespace": scope.namespace, "rollout": scope.rollout}
        series = await provider.raw(expand(selector, variables), at, seconds)
        if not isinstance(series, tuple):
            return series
        mark = {} if part.stand_in is None else {STAND_IN: part.stand_in}
        found += [replace(one, labels={**one.labels, **mark}) for one in series] if mark else series
    return tuple(found)
