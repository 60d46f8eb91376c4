"""Judges `mean` metrics: reads what is new of a sum and a count, folds it, and asks for a verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelrollout.analysis.evidence import Tick
from modelrollout.analysis.mean import judge
from modelrollout.analysis.mean_state import MeanState, gather
from modelrollout.analysis.ratio import RatioCheck
from modelrollout.api.metrics import Metric
from modelrollout.engine.observed import JudgedMetric
from modelrollout.metrics.memories import Memories
from modelrollout.metrics.reader import CounterReading
from modelrollout.runtime.counting import Counting, rules_of
from modelrollout.runtime.findings import Finding, failed
from modelrollout.runtime.levels import budget_of
from modelrollout.runtime.looking import Look, limits_of
from modelrollout.runtime.ratios import with_no_data_policy


@dataclass(frozen=True, slots=True)
class _Memory:
    """Final evidence folded so far. Losing it costs reading, never evidence."""

    identity: tuple[float, str, str]
    cursor: float
    whole: MeanState
    step_identity: tuple[int, float]
    step: MeanState
    last_final: float | None
    joined: float = -math.inf


class Means:
    """Judges averages of rollouts that are in a step. One call at a time per rollout and metric."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self._memories = Memories[_Memory]()

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._memories.forget(uid)

    def judges(self, metric: Metric) -> bool:
        """Whether the metric is an average."""
        return metric.mean is not None

    async def find(self, look: Look, metric: Metric) -> Finding:
        """Judge one metric."""
        assert metric.mean is not None  # noqa: S101 - the caller has looked
        memory = self._memory(look, metric)
        rules = rules_of(look, metric, look.evidence_since(metric))
        selectors = (metric.mean.count, metric.mean.sum)
        reading = await self._counting.read(look, metric.name, selectors, rules, memory.cursor)
        if not isinstance(reading, CounterReading):
            return failed(metric, reading)
        ticks = scaled((*reading.final, *reading.provisional), metric.mean.factor)
        passing = look.settled(ticks, rules.grid, memory.joined)
        whole = gather(memory.whole, ticks)
        step = gather(memory.step, passing.ticks)
        last_final = reading.final[-1].at if reading.final else memory.last_final
        self._memories[look.rollout.uid, metric.name] = replace(
            memory,
            cursor=reading.cursor,
            whole=whole.final,
            step=step.final,
            last_final=last_final,
            joined=passing.joined,
        )
        budget = budget_of(look.rollout.spec, look.attempt.number)
        check = RatioCheck(metric.name, metric.min_samples, budget.of_aggregate)
        judgement = judge(check, whole, step, look.step.number, look.frozen(metric.name))
        result = with_no_data_policy(metric, judgement.result)
        return Finding(JudgedMetric(metric, result), last_final, judgement.stable_bound, scraped_at=reading.newest)

    def _memory(self, look: Look, metric: Metric) -> _Memory:
        start = MeanState.start(limits_of(metric))
        since = look.evidence_since(metric)
        identity = (since, look.attempt.revision, metric.model_dump_json())
        known = self._memories.get((look.rollout.uid, metric.name))
        if known is None or known.identity != identity:
            return _Memory(identity, since, start, look.step_identity, start, None)
        if known.step_identity != look.step_identity:
            return replace(known, step_identity=look.step_identity, step=start)
        return known


def scaled(ticks: Sequence[Tick], scale: float) -> tuple[Tick, ...]:
    """The ticks with their amounts in the metric's unit."""
    if scale == 1:
        return tuple(ticks)
    return tuple(
        replace(tick, candidate_sum=tick.candidate_sum * scale, stable_sum=tick.stable_sum * scale) for tick in ticks
    )
