"""Judges metrics of two counters: reads what is new of their counters, folds it, and asks for a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from modelrollout.analysis.ratio import RatioCheck, judge
from modelrollout.analysis.ratio_state import RatioState, gather
from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.metrics import Metric, OnNoData
from modelrollout.engine.observed import JudgedMetric
from modelrollout.metrics.memories import Memories
from modelrollout.metrics.reader import CounterReading
from modelrollout.runtime.counting import Counting, counted_of, rules_of
from modelrollout.runtime.findings import Finding, failed
from modelrollout.runtime.levels import budget_of, dispersion_of
from modelrollout.runtime.looking import Look, limits_of
from modelrollout.runtime.slices import GatheredSlices, KeptSlices

Words = Callable[[CheckResult], CheckResult]


def _as_they_are(result: CheckResult) -> CheckResult:
    return result


@dataclass(frozen=True, slots=True)
class _Memory:
    """Final evidence folded so far. Losing it costs reading, never evidence."""

    identity: tuple[float, str, str, float]
    cursor: float
    whole: RatioState
    step_identity: tuple[int, float]
    step: RatioState
    last_final: float | None
    joined: float = -math.inf
    slices: KeptSlices | None = None


class Ratios:
    """Judges metrics of two counters of rollouts that are in a step. One call at a time per rollout and metric."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self._memories = Memories[_Memory]()

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._memories.forget(uid)

    def judges(self, metric: Metric) -> bool:
        """Whether the metric is one of two counters."""
        return metric.ratio is not None and metric.delayed is None

    async def find(self, look: Look, metric: Metric, words: Words = _as_they_are) -> Finding:
        """Judge one metric.

        Args:
            words: tells the result of the whole metric in the user's terms; slices are told of beside it.
        """
        counted = counted_of(metric)
        assert counted is not None  # noqa: S101 - the caller has looked
        memory = self._memory(look, metric)
        rules = rules_of(look, metric, look.evidence_since(metric))
        reading = await self._counting.read(look, metric.name, (counted.total, counted.marked), rules, memory.cursor)
        if not isinstance(reading, CounterReading):
            return failed(metric, reading)
        ticks = (*reading.final, *reading.provisional)
        passing = look.settled(ticks, rules.grid, memory.joined)
        whole = gather(memory.whole, ticks)
        step = gather(memory.step, passing.ticks)
        last_final = reading.final[-1].at if reading.final else memory.last_final
        slices = GatheredSlices.gather(memory.slices, ticks, passing.ticks)
        self._memories[look.rollout.uid, metric.name] = replace(
            memory,
            cursor=reading.cursor,
            whole=whole.final,
            step=step.final,
            last_final=last_final,
            joined=passing.joined,
            slices=None if slices is None else slices.kept,
        )
        check = RatioCheck(
            metric.name, metric.min_samples, budget_of(look.rollout.spec, look.attempt.number).of_aggregate
        )
        judgement = judge(check, whole, step, look.step.number, look.frozen(metric.name))
        result = words(with_no_data_policy(metric, judgement.result))
        if slices is not None:
            result = slices.judge(look, metric, result)
        return Finding(JudgedMetric(metric, result), last_final, judgement.stable_bound, scraped_at=reading.newest)

    def _memory(self, look: Look, metric: Metric) -> _Memory:
        limits, dispersion = limits_of(metric), dispersion_of(look.attempt, metric)
        start, step = RatioState.start(limits, dispersion), RatioState.start_step(limits, dispersion)
        since = look.evidence_since(metric)
        identity = (since, look.attempt.revision, metric.model_dump_json(), dispersion)
        known = self._memories.get((look.rollout.uid, metric.name))
        if known is None or known.identity != identity:
            return _Memory(
                identity, since, start, look.step_identity, step, None, slices=KeptSlices.start(metric, dispersion)
            )
        if known.step_identity != look.step_identity:
            slices = known.slices and known.slices.at_new_step()
            return replace(known, step_identity=look.step_identity, step=step, slices=slices)
        return known


def with_no_data_policy(metric: Metric, result: CheckResult) -> CheckResult:
    """A ratio whose counts are missing is what the user says it is; a query's evaluations are graded one by one."""
    if result.verdict is not Verdict.NO_DATA or metric.on_no_data is OnNoData.HOLD:
        return result
    verdict = Verdict.PASS if metric.on_no_data is OnNoData.PASS else Verdict.HARM
    reason = f"{result.reason} (onNoData: {metric.on_no_data})"
    return replace(result, verdict=verdict, reason=reason, sure=None)
