"""Whether counters can be sliced as a spec asks for: one number from Prometheus, before any traffic moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping

from modelrollout.analysis.outcome import NoData, Value
from modelrollout.analysis.slices import too_many
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.metrics.edges import with_matcher
from modelrollout.metrics.promql import QueryError, Scope, expand, variables_of
from modelrollout.metrics.provider import MetricProvider
from modelrollout.runtime.looking import comparable, stand_ins_of


async def slice_problems(rollout: ModelRollout, metric: Metric, provider: MetricProvider) -> AsyncIterator[str]:
    """What is wrong with `sliceBy`, each as `field (metric): what to write instead`; as stable's counters show now."""
    stable = rollout.status.stable
    if metric.slice_by is None or stable is None or comparable(rollout, stable.revision) is None:
        return
    scope = Scope(rollout.key.namespace, rollout.key.name, stand_ins=stand_ins_of(rollout))
    at = await provider.now()
    if not isinstance(at, float):
        return
    async for problem in label_problems(metric, variables_of(scope, stable.revision, stable.version), provider, at):
        yield problem


async def label_problems(
    metric: Metric, variables: Mapping[str, str], provider: MetricProvider, at: float
) -> AsyncIterator[str]:
    """Say what is wrong with the label that a metric is sliced by.

    Prometheus counts the values, so that nobody reads ten thousand series to find that they are too many.

    Args:
        metric: a ratio or a histogram, whose selectors are known to be plain.
        variables: those of a selector, for the revision that is asked about.
        at: Prometheus's clock.
    """
    if metric.slice_by is None:
        return
    label, limit = metric.slice_by.label, metric.slice_by.max_slices
    for field, selector in _counters(metric):
        try:
            plain = expand(selector, variables)
        except QueryError:
            # Said of the selector itself.
            continue
        labelled_only = with_matcher(plain, f'{label}!=""')
        labelled = await provider.instant(f"count(count by ({label}) ({labelled_only}))", at)
        if isinstance(labelled, Value) and labelled.value > limit:
            values = str(round(labelled.value))
            yield f"sliceBy.maxSlices ({metric.name}): {too_many(values, label, 'maxSlices', limit)}"
            return
        if isinstance(labelled, NoData) and isinstance(await provider.instant(f"count({plain})", at), Value):
            both = ", and both counters need it" if metric.ratio is not None else ""
            yield f"sliceBy.label ({metric.name}): no series of {field} has the label {label}{both}"


def _counters(metric: Metric) -> Iterator[tuple[str, str]]:
    """The counters that are sliced, by their fields."""
    if metric.histogram is not None:
        yield "histogram.buckets", metric.histogram.buckets
    if metric.ratio is not None:
        yield "ratio.total", metric.ratio.total
        if metric.ratio.events is not None:
            yield "ratio.events", metric.ratio.events
        if metric.ratio.good is not None:
            yield "ratio.good", metric.ratio.good
