"""Judges `histogram` metrics: sees to it that the limit is an edge, and has the share beyond it judged as a ratio.

Of a native histogram each bound is an edge. Its resolution may fall later; `metrics.reader` refuses what it then cannot
count, and nothing is ever guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.analysis.quantile import QuantileLimit, in_words, percent, plain
from modelrollout.analysis.ranges import Ranges
from modelrollout.analysis.verdict import CheckResult, Verdict, format_number
from modelrollout.api.metrics import Metric, Unit
from modelrollout.engine.observed import JudgedMetric
from modelrollout.metrics.edges import Buckets, buckets_of, is_native, other_kind
from modelrollout.metrics.memories import Memories
from modelrollout.metrics.natives import bound_problem, standing
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.metrics.series import series_of
from modelrollout.runtime.counting import edge_of
from modelrollout.runtime.findings import Finding, failed
from modelrollout.runtime.looking import Look
from modelrollout.runtime.ratios import Ratios, with_no_data_policy

UNINFORMATIVE_SHARE: Final = 0.95
"""With more of the stable revision's observations than this in one bucket, a histogram shows next to nothing of it."""
UNINFORMATIVE_SAMPLES: Final = 200
"""Observations from which on that is said."""
RECENT_SCRAPES: Final = 3
_EDGES_SHOWN: Final = 30
Shown = Buckets | Ranges
"""A classic histogram, or a native one."""
_UNITS: Final = {Unit.SECONDS: "s", Unit.BYTES: "bytes"}


class Histograms:
    """Judges `histogram` metrics of rollouts that are in a step. One call at a time per rollout and metric."""

    def __init__(self, provider: MetricProvider, ratios: Ratios) -> None:
        self._provider = provider
        self._ratios = ratios
        self._fine = Memories[tuple[str, str, str | None]]()

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._fine.forget(uid)

    def judges(self, metric: Metric) -> bool:
        """Whether the metric is a quantile of a histogram."""
        return metric.histogram is not None

    async def find(self, look: Look, metric: Metric) -> Finding:
        """Judge one metric; without the edge in both revisions there is nothing to judge, and never harm."""
        key = (look.rollout.uid, metric.name)
        pair = (metric.model_dump_json(), look.attempt.revision, look.stable)
        if self._fine.get(key) != pair:
            found = await self._buckets(look, metric)
            if not isinstance(found, dict):
                return failed(metric, found)
            candidate, stable = found.get(look.attempt.revision), found.get(look.stable or "")
            unfit = _unfit(metric, candidate, stable)
            if unfit is not None:
                return unfit
            if stable is not None or look.stable is None:
                # Edges are part of what was built: once seen, they do not change.
                self._fine[key] = pair
        limit = limit_of(metric)
        finding = await self._ratios.find(look, metric, lambda result: in_words(limit, result, metric.min_samples))
        result = finding.judged.result
        if result.worst_slice is None:
            return finding
        # The slices tell shares, and by themselves not of what.
        told = replace(result, reason=f"{result.reason} (of slices the share {limit.beyond})")
        return replace(finding, judged=JudgedMetric(metric, told))

    async def _buckets(self, look: Look, metric: Metric) -> dict[str, Shown] | Unavailable | Rejected | Partial:
        assert metric.histogram is not None  # noqa: S101 - the caller has looked
        hashes = (look.attempt.revision,) if look.stable is None else (look.attempt.revision, look.stable)
        seconds = RECENT_SCRAPES * look.settings.scrape_interval.total_seconds()
        selector = metric.histogram.buckets
        series = await series_of(self._provider, selector, look.scope, hashes, at=look.now, seconds=seconds)
        return shown(metric, series, look.scope, hashes) if isinstance(series, tuple) else series


def shown(metric: Metric, series: Sequence[RawSeries], scope: Scope, hashes: Sequence[str]) -> dict[str, Shown]:
    """The histogram of each revision that has one, of the kind that the metric names."""
    assert metric.histogram is not None  # noqa: S101 - the caller has looked
    if is_native(metric.histogram.buckets):
        return {**standing(series, scope, hashes)}
    return {**buckets_of(series, scope, hashes)}


def _unfit(metric: Metric, candidate: Shown | None, stable: Shown | None) -> Finding | None:
    """Why the histograms that there are cannot be judged; None where they can."""
    name = f"{metric.name} {limit_of(metric).text}"
    if candidate is None:
        assert metric.histogram is not None  # noqa: S101 - the caller has looked
        hint = other_kind(metric.histogram.buckets)
        why = f"{name}: the candidate shows no buckets of this histogram yet ({hint})"
        return _nothing(metric, with_no_data_policy(metric, CheckResult(metric.name, Verdict.NO_DATA, why)))
    problem = edge_problem(metric, candidate, stable) or (None if stable is None else dull_problem(metric, stable))
    if problem is None:
        return None
    return _nothing(metric, CheckResult(metric.name, Verdict.NO_DATA, f"{name}: {problem}"))


def _nothing(metric: Metric, result: CheckResult) -> Finding:
    return Finding(JudgedMetric(metric, result), None, None)


def limit_of(metric: Metric) -> QuantileLimit:
    """A histogram's limit in the user's terms."""
    assert metric.histogram is not None  # noqa: S101 - the caller has looked
    upper = metric.check.max is not None
    return QuantileLimit(metric.histogram.quantile, edge_of(metric), upper, _UNITS.get(metric.unit, ""))


def edge_problem(metric: Metric, candidate: Shown, stable: Shown | None) -> str | None:
    """Why the limit is no edge of both histograms, with the edges that are; None where it is."""
    edge = float(edge_of(metric))
    if isinstance(candidate, Ranges) or isinstance(stable, Ranges):
        return bound_problem(edge, [one for one in (candidate, stable) if isinstance(one, Ranges)])
    if candidate.has(edge) and (stable is None or stable.has(edge)):
        return None
    common = [each for each in candidate.edges if stable is None or stable.has(each)]
    who = "the buckets" if stable is None else "the buckets of both revisions"
    text = plain(edge_of(metric))
    if not common:
        return f"{text} is no edge of {who}, which have none in common: export the same buckets from both"
    shown = ", ".join(format_number(each) for each in common[:_EDGES_SHOWN])
    more = f" and {len(common) - _EDGES_SHOWN} more" if len(common) > _EDGES_SHOWN else ""
    return f"{text} is no edge of {who}; set the limit to one of {shown}{more}"


def dull_problem(metric: Metric, stable: Shown) -> str | None:
    """Why the stable revision's histogram shows nothing of it; None where it does."""
    assert metric.histogram is not None  # noqa: S101 - the caller has looked
    upper, held = _lowest(stable)
    if stable.total < UNINFORMATIVE_SAMPLES or held <= UNINFORMATIVE_SHARE * stable.total:
        return None
    first, share = format_number(upper), percent(held / stable.total)
    return (
        f"{share} of the stable revision's {stable.total:.0f} observations lie in the first bucket, "
        f"at or below {first}, where a value ten times as high looks the same: export finer buckets, or, if only what "
        f"lies beyond {plain(edge_of(metric))} matters, count that bucket and all requests with ratio"
    )


def _lowest(histogram: Shown) -> tuple[float, float]:
    """The upper edge of the bucket that reaches down to zero or below it, and how much lies there."""
    if isinstance(histogram, Buckets):
        return histogram.counts[0]
    return next(((upper, count) for lower, upper, count in histogram.ranges if lower <= 0 < upper), (0.0, 0.0))
