"""Outcomes that are known late, counted by when the requests were made.

A job that learns of outcomes counts them with a label that says when the request was made: the Unix time at which the
bucket of that request begins. All requests of a bucket are a cohort. It is read once, when it is mature: when the last
of its requests is as old as outcomes take. So each revision is judged on requests of the same minutes, all equally old.

Counted by arrival instead, a new revision looks far better than it is: of what it answered in the last hour, only the
outcomes that come quickly are there, while stable's are those of days.

A cohort's counters are born with it, so a first sample counts from zero; a value that drops is a reset. Only the total
has to be there: what has no events has no counter of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.metrics.counters import FORGET_SECONDS
from modelrollout.metrics.joining import joined
from modelrollout.metrics.promql import Scope, expand
from modelrollout.metrics.provider import MetricProvider, RawSeries

QUIET_SECONDS: Final = 60.0
"""After so much silence of one pod of the job another one counts."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """How requests are put together by when they were made. Times are Unix seconds.

    Attributes:
        width: seconds of one bucket; buckets begin at its multiples.
        maturity: seconds from a request until its outcome is known, if it ever is.
    """

    width: float
    maturity: float

    def within(self, since: float, until: float) -> tuple[float, ...]:
        """When the buckets begin that lie within this span as a whole."""
        first, end = math.ceil(since / self.width), math.floor(until / self.width)
        return tuple(index * self.width for index in range(first, end))

    def mature_at(self, start: float) -> float:
        """When the outcomes of a bucket's last request are known."""
        return start + self.width + self.maturity


@dataclass(frozen=True, slots=True)
class CohortRules:
    """How cohorts of two revisions are read.

    Attributes:
        total: selector of the counter of all things, as the user wrote it.
        marked: selector of the events, or of good things.
        marks: which of the two.
        label: what says when a bucket began.
    """

    scope: Scope
    candidate: str
    stable: str | None
    total: str
    marked: str
    marks: Literal["events", "good"]
    label: str
    buckets: Buckets

    @property
    def hashes(self) -> tuple[str, ...]:
        """The revisions to read."""
        return (self.candidate,) if self.stable is None else (self.candidate, self.stable)


async def read_cohort(
    provider: MetricProvider, rules: CohortRules, start: float
) -> Tick | Unavailable | Rejected | Partial:
    """What became of the requests of one bucket, as known when they were mature. The tick ends with the bucket.

    Raises:
        QueryError: a selector names a variable that raw counters do not have.
    """
    sides = []
    for selector in (rules.total, rules.marked):
        found = await _series(provider, selector, rules, start)
        if not isinstance(found, tuple):
            return found
        sides.append(found)
    return cohort_tick(sides[0], sides[1], rules, start)


def cohort_tick(total: Sequence[RawSeries], marked: Sequence[RawSeries], rules: CohortRules, start: float) -> Tick:
    """Put a cohort's samples together.

    Nothing is known of it where nobody counted anything of it lately when it was mature: the job was away then, and
    what it had counted before may be half of it.
    """
    mature = rules.buckets.mature_at(start)
    lately = (at for series in total for at, _ in series.samples if mature - FORGET_SECONDS < at <= mature)
    known = any(True for _ in lately)
    totals, marks = _sums(total, rules, mature), _sums(marked, rules, mature)
    counts = {
        one: Counts.observed(marks[one] if rules.marks == "events" else max(0.0, totals[one] - marks[one]), totals[one])
        for one in rules.hashes
    }
    stable = counts[rules.stable] if known and rules.stable is not None else None
    return Tick(start + rules.buckets.width, counts[rules.candidate] if known else None, stable, final=True)


async def _series(
    provider: MetricProvider, selector: str, rules: CohortRules, start: float
) -> tuple[RawSeries, ...] | Unavailable | Rejected | Partial:
    buckets, scope = rules.buckets, rules.scope
    (part,) = scope.selectors(*rules.hashes)
    matchers = f'{part.matchers},{rules.label}="{start:.0f}"'
    query = expand(selector, {"selector": matchers, "namespace": scope.namespace, "rollout": scope.rollout})
    return await provider.raw(query, buckets.mature_at(start), buckets.width + buckets.maturity)


def _sums(group: Sequence[RawSeries], rules: CohortRules, until: float) -> Mapping[str, float]:
    counters, _ = joined(group, {}, QUIET_SECONDS, until)
    sums = dict.fromkeys(rules.hashes, 0.0)
    for counter in counters:
        revision = rules.scope.revision_of(counter.labels, rules.hashes)
        if revision is not None:
            sums[revision] += _counted(counter)
    return sums


def _counted(series: RawSeries) -> float:
    last = counted = 0.0
    for _, value in series.samples:
        if math.isfinite(value) and value >= 0:
            counted += value - last if value >= last else value
            last = value
    return counted
