"""What can be said of a `histogram` metric before any traffic moves: by its text, and by the stable revision."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.metrics.edges import buckets_of, check_buckets, is_native, of_other_kind
from modelrollout.metrics.natives import standing
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import MetricProvider
from modelrollout.metrics.series import series_of
from modelrollout.runtime.histograms import dull_problem, edge_problem, shown
from modelrollout.runtime.looking import comparable, stand_ins_of

LOOK_BACK_SECONDS: Final = 60.0
"""The usual scrape interval; a Prometheus that scrapes more seldom shows its edges in the first step."""


async def histogram_problems(rollout: ModelRollout, metric: Metric, provider: MetricProvider) -> AsyncIterator[str]:
    """What is wrong, each as `field (metric): what to write instead`."""
    assert metric.histogram is not None  # noqa: S101 - the caller has looked
    problem = check_buckets(metric.histogram.buckets)
    if problem is not None:
        yield f"histogram.buckets ({metric.name}): {problem}"
        return
    stable, at = rollout.status.stable, await provider.now()
    if stable is None or comparable(rollout, stable.revision) is None or not isinstance(at, float):
        return
    scope = Scope(rollout.key.namespace, rollout.key.name, stand_ins=stand_ins_of(rollout))
    hashes = (stable.revision,)
    series = await series_of(provider, metric.histogram.buckets, scope, hashes, at=at, seconds=LOOK_BACK_SECONDS)
    found = shown(metric, series, scope, hashes).get(stable.revision) if isinstance(series, tuple) else None
    if found is None:
        # A stable version without this histogram may be older than it: the candidate's shows in the first step.
        other = of_other_kind(metric.histogram.buckets)
        if other is not None and await _is_there(provider, other, scope, hashes, at):
            yield f"histogram.buckets ({metric.name}): the stable version has it as {other}: write that"
        return
    problem = edge_problem(metric, found, None)
    if problem is not None:
        field = "max" if metric.check.max is not None else "min"
        yield f"check.{field} ({metric.name}): of the stable version, {problem}"
    elif (problem := dull_problem(metric, found)) is not None:
        yield f"histogram.buckets ({metric.name}): {problem}"


async def _is_there(provider: MetricProvider, selector: str, scope: Scope, hashes: tuple[str], at: float) -> bool:
    """Whether a selector is that of a histogram of either kind."""
    series = await series_of(provider, selector, scope, hashes, at=at, seconds=LOOK_BACK_SECONDS)
    if not isinstance(series, tuple):
        return False
    return bool(standing(series, scope, hashes) if is_native(selector) else buckets_of(series, scope, hashes))
