"""Whether a metric has too many series to be read, or a label too many values: asked before any traffic moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from modelrollout.analysis.outcome import Value
from modelrollout.api.late import Source
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.metrics.distributions import MOST_VALUES
from modelrollout.metrics.prometheus import MAX_SERIES
from modelrollout.metrics.promql import QueryError, Scope, expand, variables_of
from modelrollout.metrics.provider import MetricProvider
from modelrollout.runtime.looking import comparable, stand_ins_of


@dataclass(frozen=True, slots=True)
class _Counter:
    """A counter that is read raw.

    Attributes:
        field: of the metric, that names it.
        revisions: of how many revisions one read gives the series.
        label: whose values are compared; None where all series are added up.
    """

    field: str
    selector: str
    revisions: int = 2
    label: str | None = None


async def series_problems(rollout: ModelRollout, metric: Metric, provider: MetricProvider) -> AsyncIterator[str]:
    """What is wrong, each as `field (metric): what to write instead`; as stable's counters show now.

    Prometheus counts them, so that nobody reads a hundred thousand series to find that they are too many.
    """
    stable, counters = rollout.status.stable, tuple(_counters(metric))
    if metric.of is not None or metric.source is not Source.PODS:
        # Other pods' series, or nobody's: of them there is nothing to see before.
        return
    if not counters or stable is None or comparable(rollout, stable.revision) is None:
        return
    at = await provider.now()
    if not isinstance(at, float):
        return
    scope = Scope(rollout.key.namespace, rollout.key.name, stand_ins=stand_ins_of(rollout))
    variables = variables_of(scope, stable.revision, stable.version)
    for counter in counters:
        try:
            plain = expand(counter.selector, variables)
        except QueryError:
            # Said of the selector itself.
            continue
        async for problem in _problems(counter, plain, provider, at):
            yield f"{counter.field} ({metric.name}): {problem}"


def _counters(metric: Metric) -> Iterator[_Counter]:
    if metric.ratio is not None:
        yield _Counter("ratio.total", metric.ratio.total)
        if metric.ratio.events is not None:
            yield _Counter("ratio.events", metric.ratio.events)
        if metric.ratio.good is not None:
            yield _Counter("ratio.good", metric.ratio.good)
    if metric.mean is not None:
        yield _Counter("mean.sum", metric.mean.sum)
        yield _Counter("mean.count", metric.mean.count)
    if metric.histogram is not None:
        yield _Counter("histogram.buckets", metric.histogram.buckets)
    if metric.drift is not None:
        yield _Counter("drift.of", metric.drift.of, revisions=1, label=metric.drift.label)


async def _problems(counter: _Counter, plain: str, provider: MetricProvider, at: float) -> AsyncIterator[str]:
    found = await provider.instant(f"count({plain})", at)
    if isinstance(found, Value) and found.value * counter.revisions > MAX_SERIES:
        both = f", which makes {found.value * 2:.0f} with the candidate's," if counter.revisions > 1 else ""
        yield (
            f"selects {found.value:.0f} series of the stable version{both} and at most {MAX_SERIES} are read at once: "
            "add matchers, or drop the label that has so many values"
        )
    if counter.label is None:
        return
    values = await provider.instant(f"count(count by ({counter.label}) ({plain}))", at)
    if isinstance(values, Value) and values.value > MOST_VALUES:
        yield (
            f"the label {counter.label} has {values.value:.0f} values, and at most {MOST_VALUES} are compared: use a "
            "coarser label"
        )
