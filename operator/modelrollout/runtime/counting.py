"""How counters of a rollout that is in a step are read: which series, on which ticks, since when."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.api.late import Source
from modelrollout.api.metrics import Metric
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.edges import EVERYTHING, bucket_of, is_native, with_matcher
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from modelrollout.runtime.looking import Look
from modelrollout.runtime.slices import slicing_of

Failure = Unavailable | Rejected | Partial


@dataclass(frozen=True, slots=True)
class Counted:
    """The two counters that a metric is judged on.

    Attributes:
        total: selector of all things, with `$selector` in it.
        marked: selector of events, or of good things, with `$selector` in it.
        marks: which of the two.
        edge: where both are one native histogram, up to where its observations are marked.
    """

    total: str
    marked: str
    marks: Literal["events", "good"]
    edge: float | None = None


def counted_of(metric: Metric) -> Counted | None:
    """The counters of a metric; None where it is read otherwise.

    Of a histogram these are the bucket that ends at the limit and the one that holds everything: beyond a largest value
    is what the first does not hold, beyond a smallest one what it holds. A native histogram is both in one.
    """
    if metric.ratio is not None:
        marked = metric.ratio.events or metric.ratio.good
        assert marked is not None  # noqa: S101 - the model has looked
        return Counted(metric.ratio.total, marked, "good" if metric.ratio.events is None else "events")
    if metric.histogram is not None:
        buckets = metric.histogram.buckets
        marks: Literal["events", "good"] = "good" if metric.check.max is not None else "events"
        if is_native(buckets):
            return Counted(buckets, buckets, marks, float(edge_of(metric)))
        return Counted(with_matcher(buckets, EVERYTHING), bucket_of(buckets, edge_of(metric)), marks)
    return None


def edge_of(metric: Metric) -> Decimal:
    """The edge that a histogram's limit lies at."""
    edge = metric.check.max if metric.check.max is not None else metric.check.min
    assert edge is not None  # noqa: S101 - the model has looked
    return edge


class Counting:
    """Reads counters, through one reader for all. One call at a time per rollout and name."""

    def __init__(self, reader: CounterReader) -> None:
        self._reader = reader

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._reader.forget(uid)

    async def read(
        self, look: Look, name: str, selectors: tuple[str, str], rules: CounterRules, cursor: float
    ) -> CounterReading | Failure:
        """Read what is new of two counters.

        Args:
            name: what the reader remembers them under: a metric's name, or one that no metric can have.
            selectors: of all things, and of those that are marked, as the user wrote them.
            cursor: up to when final ticks are known.
        """
        total, marked = selectors
        request = CounterRequest(
            uid=look.rollout.uid, metric=name, total=total, marked=marked, rules=rules, cursor=cursor, now=look.now
        )
        return await self._reader.read(request, look.reads)


def rules_of(look: Look, metric: Metric | None, since: float) -> CounterRules:
    """How the counters of a metric are counted, or those of requests without one."""
    counted = None if metric is None else counted_of(metric)
    averaged = metric is not None and metric.mean is not None
    return CounterRules(
        grid=look.grid_for(metric),
        since=since,
        scope=look.scope_for(metric),
        candidate=look.attempt.revision,
        stable=look.stable,
        marks="amounts" if averaged else "events" if counted is None else counted.marks,
        slicing=slicing_of(metric),
        carried_by="pods" if metric is None or metric.source is Source.PODS else "nobody",
        edge=None if counted is None else counted.edge,
    )
