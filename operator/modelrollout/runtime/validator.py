"""Everything that can be wrong with a spec that the CRD lets through, asked of those who know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from modelrollout.analysis.outcome import Ambiguous
from modelrollout.api.errors import TransientError
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.engine.fallback import fields_of
from modelrollout.engine.report import PROBLEM_REASONS
from modelrollout.engine.revisions import Revision
from modelrollout.engine.validate import problems_of
from modelrollout.gates.gates import Gates
from modelrollout.kube.errors import ForbiddenError
from modelrollout.metrics.promql import (
    QueryError,
    Scope,
    check_matchers,
    check_ratio_selector,
    expand,
    unknown_variables,
    variables_of,
)
from modelrollout.metrics.provider import MetricProvider, ProviderUnavailableError
from modelrollout.runtime.agreement_problems import agreement_problems
from modelrollout.runtime.drift_review import drift_problems
from modelrollout.runtime.histogram_review import histogram_problems
from modelrollout.runtime.logs import logger
from modelrollout.runtime.looking import comparable, stand_ins_of
from modelrollout.runtime.series_problems import series_problems
from modelrollout.runtime.slice_problems import slice_problems
from modelrollout.traffic.registry import Traffics
from modelrollout.workload.registry import Workloads

ASK_AGAIN: Final = timedelta(seconds=30)
"""How long an objection is believed that may be mended without a change of the spec, such as a name that is taken."""
EXAMPLE_WINDOW_SECONDS: Final = 60.0
_ONCE_MORE: Final = "whoever led before had it checked, and it is soon checked again"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the API server and Prometheus said.

    Attributes:
        unanswered: who could not be asked, and why; None when all have answered.
    """

    generation: int
    uid: str
    at: datetime
    problems: tuple[str, ...]
    unanswered: str | None


