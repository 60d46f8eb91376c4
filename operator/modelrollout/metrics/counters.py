"""Raw samples of counters into counts per revision and tick. Pure.

`increase()` extrapolates, loses a series' first value and cannot be added up over ticks, so differences are taken
here, per series, between its own samples:

* A difference belongs to the tick whose span holds the later sample's timestamp. A missed scrape spreads nothing: what
  happened meanwhile lands where the next sample arrives.
* A value that drops is a reset: the new value is what was counted since.
* A series' first sample is a baseline, as its history is unknown; but on a target that had been scraped before without
  it the series is new, and all of its first value counts (an error series is born with its first error).
* After `FORGET_SECONDS` without a sample a series counts as never seen. So what a tick holds depends on the raw
  samples of that much time before it and on nothing older: any reader, started at any time, finds the same.
* A pod that two jobs scrape (one for each Service before it, as a ServiceMonitor does) counts once: by the job whose
  name comes first, until that one has been silent for `QUIET_TICKS` ticks.
* A tick of a revision is unknown (None) where no pod of it was scraped, and zero where it was and nothing happened.
  A target's very first scrape shows nothing but the baseline: what its pod did before it is not known to be nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from modelrollout.analysis.evidence import NOTHING, Counts, Slice, Tick
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import RawSeries
from modelrollout.metrics.readings import Reading, Role, SeriesKey, Target, Twins, series_key, target_of
from modelrollout.metrics.slicing import Slicing
from modelrollout.metrics.ticks import Grid

FORGET_SECONDS: Final = 300.0
"""How far back a sample is remembered; Prometheus's own lookback."""
QUIET_TICKS: Final = 3
"""A job that misses a scrape or two still counts what happened meanwhile; one that is silent for longer is gone."""


@dataclass(frozen=True)
class Batch:
    """Raw samples of one span of time.

    Attributes:
        total: series of the counter of all things.
        marked: series of the counter of events, or of good things.
        scrapes: series of `up` for the same pods: which scrapes succeeded. May be empty; then only the counters' own
            samples show that a target was scraped.
    """

    total: tuple[RawSeries, ...]
    marked: tuple[RawSeries, ...]
    scrapes: tuple[RawSeries, ...] = ()

    @property
    def sides(self) -> tuple[tuple[Role, tuple[RawSeries, ...]], ...]:
        """Both counters, and the part that each takes."""
        return ("total", self.total), ("marked", self.marked)

    @property
    def series(self) -> int:
        """How many series are counted."""
        return len(self.total) + len(self.marked)


@dataclass(frozen=True, slots=True)
class Lead:
    """Which reading of a counter that no pod carries counts, and when it was read last: see `metrics.joining`."""

    reading: SeriesKey
    at: float


@dataclass(frozen=True)
class Ledger:
    """What must be remembered to go on: bounded by the series of the last `FORGET_SECONDS`.

    Attributes:
        last: timestamp and value of the last sample of each series.
        scraped: timestamp of the last successful scrape of each target.
        ahead: per revision, how many good things were counted before their totals (see `_events`); per revision and
            value where the counters are sliced.
        answered: when each pod of the candidate has last answered anything.
        leads: of counters that no pod carries, which reading of each counts.
    """

    last: Mapping[tuple[Role, SeriesKey], tuple[float, float]] = field(default_factory=dict)
    scraped: Mapping[Target, float] = field(default_factory=dict)
    ahead: Mapping[tuple[str, str | None], float] = field(default_factory=dict)
    answered: Mapping[str, float] = field(default_factory=dict)
    leads: Mapping[Role, Mapping[SeriesKey, Lead]] = field(default_factory=dict)


@dataclass(frozen=True)
class CounterRules:
    """How samples are read.

    Attributes:
        grid: the ticks.
        since: samples up to this time serve as baselines only.
        scope: whose series they are, and how their labels name a revision.
        candidate: the candidate revision's hash.
        stable: the stable revision's hash; None where there is none to compare with.
        marks: whether the second counter counts events, or good things (events are then the rest), or adds up amounts.
        slicing: by which label the counts are told apart as well; None for none.
        carried_by: whose counters they are: the pods', or those of a job that counts for them.
        edge: where both counters are one native histogram, up to where its observations are marked.
    """

    grid: Grid
    since: float
    scope: Scope
    candidate: str
    stable: str | None
    marks: Literal["events", "good", "amounts"]
    slicing: Slicing | None = None
    carried_by: Literal["pods", "nobody"] = "pods"
    edge: float | None = None

    @property
    def hashes(self) -> tuple[str, ...]:
        """The revisions to read."""
        return (self.candidate,) if self.stable is None else (self.candidate, self.stable)

    def revision_of(self, labels: Mapping[str, str]) -> str | None:
        """Which of the two revisions a series belongs to, if any."""
        return self.scope.revision_of(labels, self.hashes)


@dataclass(frozen=True, slots=True)
class _Increase:
    role: Role
    revision: str
    labels: Mapping[str, str]
    at: float
    amount: float


