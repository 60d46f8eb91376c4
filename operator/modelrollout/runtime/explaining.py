"""All the evidence of an attempt: counts and e-values step by step, and the verdict that the judge gives on them.

Nothing is judged here. The verdicts are those of `Judge`, and the e-values those of the states that it folds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from modelrollout.analysis.evidence import NOTHING, Counts, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.ratio import RatioCheck, judge
from modelrollout.analysis.ratio_state import Evidence, RatioState, fold
from modelrollout.analysis.starts import Process
from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.presets import with_chosen
from modelrollout.engine.retold import Retold
from modelrollout.engine.usual import with_kept
from modelrollout.metrics.provider import MetricProvider
from modelrollout.metrics.reader import CounterReader, CounterReading
from modelrollout.runtime.counting import Counting, counted_of, rules_of
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.levels import budget_of, declared_dispersion
from modelrollout.runtime.looking import Look, comparable, limits_of
from modelrollout.runtime.replay import Past
from modelrollout.runtime.settings import Settings

MORE_MAX: Final = 100_000
"""Events in a row beyond which nobody counts them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step of one metric.

    Attributes:
        candidate: its counts in the step, in all ticks in which they are known.
        stable: the stable revision's, in the ticks in which both are.
        log_e: for each limit, by its name, the log e-value of the whole attempt at the end of the step.
        means: of a mean, the candidate's and the stable revision's in the step; None where counts tell it.
    """

    label: str
    candidate: Counts
    stable: Counts
    log_e: tuple[tuple[str, float], ...]
    means: tuple[float | None, float | None] | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """One metric.

    Attributes:
        result: the verdict; None where the metric is not judged in the step.
        level: of each of its limits in the attempt; None where no error probability can be given.
        dispersion: how many requests count as one.
        rows: step by step; empty where counts are not what it is judged by.
        more: how many events of the candidate in a row would be harm now; None where that is not known.
        unread: why there are no rows, where there should be.
    """

    metric: Metric
    result: CheckResult | None
    level: float | None
    dispersion: float
    rows: tuple[Row, ...] = ()
    more: int | None = None
    unread: str | None = None


async def explained(
    rollout: ModelRollout, told: Retold, provider: MetricProvider, settings: Settings, now: datetime
) -> tuple[Explained, ...]:
    """Read the evidence of an attempt again, and judge it as of its end, or of now.

    Args:
        rollout: with the status that tells of the attempt.
        now: Prometheus's clock.
    """
    at = min(now, told.ended_at) if told.ended_at is not None else now
    past = Past(provider, at)
    status = rollout.status.model_copy(update={"attempt": told.attempt})
    rollout = with_kept(with_chosen(replace(rollout, status=status)))
    evidence, _ = await Judge(past, settings).evidence(rollout, told.stable, at)
    results = {judged.metric.name: judged.result for judged in evidence.judged}
    counting = Counting(CounterReader(past, settings.scrape_timeout.total_seconds()))
    look = _look(rollout, told, settings, at)
    return tuple([await _explained(look, told, metric, results, counting) for metric in rollout.spec.metrics])


def _look(rollout: ModelRollout, told: Retold, settings: Settings, at: datetime) -> Look:
    assert told.attempt.step is not None  # noqa: S101 - part of what is told
    return Look(
        rollout=rollout,
        stable=comparable(rollout, told.stable.revision),
        stable_version=told.stable.version,
        attempt=told.attempt,
        step=told.attempt.step,
        settings=settings,
        now=at.timestamp(),
        offset=0.0,
    )


async def _explained(
    look: Look, told: Retold, metric: Metric, results: dict[str, CheckResult], counting: Counting
) -> Explained:
    limits, result = limits_of(metric), results.get(metric.name)
    budget = budget_of(look.rollout.spec, look.attempt.number)
    tested = sum((limits.max is not None, limits.min is not None, limits.is_relative))
    level = budget.of_aggregate / tested if tested and metric.query is None else None
    found = Explained(metric, result, level, declared_dispersion(metric))
    selectors = _selectors(metric)
    if selectors is None:
        return found
    rules = rules_of(look, metric, look.evidence_since(metric))
    reading = await counting.read(look, metric.name, selectors, rules, rules.since)
    if not isinstance(reading, CounterReading):
        return replace(found, unread=str(getattr(reading, "message", "the answer is not whole")))
    ticks = (*reading.final, *reading.provisional)
    if metric.mean is not None:
        return replace(found, rows=tuple(_mean_row(label, part) for label, part in _by_step(told, ticks)))
    check = RatioCheck(metric.name, metric.min_samples, budget.of_aggregate)
    begins = look.passes_since + rules.grid.interval
    folded = _folded(ticks, limits, found.dispersion)
    late = [tick for tick in ticks if tick.at >= begins]
    more = None
    if result is not None and result.verdict is not Verdict.HARM:
        more = _more(check, folded, _folded(late, limits, found.dispersion, of_step=True), look.step.number)
    return replace(found, rows=_rows(told, ticks, limits, found.dispersion), more=more)


def _selectors(metric: Metric) -> tuple[str, str] | None:
    """The counters of a metric: of all things, and of those that are marked, or of what they amount to."""
    if metric.mean is not None:
        return metric.mean.count, metric.mean.sum
    counted = counted_of(metric)
    return None if counted is None else (counted.total, counted.marked)


def _by_step(told: Retold, ticks: Sequence[Tick]) -> Iterator[tuple[str, list[Tick]]]:
    """The ticks of each step. Those before the first step that is known of are its own."""
    begins = [entered.at.timestamp() for entered in told.steps]
    before = -math.inf
    for entered, end in zip(told.steps, [*begins[1:], math.inf], strict=True):
        yield entered.label, [tick for tick in ticks if before < tick.at <= end]
        before = end


def _mean_row(label: str, ticks: Sequence[Tick]) -> Row:
    known = [tick for tick in ticks if tick.candidate is not None]
    paired = [tick for tick in known if tick.stable is not None]
    candidate = sum((tick.candidate or NOTHING for tick in known), NOTHING)
    stable = sum((tick.stable or NOTHING for tick in paired), NOTHING)
    means = (
        sum(tick.candidate_sum for tick in known) / candidate.total if candidate.total else None,
        sum(tick.stable_sum for tick in paired) / stable.total if stable.total else None,
    )
    return Row(label, candidate, stable, (), means)


def _folded(ticks: Sequence[Tick], limits: Limits, dispersion: float, *, of_step: bool = False) -> RatioState:
    state = (RatioState.start_step if of_step else RatioState.start)(limits, dispersion)
    for tick in ticks:
        state = fold(state, tick)
    return state


def _rows(told: Retold, ticks: Sequence[Tick], limits: Limits, dispersion: float) -> tuple[Row, ...]:
    """Counts of each step, and the e-values when it ended."""
    whole, rows = RatioState.start(limits, dispersion), []
    for label, part in _by_step(told, ticks):
        candidate, stable = NOTHING, NOTHING
        for tick in part:
            whole = fold(whole, tick)
            candidate += tick.candidate or NOTHING
            stable += (tick.stable or NOTHING) if tick.candidate is not None else NOTHING
        rows.append(Row(label, candidate, stable, _log_e(whole)))
    return tuple(rows)


def _log_e(state: RatioState) -> tuple[tuple[str, float], ...]:
    named: list[tuple[str, Process | None]] = [("max", state.above_max), ("min", state.below_min)]
    found = [(name, process.log_e) for name, process in named if process is not None]
    if state.worse:
        # Harm needs all edges of noWorseThan, so the least of them counts.
        found.append(("noWorseThan", min(each.log_e for each in state.worse)))
    return tuple(found)


def _more(check: RatioCheck, whole: RatioState, step: RatioState, number: int) -> int | None:
    """How many events of the candidate in a row would be harm, while stable goes on as it did."""
    if whole.candidate.total == 0:
        return None

    def is_harm(events: int) -> bool:
        tick = _tick(whole, events)
        attempt, late = (Evidence(state, fold(state, tick)) for state in (whole, step))
        return judge(check, attempt, late, number).result.verdict is Verdict.HARM

    high = 1
    while not is_harm(high):
        high *= 2
        if high > MORE_MAX:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_harm(middle) else (middle, high)
    return high


def _tick(state: RatioState, events: int) -> Tick:
    """So many requests of the candidate that are all bad, and as many of stable as its share is."""
    stable, beside = state.paired_stable, max(1, state.paired_candidate.total)
    total = round(events * stable.total / beside)
    good = state.limits.more_is_better
    candidate = Counts(0 if good else events, events)
    told = Counts(round(total * (stable.rate or 0.0)), total) if total else None
    return Tick(math.inf, candidate, told, final=False)
