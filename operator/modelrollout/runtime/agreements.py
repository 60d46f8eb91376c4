"""Judges `agreement` metrics: pairs of answers to one request, which a comparer has joined and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from modelrollout.analysis.agreement import AgreementCheck, judge_agreement
from modelrollout.analysis.evidence import NOTHING, Counts, Slice, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.mcnemar import PairedCheck, Wins, judge_paired
from modelrollout.analysis.slices import SlicesEvidence, SlicesState, gather_slices
from modelrollout.analysis.verdict import CheckResult
from modelrollout.api.agreement import Agreement, PairedAnswers, PerClass
from modelrollout.api.metrics import Metric
from modelrollout.engine.observed import JudgedMetric
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.edges import with_matcher
from modelrollout.metrics.memories import Memories
from modelrollout.metrics.promql import Scope, StandIn, expand
from modelrollout.metrics.provider import MetricProvider
from modelrollout.metrics.reader import CounterReading
from modelrollout.metrics.slicing import Slicing
from modelrollout.runtime.counting import Counting, Failure
from modelrollout.runtime.findings import Finding, failed
from modelrollout.runtime.levels import budget_of
from modelrollout.runtime.looking import Look
from modelrollout.runtime.ratios import with_no_data_policy

AGREE, WIN, LOSS = "agree", "win", "loss"
CEILING_SECONDS = 300.0
"""How old the last sample of a ceiling may be."""


@dataclass(frozen=True, slots=True)
class _Memory:
    """Final pairs folded so far, for one outcome. Losing it costs reading, never evidence."""

    identity: tuple[float, str, str]
    cursor: float
    whole: SlicesState
    step_identity: tuple[int, float]
    step: SlicesState
    last_final: float | None = None


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Pairs with one outcome among all: events are those with it."""

    whole: SlicesEvidence
    step: SlicesEvidence
    last_final: float | None


