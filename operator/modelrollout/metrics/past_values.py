"""What a metric was in a span of time, as one query. Pure.

Good enough for what is usual: `increase` extrapolates, which a quotient of two of them cancels, and misses what a pod
counted before its first scrape. Verdicts are made on counts that miss nothing (`counters`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from modelrollout.api.metrics import Metric
from modelrollout.metrics.promql import Scope, Selector, duration, expand

NOTHING_YET: Final = "vector(0)"
"""Where nothing was ever marked, the counter does not exist: none of all is 0, and not unknown."""


def value_query(
    metric: Metric, scope: Scope, parts: Sequence[Selector], window: float, others: Mapping[str, str] | None = None
) -> str | None:
    """Give the query for a metric's value in the seconds of `window` before an instant; None where there is none.

    Args:
        parts: the matchers that together select whose value it is.
        others: what `$revision` and `$version` stand for, where it is about one revision.

    Raises:
        QueryError: the metric names a variable that has no value here, or is a query and its parts are several.
    """

    def risen(selector: str) -> str:
        made = (f"increase({expand(selector, _variables(scope, part))}[{duration(window)}])" for part in parts)
        return f"sum({' or '.join(made)})"

    if metric.ratio is not None:
        marked = metric.ratio.events or metric.ratio.good
        assert marked is not None  # noqa: S101 - the model has looked
        share = f"({risen(marked)} or {NOTHING_YET}) / {risen(metric.ratio.total)}"
        return share if metric.ratio.events is not None else f"1 - {share}"
    if metric.mean is not None:
        return f"{risen(metric.mean.sum)} / {risen(metric.mean.count)}"
    if metric.query is not None:
        return expand(metric.query, _variables(scope, parts[0]) | {"window": duration(window)} | dict(others or {}))
    return None


def total_query(metric: Metric, scope: Scope, parts: Sequence[Selector], window: float) -> str | None:
    """Give the query for how many things a ratio counted in the seconds of `window` before an instant."""
    if metric.ratio is None:
        return None
    total = metric.ratio.total
    made = (f"increase({expand(total, _variables(scope, part))}[{duration(window)}])" for part in parts)
    return f"sum({' or '.join(made)})"


def _variables(scope: Scope, part: Selector) -> dict[str, str]:
    return {"selector": part.matchers, "namespace": scope.namespace, "rollout": scope.rollout}