@dataclass
class _Sum:
    total: float = 0.0
    marked: float = 0.0
    observed: bool = False


_Sums = defaultdict[tuple[str, str | None, float], _Sum]
"""By revision, value of the label (None for all of them together) and tick."""


def advance(
    ledger: Ledger,
    batch: Batch,
    rules: CounterRules,
    *,
    after: float,
    until: float,
    final: Literal["final", "provisional"],
) -> tuple[Ledger, tuple[Tick, ...]]:
    """Read the samples within `(after, until]` and give one tick for each instant of the grid within it.

    `after` and `until` are ticks. The ledger is the one that reading up to `after` gave; samples that it has seen are
    ignored, and so are those later than `until`.
    """
    scrapes = _scrape_times(ledger, batch, until)
    sums: _Sums = defaultdict(_Sum)
    last = dict(ledger.last)
    answers: dict[str, set[float]] = defaultdict(set)
    for new in _increases(ledger, batch, rules, scrapes=scrapes, until=until, last=last):
        if new.role == "total" and new.revision == rules.candidate and new.amount > 0:
            answers[rules.scope.pod_of(new.labels)].add(new.at)
        if new.at <= rules.since:
            continue
        tick = rules.grid.tick_of(new.at)
        _add(sums[new.revision, None, tick], new)
        if rules.slicing is not None:
            _add(sums[new.revision, rules.slicing.value_of(new.labels), tick], new)
    for revision, tick in _scraped_ticks(batch.scrapes, rules, until, scrapes):
        sums[revision, None, tick].observed = True

    ahead = dict(ledger.ahead)
    unsliced = None if rules.slicing is None else rules.slicing.problem(*_values(last, rules.slicing))
    values = () if unsliced is not None else sorted({value for _, value, _ in sums if value is not None})
    ticks = []
    joined = {rules.grid.tick_of(at) for at in first_answers(ledger.answered, answers)}
    for at in rules.grid.ticks_between(after, until):
        candidate = _counts(sums, (rules.candidate, None, at), ahead, rules)
        stable = None if rules.stable is None else _counts(sums, (rules.stable, None, at), ahead, rules)
        whole = Slice("", candidate, stable)
        parts = tuple(part for value in values if (part := _part(sums, value, at, ahead, rules, whole)) is not None)
        mine, others = (_amount(sums, revision, at, rules) for revision in (rules.candidate, rules.stable))
        ticks.append(Tick(at, candidate, stable, final == "final", parts, unsliced, mine, others, joined=at in joined))
    oldest = until - FORGET_SECONDS
    kept = {key: sample for key, sample in last.items() if sample[0] >= oldest}
    seen = {target: times[-1] for target, times in scrapes.items() if times[-1] >= oldest}
    latest = {**ledger.answered, **{pod: max(times) for pod, times in answers.items()}}
    answered = {pod: at for pod, at in latest.items() if at >= oldest}
    return Ledger(kept, seen, ahead, answered), tuple(ticks)


def _increases(
    ledger: Ledger,
    batch: Batch,
    rules: CounterRules,
    *,
    scrapes: Mapping[Target, Sequence[float]],
    until: float,
    last: dict[tuple[Role, SeriesKey], tuple[float, float]],
) -> Iterator[_Increase]:
    """What each new sample adds; leaves each series' last sample in `last`."""
    keyed = [((role, series_key(series.labels)), series) for role, group in batch.sides for series in group]
    twins = Twins(_readings(ledger, keyed), min(QUIET_TICKS * rules.grid.interval, FORGET_SECONDS))
    for key, series in keyed:
        revision = rules.revision_of(series.labels)
        if revision is None:
            continue
        previous = ledger.last.get(key)
        times = scrapes.get(target_of(series.labels), ())
        before = twins.before(*key)
        for at, value in _usable(series.samples, until):
            if previous is not None and at <= previous[0]:
                continue
            if _scraped_before(times, at) and not twins.count(at, before):
                yield _Increase(key[0], revision, series.labels, at, _increase(previous, (at, value), times))
            previous = (at, value)
        if previous is not None:
            last[key] = previous


def _readings(ledger: Ledger, keyed: Iterable[tuple[tuple[Role, SeriesKey], RawSeries]]) -> Iterator[Reading]:
    for (role, key), (at, _) in ledger.last.items():
        yield role, key, (at,)
    for (role, key), series in keyed:
        yield role, key, tuple(at for at, _ in series.samples)


def first_answers(before: Mapping[str, float], answers: Mapping[str, Iterable[float]]) -> Iterator[float]:
    """When pods have answered for the first time, as far as anybody remembers.

    A pod that is scraped while it loads has answered nobody; so this, and not its first scrape, is when it joined.
    """
    for pod, times in answers.items():
        previous = before.get(pod, -math.inf)
        for at in sorted(times):
            if at - previous > FORGET_SECONDS:
                yield at
            previous = at


