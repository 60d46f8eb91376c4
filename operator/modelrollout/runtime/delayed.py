"""Judges `delayed` metrics: in a step, and after the promotion, when most of their outcomes are known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import LateStatus
from modelrollout.engine.late import delayed_metrics
from modelrollout.engine.observed import JudgedMetric, LateEvidence
from modelrollout.metrics.joining import SERIES
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import MetricProvider
from modelrollout.runtime.cohorts import Cohorts, Ripe, cohort_rules, judged
from modelrollout.runtime.findings import Finding, failed
from modelrollout.runtime.levels import budget_of
from modelrollout.runtime.looking import Look
from modelrollout.runtime.ratios import with_no_data_policy
from modelrollout.runtime.settings import Settings

AGAIN: Final = timedelta(minutes=1)
"""When Prometheus is asked again that does not answer: outcomes of a day do not hurry."""
SOON_SECONDS: Final = 1.0


class Delayed:
    """Judges delayed metrics of rollouts that are in a step. One call at a time per rollout and metric."""

    def __init__(self, provider: MetricProvider) -> None:
        self._cohorts = Cohorts(provider)

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._cohorts.forget(uid)

    def judges(self, metric: Metric) -> bool:
        """Whether outcomes are known late."""
        return metric.delayed is not None

    async def find(self, look: Look, metric: Metric) -> Finding:
        """Judge one metric.

        Where nothing is left to compare with, requests of earlier steps may let it pass: there are no others.
        """
        rules = cohort_rules(metric, look.scope_for(metric), look.attempt.revision, look.stable)
        since, timeout = look.evidence_since(metric), look.settings.scrape_timeout.total_seconds()
        key = (look.rollout.uid, metric.name)
        ripe = await self._cohorts.ripe(key, rules, since, look.now, look.now, timeout)
        if not isinstance(ripe, Ripe):
            return failed(metric, ripe)
        alone = look.leaves_stable_no_share and metric.check.no_worse_than is not None
        passes_since = since if alone else look.passes_since
        alpha = budget_of(look.rollout.spec, look.attempt.number).of_aggregate
        result = judged(metric, alpha, ripe, passes_since, look.step.number)
        return Finding(JudgedMetric(metric, with_no_data_policy(metric, result)), look.now, None)


class Lates:
    """Judges what matures after a promotion. One call at a time per rollout."""

    def __init__(self, provider: MetricProvider, settings: Settings) -> None:
        self._provider = provider
        self._settings = settings
        self._cohorts = Cohorts(provider)

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout."""
        self._cohorts.forget(uid)

    async def find(self, rollout: ModelRollout, late: LateStatus, now: datetime) -> LateEvidence:
        """What is known by now of the requests that both revisions answered, and when more will be."""
        there = await self._provider.now()
        if not isinstance(there, float):
            return LateEvidence((), now + AGAIN, is_complete=False)
        found = []
        more: list[float] = []
        alpha = budget_of(rollout.spec, late.number).of_aggregate
        scope = Scope(rollout.key.namespace, rollout.key.name, SERIES)
        for metric in delayed_metrics(rollout.spec):
            rules = cohort_rules(metric, scope, late.revision, late.against)
            timeout = self._settings.scrape_timeout.total_seconds()
            span = (late.since.timestamp(), late.until.timestamp())
            ripe = await self._cohorts.ripe((rollout.uid, metric.name), rules, *span, there, timeout)
            if not isinstance(ripe, Ripe):
                more.append(there + AGAIN.total_seconds())
                continue
            found.append(JudgedMetric(metric, judged(metric, alpha, ripe, span[0], 1)))
            if ripe.more_at is not None:
                more.append(max(ripe.more_at, there))
        if not more:
            return LateEvidence(tuple(found), None, is_complete=True)
        ahead = max(SOON_SECONDS, min(more) - there)
        return LateEvidence(tuple(found), datetime.fromtimestamp(now.timestamp() + ahead, UTC), is_complete=False)
