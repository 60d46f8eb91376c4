"""Evidence from queries: one value per revision and tick."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from modelrollout.analysis.bounds import absolute_bounds
from modelrollout.analysis.outcome import Outcome, Rejected, Unavailable, Value
from modelrollout.analysis.query import Evaluation, OnNoData, QueryCheck, judge
from modelrollout.api.metrics import Metric, Mode
from modelrollout.engine.observed import JudgedMetric
from modelrollout.metrics.memories import Memories
from modelrollout.metrics.promql import QueryError, clip_window, expand, names_revision, variables_of
from modelrollout.metrics.provider import MetricProvider
from modelrollout.metrics.ticks import is_final
from modelrollout.runtime.findings import Finding, failed
from modelrollout.runtime.looking import Look, limits_of

DEFAULT_WINDOW_SECONDS = 60.0
REMEMBERED = 100
"""Evaluations that are kept; a row of failures longer than any failureLimit fits in."""


@dataclass(frozen=True, slots=True)
class _Memory:
    identity: tuple[tuple[int, float], str, str]
    final: tuple[Evaluation, ...]


class Asking:
    """Judges queries of rollouts that are in a step. One call at a time per rollout."""

    def __init__(self, provider: MetricProvider) -> None:
        self._provider = provider
        self._memories = Memories[_Memory]()

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._memories.forget(uid)

    def judges(self, metric: Metric) -> bool:
        """Whether the metric is a query."""
        return metric.query is not None

    async def find(self, look: Look, metric: Metric) -> Finding:
        """Judge one metric."""
        key = (look.rollout.uid, metric.name)
        identity = (look.step_identity, look.attempt.revision, metric.model_dump_json())
        known = self._memories.get(key)
        final = list(known.final) if known is not None and known.identity == identity else []
        evaluations = [await self._evaluate(look, metric, tick) for tick in self._open_ticks(look, metric, final)]
        made = [evaluation for evaluation in evaluations if evaluation is not None]
        lost = next((e.candidate for e in made if isinstance(e.candidate, Unavailable | Rejected)), None)
        if lost is not None:
            return failed(metric, lost)
        final += [evaluation for evaluation in made if evaluation.final]
        self._memories[key] = _Memory(identity, tuple(final[-REMEMBERED:]))
        provisional = [evaluation for evaluation in made if not evaluation.final]
        check = QueryCheck(
            name=metric.name,
            limits=limits_of(metric),
            failure_limit=metric.failure_limit or 0,
            on_no_data=OnNoData(metric.on_no_data.value),
        )
        seen = [*final, *provisional]
        if metric.mode is Mode.HOLD:
            # It waits while it fails: a row of failures that is over says nothing any more.
            seen = seen[-(check.failure_limit + 1) :]
        judgement = judge(check, seen, look.frozen(metric.name))
        last_final = final[-1].at if final else None
        bound = judgement.stable_value if metric.check.no_worse_than is not None else None
        return Finding(JudgedMetric(metric, judgement.result), last_final, bound)

    def _open_ticks(self, look: Look, metric: Metric, final: list[Evaluation]) -> tuple[float, ...]:
        """Ticks to evaluate: those since the last final one, and after a restart as many as a verdict needs."""
        ticks = look.grid_for(metric).ticks_between(final[-1].at if final else look.step_since, look.now)
        return ticks[-((metric.failure_limit or 0) + 3) :]

    async def _evaluate(self, look: Look, metric: Metric, tick: float) -> Evaluation | None:
        wanted = metric.window.total_seconds() if metric.window else DEFAULT_WINDOW_SECONDS
        window = clip_window(wanted, tick - look.step_since, look.settings.scrape_interval.total_seconds())
        if window is None:
            return None
        revisions = [(look.attempt.revision, look.attempt.version)]
        if metric.check.no_worse_than is not None and look.stable is not None and not look.leaves_stable_no_share:
            revisions.append((look.stable, look.stable_version))
        outcomes = list(
            await asyncio.gather(
                *(self._ask(look, metric, revision, version, window, tick) for revision, version in revisions)
            )
        )
        if len(outcomes) == 1 and _blames(look, metric, outcomes[0]) and look.stable is not None:
            # Only now it matters whether stable fails too, at the same instant.
            outcomes.append(await self._ask(look, metric, look.stable, look.stable_version, window, tick))
        stable = outcomes[1] if len(outcomes) > 1 else None
        scrape_timeout = look.settings.scrape_timeout.total_seconds()
        return Evaluation(tick, outcomes[0], stable, is_final(tick, look.now, scrape_timeout))

    async def _ask(  # noqa: PLR0917 - private, one caller
        self, look: Look, metric: Metric, revision: str, version: str, window: float, tick: float
    ) -> Outcome:
        assert metric.query is not None  # noqa: S101 - the caller has looked
        try:
            query = expand(metric.query, variables_of(look.scope, revision, version, window))
        except QueryError as error:
            return Rejected(str(error))
        return await self._provider.instant(query, tick)


def _blames(look: Look, metric: Metric, outcome: Outcome) -> bool:
    """Whether a value breaks an absolute limit of a metric that blames the candidate, while stable has one of its own.

    A query that names no revision gives both the same, which says nothing of stable.
    """
    if not isinstance(outcome, Value) or metric.mode is not Mode.ENFORCE or look.leaves_stable_no_share:
        return False
    if metric.query is None or not names_revision(metric.query):
        return False
    return any(not bound.keeps(outcome.value) for bound in absolute_bounds(limits_of(metric)))