def _increase(previous: tuple[float, float] | None, sample: tuple[float, float], scrapes: Sequence[float]) -> float:
    at, value = sample
    if previous is None or at - previous[0] > FORGET_SECONDS:
        return value if _scraped_before(scrapes, at) else 0.0
    return value if value < previous[1] else value - previous[1]


def _scraped_before(scrapes: Sequence[float], at: float) -> bool:
    """Whether a target had been scraped when it was scraped at `at`, as far as anybody remembers."""
    before = bisect_left(scrapes, at)
    return before > 0 and at - scrapes[before - 1] <= FORGET_SECONDS


def _scrape_times(ledger: Ledger, batch: Batch, until: float) -> dict[Target, list[float]]:
    """When each target was scraped with success, ascending: by `up`, and by the counters' own samples."""
    times: dict[Target, set[float]] = defaultdict(set)
    for target, at in ledger.scraped.items():
        times[target].add(at)
    for series in (*batch.total, *batch.marked):
        times[target_of(series.labels)].update(at for at, _ in _usable(series.samples, until))
    for series in batch.scrapes:
        times[target_of(series.labels)].update(at for at, value in series.samples if value == 1.0 and at <= until)
    return {target: sorted(found) for target, found in times.items() if found}


def _scraped_ticks(
    scrapes: Iterable[RawSeries], rules: CounterRules, until: float, times: Mapping[Target, Sequence[float]]
) -> set[tuple[str, float]]:
    """Revisions and ticks in which one of the revision's pods was scraped at all of its targets.

    So a pod that answers its scrapes without ever having counted anything shows zero, and not the unknown: a candidate
    that hangs creates no counter. A pod with several targets, one of them failing, shows nothing by the others.
    """
    worked: set[tuple[str, str, float]] = set()
    failed: set[tuple[str, str, float]] = set()
    for series in scrapes:
        revision = rules.revision_of(series.labels)
        if revision is None:
            continue
        for at, value in series.samples:
            if rules.since < at <= until:
                known = _scraped_before(times.get(target_of(series.labels), ()), at)
                into = worked if value == 1.0 and known else failed
                into.add((revision, rules.scope.pod_of(series.labels), rules.grid.tick_of(at)))
    return {(revision, tick) for revision, _, tick in worked - failed}


def _add(entry: _Sum, new: _Increase) -> None:
    entry.observed = True
    if new.role == "total":
        entry.total += new.amount
    else:
        entry.marked += new.amount


def _values(last: Iterable[tuple[Role, SeriesKey]], slicing: Slicing) -> tuple[set[str], set[str]]:
    """Values of the label on the counter of all things, and on the other one."""
    found: dict[Role, set[str]] = {"total": set(), "marked": set()}
    for role, key in last:
        found[role].add(slicing.value_of(dict(key)))
    return found["total"], found["marked"]


def _amount(sums: _Sums, revision: str | None, at: float, rules: CounterRules) -> float:
    entry = sums.get((revision, None, at)) if rules.marks == "amounts" and revision is not None else None
    return 0.0 if entry is None else entry.marked


def _counts(
    sums: _Sums, key: tuple[str, str | None, float], ahead: dict[tuple[str, str | None], float], rules: CounterRules
) -> Counts | None:
    entry = sums.get(key)
    if entry is None or not entry.observed:
        return None
    if rules.marks == "amounts":
        return Counts.observed(0, entry.total)
    events = entry.marked if rules.marks == "events" else _events(entry, key[:2], ahead)
    return Counts.observed(events, entry.total)


def _part(  # noqa: PLR0917 - private, one caller
    sums: _Sums,
    value: str,
    at: float,
    ahead: dict[tuple[str, str | None], float],
    rules: CounterRules,
    whole: Slice,
) -> Slice | None:
    """One slice of a tick, if anything was counted in it: where the whole is known, the rest did not happen."""
    candidate = stable = None
    if whole.candidate is not None:
        candidate = _counts(sums, (rules.candidate, value, at), ahead, rules) or NOTHING
    if whole.stable is not None and rules.stable is not None:
        stable = _counts(sums, (rules.stable, value, at), ahead, rules) or NOTHING
    counted = any(counts is not None and counts.total > 0 for counts in (candidate, stable))
    return Slice(value, candidate, stable) if counted else None


def _events(entry: _Sum, whose: tuple[str, str | None], ahead: dict[tuple[str, str | None], float]) -> float:
    """Events as total - good, never negative.

    Servers count a request's total when it starts and its good end later. Cutting each tick's negative difference off
    would turn the ebb and flow of requests under way into ever more events, so a surplus of good is carried over and
    set off against the next differences: what is left over is bounded by the requests under way.
    """
    balance = entry.total - entry.marked - ahead.get(whose, 0.0)
    ahead[whose] = max(0.0, -balance)
    return max(0.0, balance)


def _usable(samples: Iterable[tuple[float, float]], until: float) -> Iterator[tuple[float, float]]:
    return ((at, value) for at, value in samples if at <= until and math.isfinite(value) and value >= 0)
