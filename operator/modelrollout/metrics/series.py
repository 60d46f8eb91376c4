"""Raw series of several revisions, each known for whose it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from modelrollout.metrics.promql import STAND_IN, Scope, Selector, expand
from modelrollout.metrics.provider import MetricProvider, RawOutcome, RawSeries

Selected = tuple[tuple[str, str | None], ...]
"""Selectors as Prometheus reads them, each with the stand-in whose series it selects; None for revisions."""


async def series_of(
    provider: MetricProvider, selector: str, scope: Scope, hashes: Sequence[str], *, at: float, seconds: float
) -> RawOutcome:
    """The raw samples of these revisions within `(at - seconds, at]`; series of a stand-in are marked as its own.

    Args:
        selector: a plain selector with `$selector` in it, as the user wrote it.

    Raises:
        QueryError: the selector names a variable that raw counters do not have.
    """
    return await _series_of(provider, selector, scope, scope.selectors(*hashes), at=at, seconds=seconds)


async def history_of(provider: MetricProvider, selector: str, scope: Scope, *, at: float, seconds: float) -> RawOutcome:
    """The raw samples of all that served the rollout within `(at - seconds, at]`, whichever revision it was.

    Raises:
        QueryError: the selector names a variable that raw counters do not have.
    """
    return await _series_of(provider, selector, scope, scope.history(), at=at, seconds=seconds)


async def _series_of(
    provider: MetricProvider, selector: str, scope: Scope, parts: Sequence[Selector], *, at: float, seconds: float
) -> RawOutcome:
    return await all_of(selected(selector, scope, parts), lambda each: provider.raw(each, at, seconds))


def selected(selector: str, scope: Scope, parts: Sequence[Selector]) -> Selected:
    """A selector as Prometheus reads it, once for each part.

    Raises:
        QueryError: the selector names a variable that raw counters do not have.
    """
    variables = {"namespace": scope.namespace, "rollout": scope.rollout}
    return tuple((expand(selector, variables | {"selector": part.matchers}), part.stand_in) for part in parts)


async def all_of(selectors: Selected, read: Callable[[str], Awaitable[RawOutcome]]) -> RawOutcome:
    """What all of them select; series of a stand-in are marked as its own."""
    found: list[RawSeries] = []
    for selector, stand_in in selectors:
        series = await read(selector)
        if not isinstance(series, tuple):
            return series
        mark = {} if stand_in is None else {STAND_IN: stand_in}
        found += [replace(one, labels={**one.labels, **mark}) for one in series] if mark else series
    return tuple(found)