class Agreements:
    """Judges agreement of rollouts that are in a step. One call at a time per rollout and metric."""

    def __init__(self, provider: MetricProvider, counting: Counting) -> None:
        self._provider = provider
        self._counting = counting
        self._memories = Memories[_Memory]()

    def judges(self, metric: Metric) -> bool:
        """Whether the metric is one of pairs."""
        return metric.agreement is not None

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._memories.forget(uid)

    async def find(self, look: Look, metric: Metric) -> Finding:
        """Judge one metric."""
        assert metric.agreement is not None  # noqa: S101 - the caller has looked
        if metric.agreement.per_class is not None:
            return await self._agreement(look, metric, metric.agreement, metric.agreement.per_class)
        assert metric.agreement.paired is not None  # noqa: S101 - the model has looked
        return await self._wins(look, metric, metric.agreement, metric.agreement.paired)

    async def _agreement(self, look: Look, metric: Metric, agreement: Agreement, wanted: PerClass) -> Finding:
        slicing = Slicing(agreement.class_label, wanted.max_classes, "maxClasses")
        pairs = await self._pairs(look, metric, AGREE, slicing)
        if not isinstance(pairs, _Pairs):
            return failed(metric, pairs)
        ceilings = await self._ceilings(look, agreement, wanted)
        check = AgreementCheck(
            metric.name, agreement.class_label, float(wanted.min), wanted.min_pairs, wanted.max_classes
        )
        result = judge_agreement(check, pairs.whole.latest, pairs.step.final, ceilings)
        return _finding(metric, result, pairs.last_final)

    async def _wins(self, look: Look, metric: Metric, agreement: Agreement, wanted: PairedAnswers) -> Finding:
        losses = await self._pairs(look, metric, LOSS, None)
        if not isinstance(losses, _Pairs):
            return failed(metric, losses)
        wins = await self._pairs(look, metric, WIN, None)
        if not isinstance(wins, _Pairs):
            return failed(metric, wins)
        alpha = budget_of(look.rollout.spec, look.attempt.number).of_aggregate
        check = PairedCheck(metric.name, float(wanted.loss_ratio), wanted.min_pairs, alpha)
        result = judge_paired(
            check,
            _ended(wins.whole.latest, losses.whole.latest),
            _ended(wins.step.latest, losses.step.latest),
            _ended(wins.step.final, losses.step.final),
            look.step.number,
        )
        return _finding(metric, result, losses.last_final)

    async def _pairs(self, look: Look, metric: Metric, outcome: str, slicing: Slicing | None) -> _Pairs | Failure:
        """Read what is new of the pairs with one outcome."""
        assert metric.agreement is not None  # noqa: S101 - the caller has looked
        memory = self._memory(look, metric, outcome, 1 if slicing is None else slicing.limit)
        source = source_of(look, metric.agreement.source)
        marked = with_matcher(source, f'{metric.agreement.outcome_label}="{outcome}"')
        rules = CounterRules(
            grid=look.grid_for(metric),
            since=look.evidence_since(metric),
            scope=_scope(look, metric.agreement),
            candidate=look.attempt.revision,
            stable=None,
            marks="events",
            slicing=slicing,
        )
        reading = await self._counting.read(look, _name(metric, outcome), (source, marked), rules, memory.cursor)
        if not isinstance(reading, CounterReading):
            return reading
        ticks = [_whole_as_slice(tick) if slicing is None else tick for tick in (*reading.final, *reading.provisional)]
        begins = look.step_since + rules.grid.interval
        whole = gather_slices(memory.whole, ticks)
        step = gather_slices(memory.step, [tick for tick in ticks if tick.at >= begins])
        last_final = reading.final[-1].at if reading.final else memory.last_final
        self._memories[look.rollout.uid, _name(metric, outcome)] = replace(
            memory, cursor=reading.cursor, whole=whole.final, step=step.final, last_final=last_final
        )
        return _Pairs(whole, step, last_final)

    def _memory(self, look: Look, metric: Metric, outcome: str, limit: int) -> _Memory:
        start, since = SlicesState(Limits(), limit), look.evidence_since(metric)
        identity = (since, look.attempt.revision, metric.model_dump_json())
        known = self._memories.get((look.rollout.uid, _name(metric, outcome)))
        if known is None or known.identity != identity:
            return _Memory(identity, since, start, look.step_identity, start)
        if known.step_identity != look.step_identity:
            return replace(known, step_identity=look.step_identity, step=start)
        return known

    async def _ceilings(self, look: Look, agreement: Agreement, wanted: PerClass) -> Mapping[str, Counts]:
        """Pairs of stable with itself, by class, since the comparer began to count; empty where nothing is known.

        Without a ceiling the user's limit counts as it is written, which only warns.
        """
        if wanted.ceiling is None:
            return {}
        (part,) = _scope(look, agreement).selectors(look.attempt.revision)
        variables = {"selector": part.matchers}
        found = await self._provider.raw(expand(source_of(look, wanted.ceiling), variables), look.now, CEILING_SECONDS)
        sums: dict[str, tuple[float, float]] = {}
        for series in found if isinstance(found, tuple) else ():
            agreed, total = sums.get(value := series.labels.get(agreement.class_label, ""), (0.0, 0.0))
            count = series.samples[-1][1]
            agrees = series.labels.get(agreement.outcome_label) == AGREE
            sums[value] = (agreed + count * agrees, total + count)
        return {value: Counts.observed(*counted) for value, counted in sums.items()}


def source_of(look: Look, selector: str) -> str:
    """A counter of pairs, of this candidate and this stable revision; `$selector` stays for the comparer's series."""
    variables = {
        "selector": "$selector",
        "namespace": look.rollout.key.namespace,
        "rollout": look.rollout.key.name,
        "revision": look.attempt.revision,
        "version": look.attempt.version,
        "stable": look.stable or "",
    }
    return expand(selector, variables)


def _scope(look: Look, agreement: Agreement) -> Scope:
    """The comparer's series, as those of the candidate that they tell of."""
    scope = look.scope
    return replace(scope, stand_ins=(StandIn(look.attempt.revision, agreement.comparer),))


def _whole_as_slice(tick: Tick) -> Tick:
    """All pairs as one class."""
    return tick if tick.candidate is None else replace(tick, slices=(Slice("", tick.candidate, None),))


def _ended(wins: SlicesState, losses: SlicesState) -> Wins:
    won, lost = _counts(wins), _counts(losses)
    return Wins(won.events, lost.events, max(won.total, lost.total, won.events + lost.events))


def _counts(state: SlicesState) -> Counts:
    return state.slices[""].candidate if "" in state.slices else NOTHING


def _name(metric: Metric, outcome: str) -> str:
    """What the reader remembers a counter under; no metric can have that name."""
    return f"{metric.name}${outcome}"


def _finding(metric: Metric, result: CheckResult, last_final: float | None) -> Finding:
    return Finding(JudgedMetric(metric, with_no_data_policy(metric, result)), last_final, None)