class Validator:
    """Asks the API server and Prometheus once per generation, and again while they object or do not answer.

    A generation that status calls checked is not asked about after a restart; a check that only a newer version of the
    operator makes applies to the next one.

    What the spec itself and the caches tell is free, and asked at every look.
    """

    def __init__(self, workloads: Workloads, traffics: Traffics, gates: Gates) -> None:
        self._workloads = workloads
        self._traffics = traffics
        self._gates = gates
        self._known: dict[Key, _Known] = {}

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a rollout that is gone."""
        self._known.pop(key, None)

    async def problems(
        self, rollout: ModelRollout, desired: Revision, provider: MetricProvider, now: datetime
    ) -> tuple[str, ...]:
        """Why the spec cannot be carried out, all at once; empty when it can."""
        objections = self._workloads.of(rollout).objections(rollout, desired)
        free = (*problems_of(rollout.spec), *objections, *self._traffics.of(rollout).problems(rollout))
        known = self._known.get(rollout.key) or _inherited(rollout, desired, now)
        if known is None or not _still_counts(known, rollout, now):
            known = await self._ask(rollout, desired, provider, now)
        self._known[rollout.key] = known
        return (*free, *known.problems)

    def unanswered(self, key: Key) -> str | None:
        """Why the spec is not fully checked yet; None when it is."""
        known = self._known.get(key)
        return None if known is None else known.unanswered

    def ask_again_at(self, key: Key) -> datetime | None:
        """When somebody is asked again although nothing has changed; None if that is not needed."""
        known = self._known.get(key)
        return None if known is None or _is_settled(known) else known.at + ASK_AGAIN

    async def _ask(self, rollout: ModelRollout, desired: Revision, provider: MetricProvider, now: datetime) -> _Known:
        problems: list[str] = []
        unanswered = None
        try:
            problems += await self._workloads.of(rollout).problems(rollout, desired)
            problems += await self._traffics.of(rollout).review(rollout)
            problems += await self._gates.problems(rollout, desired, now)
            problems += [problem async for problem in _metric_problems(rollout, desired, provider)]
        except ForbiddenError as error:
            # A missing right or a full quota: nothing of the spec can be carried out, and what works goes on.
            problems.append(error.message)
        except (TransientError, ProviderUnavailableError) as error:
            # Not knowing is no defect of the spec: what is known counts, and the rest is asked again.
            logger().info("spec not fully checked yet", error=str(error))
            unanswered = str(error)
        return _Known(rollout.generation, rollout.uid, now, tuple(dict.fromkeys(problems)), unanswered)


def _inherited(rollout: ModelRollout, desired: Revision, now: datetime) -> _Known | None:
    """What another process had found out before, as far as status tells; None where somebody has to be asked."""
    status = rollout.status
    if status.observed_generation != rollout.generation or any(c.reason in PROBLEM_REASONS for c in status.conditions):
        return None
    good = _Known(rollout.generation, rollout.uid, now, (), None)
    if status.attempt is not None and status.attempt.step is not None:
        # No step begins before the spec is checked. After a restart a thousand candidates are judged before the first
        # spec is asked about again.
        return replace(good, unanswered=_ONCE_MORE)
    # It rests at what it asks for: there is nothing to begin, and ten thousand that rest are nobody's work.
    return good if status.attempt is None and status.stable and status.stable.revision == desired.hash else None


def _is_settled(known: _Known) -> bool:
    return known.unanswered is None and not known.problems


def _still_counts(known: _Known, rollout: ModelRollout, now: datetime) -> bool:
    if (known.generation, known.uid) != (rollout.generation, rollout.uid):
        return False
    return _is_settled(known) or known.at <= now < known.at + ASK_AGAIN


async def _metric_problems(rollout: ModelRollout, desired: Revision, provider: MetricProvider) -> AsyncIterator[str]:
    for index, metric in enumerate(rollout.spec.metrics):
        async for text in _problems_of(rollout, desired, metric, provider):
            yield f"spec.metrics[{index}].{text}"
    fallback = rollout.spec.stand_in
    problem = None if fallback is None or fallback.selector is None else check_matchers(fallback.selector)
    if problem is not None:
        yield f"{fields_of(rollout).selector}: {problem}"
    requests = rollout.spec.traffic.requests
    problem = None if requests is None else check_ratio_selector(requests)
    if problem is not None:
        yield f"spec.traffic.requests: {problem}"


async def _problems_of(
    rollout: ModelRollout, desired: Revision, metric: Metric, provider: MetricProvider
) -> AsyncIterator[str]:
    """What is wrong with one metric, each as `field (metric): what to write instead`."""
    for text in _selector_problems(metric):
        yield text
    async for text in series_problems(rollout, metric, provider):
        yield text
    if metric.slice_by is not None:
        async for text in slice_problems(rollout, metric, provider):
            yield text
    if metric.histogram is not None and metric.of is None:
        async for text in histogram_problems(rollout, metric, provider):
            yield text
    elif metric.agreement is not None:
        for text in agreement_problems(metric):
            yield text
    elif metric.drift is not None:
        for text in drift_problems(metric.drift):
            yield f"drift.{text}"
    elif metric.query is not None:
        async for text in _query_problems(rollout, desired, metric, provider):
            yield f"query ({metric.name}): {text}"


def _selector_problems(metric: Metric) -> Iterator[str]:
    for path in ("ratio.events", "ratio.good", "ratio.total", "mean.sum", "mean.count"):
        source, _, field = path.partition(".")
        selector: str | None = getattr(getattr(metric, source), field, None)
        problem = None if selector is None else check_ratio_selector(selector)
        if problem is not None:
            yield f"{path} ({metric.name}): {problem}"


async def _query_problems(
    rollout: ModelRollout, desired: Revision, metric: Metric, provider: MetricProvider
) -> AsyncIterator[str]:
    assert metric.query is not None  # noqa: S101 - the caller has looked
    unknown = unknown_variables(metric.query)
    for problem in unknown:
        yield problem
    if unknown:
        return
    scope = Scope(rollout.key.namespace, rollout.key.name, stand_ins=stand_ins_of(rollout))
    try:
        query = expand(metric.query, variables_of(scope, desired.hash, desired.version, EXAMPLE_WINDOW_SECONDS))
    except QueryError as error:
        yield str(error)
        return
    parse_error = await provider.check(query)
    if parse_error is not None:
        yield f"does not parse: {parse_error}"
        return
    stable = rollout.status.stable
    if metric.of is not None or stable is None or comparable(rollout, stable.revision) is None:
        return
    # What the stable revision shows now tells how many series the candidate will give.
    query = expand(metric.query, variables_of(scope, stable.revision, stable.version, EXAMPLE_WINDOW_SECONDS))
    at = await provider.now()
    outcome = await provider.instant(query, at) if isinstance(at, float) else None
    if isinstance(outcome, Ambiguous):
        yield (
            f"returns {outcome.series} series for one revision, and one value is needed: aggregate them, for example "
            "with sum() or max()"
        )
