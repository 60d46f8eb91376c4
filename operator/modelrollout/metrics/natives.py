"""Native histograms: as Prometheus sends them, and as the counters that they stand for. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from modelrollout.analysis.outcome import Rejected
from modelrollout.analysis.ranges import Ranges, added, increase
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import Native, RawSeries

NOTHING: Final = Ranges((), 0.0)


def natives_in(samples: Sequence[Any]) -> tuple[tuple[float, Native], ...] | None:
    """The histograms of one series in an answer of the HTTP API; None where they have another form.

    Each is `[at, {count, sum, buckets: [[rule, lower, upper, count], ...]}]`, numbers as text. Stale or broken ones
    (NaN, a count below 0) are left out, as nothing can be counted by them.
    """
    try:
        read = [(float(at), _native(one["count"], one["sum"], one.get("buckets") or ())) for at, one in samples]
    except (TypeError, ValueError, KeyError, AttributeError):
        return None
    return tuple((at, native) for at, native in read if native is not None)


def _native(count: str, total: str, buckets: Sequence[Sequence[Any]]) -> Native | None:
    numbers = [(float(lower), float(upper), float(held)) for _, lower, upper, held in buckets]
    whole = float(count)
    if not math.isfinite(whole) or whole < 0 or not all(held >= 0 and math.isfinite(held) for _, _, held in numbers):
        return None
    ranges = tuple(sorted((_below(lower, upper), upper, held) for lower, upper, held in numbers if held > 0))
    return Native(Ranges(ranges, whole), float(total))


def _below(lower: float, upper: float) -> float:
    """The lower bound of a bucket, also of a zero bucket that is no wider than zero."""
    return lower if lower < upper else math.nextafter(upper, -math.inf)


def observed(series: RawSeries, after: float, until: float, *, born_after: float) -> Ranges | None:
    """What a histogram has counted within `(after, until]`; None where it was not seen in it.

    As with counters, a first sample counts as a whole where the target had been scraped before without it.

    Args:
        born_after: when the target was first scraped.
    """
    base: Ranges | None = None
    last: Ranges | None = None
    parts: list[Ranges] = []
    seen = False
    for at, native in series.natives:
        if at > until:
            break
        now = native.ranges
        if at <= after:
            base = last = now
            continue
        seen = True
        if last is None or base is None:
            base = NOTHING if at > born_after else now
        elif increase(last, now) is None:
            parts.append(_since(base, last))
            base = NOTHING
        last = now
    if not seen or base is None or last is None:
        return None
    return added((*parts, _since(base, last)))


def _since(base: Ranges, last: Ranges) -> Ranges:
    grown = increase(base, last)
    # A restart that no two neighbouring samples show, as a coarser one lies between.
    return last if grown is None else grown


def standing(series: Iterable[RawSeries], scope: Scope, hashes: Iterable[str]) -> dict[str, Ranges]:
    """The native histogram of each revision that has one, by the last sample of each series, all added up."""
    revisions = tuple(hashes)
    found: dict[str, list[Ranges]] = defaultdict(list)
    for one in series:
        revision = scope.revision_of(one.labels, revisions)
        if revision is not None and one.natives:
            found[revision].append(one.natives[-1][1].ranges)
    return {revision: added(parts) for revision, parts in found.items()}


def at_edge(series: Iterable[RawSeries], edge: float) -> tuple[RawSeries, ...] | Rejected:
    """The counters of what lies at or below an edge, as the bucket of a classic histogram is one.

    Rejected where a series is no native histogram, or has a bucket around the edge.
    """
    found: list[RawSeries] = []
    for one in series:
        if len(one.natives) < len(one.samples):
            name = one.labels.get("__name__", "the series")
            return Rejected(f"{name} is no native histogram; of a classic one, write {name}_bucket{{$selector}}")
        below = [(at, native.ranges.at_or_below(edge)) for at, native in one.natives]
        if any(count is None for _, count in below):
            problem = bound_problem(edge, [native.ranges for _, native in one.natives])
            return Rejected(problem or f"{edge:.6g} lies within a bucket")
        found.append(RawSeries(one.labels, tuple((at, count) for at, count in below if count is not None)))
    return tuple(found)


def sums(series: Iterable[RawSeries]) -> tuple[RawSeries, ...]:
    """The counters of all that was observed, as `_sum` of a classic histogram is one; other series as they are."""
    return tuple(
        RawSeries(one.labels, tuple((at, native.sum) for at, native in one.natives)) if one.natives else one
        for one in series
    )


def marked_by(
    series: tuple[RawSeries, ...], marks: Literal["events", "good", "amounts"], edge: float | None
) -> tuple[RawSeries, ...] | Rejected:
    """What is marked of native histograms, as `CounterRules` has it; their totals are counters as they are.

    Rejected as `at_edge` rejects, where there is an edge.
    """
    if edge is not None:
        return at_edge(series, edge)
    return sums(series) if marks == "amounts" else series


def bound_problem(edge: float, histograms: Sequence[Ranges]) -> str | None:
    """Why a limit cannot be counted in all of these histograms, with what to write instead; None where it can."""
    around = added(histograms).around(edge)
    if around is None:
        return None
    lower, upper = around
    return (
        f"{edge:.6g} is no bound of the native buckets: the nearest are {lower:.6g} and {upper:.6g}; powers of two are "
        "bounds of all but the coarsest"
    )
