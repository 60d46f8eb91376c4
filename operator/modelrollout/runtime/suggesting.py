"""Proposes limits from the stable revision's own history, and tries them on that history.

A limit is proposed by what stable varied by (`analysis.usual`), and then judged by the code that decides live: one half
of stable's pods plays the candidate of the other, rollout after rollout. Both are the same model, so every rollback is
a false alarm; and so is a limit that both break, which holds the rollout for good.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from modelrollout.analysis.eprocess import lower_bound, upper_bound
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.outcome import Value
from modelrollout.analysis.usual import Usual, rounded
from modelrollout.api.check import Check, NoWorseThan
from modelrollout.api.metrics import Metric, Mode
from modelrollout.api.resource import ModelRollout
from modelrollout.api.scalars import format_duration
from modelrollout.api.status import RevisionRef
from modelrollout.engine.plan import Action
from modelrollout.metrics.past_values import total_query
from modelrollout.metrics.provider import MetricProvider
from modelrollout.runtime.halves import CANDIDATE, STABLE, halved, pods_of, trials
from modelrollout.runtime.history import values_of
from modelrollout.runtime.looking import scope_of
from modelrollout.runtime.replay import Moment, Trial
from modelrollout.runtime.settings import Settings

WINDOW: Final = timedelta(minutes=5)
WINDOWS_MAX: Final = 288
"""Five minutes each, for a day; of a longer history each is longer."""
WINDOWS_WANTED: Final = 24
"""Of a short history each is shorter."""
LEAST_SCRAPES: Final = 4
"""Of a shorter span `increase` says too little."""
LEAST_WINDOWS: Final = 12
"""Fewer say nothing of what is usual."""
SIGMAS: Final = 3.0
CERTAINTY: Final = 0.05
"""A share that was never seen, or seldom, may be as large as its bound at this level."""
FACTOR: Final = Decimal("1.5")
BOTH_FAIL: Final = "UpstreamFailing"
"""Why a rollout is held by a limit that stable itself breaks: `engine.upstream.both_fail`."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed for one metric.

    Attributes:
        metric: as the user wrote it.
        usual: what stable's values were; None where they are not known.
        check: the limits that fit; None where none can be proposed.
        why: why not.
        requests: how many things a ratio counted in all.
    """

    metric: Metric
    usual: Usual | None = None
    check: Check | None = None
    why: str | None = None
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class Alarms:
    """What the proposed limits would have done to the stable revision.

    Attributes:
        rollouts: of stable against itself that came to an end, or were held by a limit that stable itself breaks.
        alarms: how many of them were rolled back or held.
        by_metric: in how many of those each metric had a part.
        why: why none could be played.
    """

    rollouts: int = 0
    alarms: int = 0
    by_metric: tuple[tuple[str, int], ...] = ()
    why: str | None = None

    def of(self, metric: str) -> int:
        """In how many alarms a metric had a part."""
        return dict(self.by_metric).get(metric, 0)


async def proposals(
    rollout: ModelRollout, asked: Trial, provider: MetricProvider, settings: Settings
) -> tuple[Proposal, ...]:
    """Propose limits for each metric.

    Args:
        asked: whose history, and which.
    """
    return tuple([await _proposal(rollout, metric, asked, provider, settings) for metric in rollout.spec.metrics])


async def tried(
    rollout: ModelRollout,
    found: Sequence[Proposal],
    asked: Trial,
    provider: MetricProvider,
    settings: Settings,
) -> Alarms:
    """Play the stable revision against itself under the proposed limits, each of them enforced."""
    pods = await pods_of(rollout, asked, provider, settings)
    if isinstance(pods, str):
        return Alarms(why=pods)
    try:
        arms = halved(pods, asked.begin)
    except ValueError as error:
        return Alarms(why=str(error))
    metrics = tuple(enforced_with(one.metric, one.check) for one in found if one.check is not None)
    if not metrics:
        return Alarms(why="no limit is proposed")
    spec = rollout.spec.model_copy(update={"metrics": metrics})
    trial = Trial(STABLE, CANDIDATE, asked.begin, asked.end, arms)
    played = trials(replace(rollout, spec=spec), trial, provider, settings)
    return alarms_of([moment async for moment in played], [metric.name for metric in metrics])


def enforced_with(metric: Metric, check: Check) -> Metric:
    """The metric as it would be with those limits, enforced in every stage."""
    return metric.model_copy(update={"check": check, "mode": Mode.ENFORCE, "stages": None})


def alarms_of(ends: Sequence[Moment], names: Sequence[str]) -> Alarms:
    """Count how the rollouts ended that did, and what both halves broke and therefore never ended."""
    over = [moment for moment in ends if moment.is_end or moment.plan.reason == BOTH_FAIL]
    failed = [moment.plan.message for moment in over if moment.plan.action is not Action.PROMOTE]
    by_metric = tuple((name, sum(_names(message, name) for message in failed)) for name in names)
    return Alarms(len(over), len(failed), by_metric)


def _names(message: str, metric: str) -> bool:
    """Whether an alarm is for this metric: reasons begin with its name, after a colon or a semicolon."""
    parts = re.split("[:;] ", message)
    return any(part == metric or part.startswith((f"{metric} ", f"{metric}{{")) for part in parts)


async def _proposal(
    rollout: ModelRollout, metric: Metric, asked: Trial, provider: MetricProvider, settings: Settings
) -> Proposal:
    unfit = _unfit(metric)
    if unfit is not None:
        return Proposal(metric, why=unfit)
    scope, span = scope_of(rollout, settings), (asked.end - asked.begin).total_seconds()
    window = window_of(span, settings.scrape_interval.total_seconds())
    begin = asked.begin.timestamp()
    ends = [begin + window * (number + 1) for number in range(int(span // window))]
    parts = scope.selectors(asked.stable.revision)
    named = _names_of(asked.stable)
    values = await values_of(metric, scope, parts, provider, ends, window, named)
    if isinstance(values, str):
        return Proposal(metric, why=values)
    known = [value for value in values if value is not None]
    if len(known) < LEAST_WINDOWS:
        each = format_duration(timedelta(seconds=round(window)))
        why = f"{len(known)} of {len(ends)} spans of {each} have a value: it takes {LEAST_WINDOWS}"
        return Proposal(metric, why=why)
    usual = Usual.of(known)
    query, requests = total_query(metric, scope, parts, span), None
    if query is not None:
        counted = await provider.instant(query, asked.end.timestamp())
        requests = round(counted.value) if isinstance(counted, Value) else None
    return Proposal(metric, usual, check_for(metric, usual, requests), requests=requests)


def window_of(span: float, scrape_interval: float) -> float:
    """How long each span of a history is whose values are compared, in seconds."""
    shortest = LEAST_SCRAPES * scrape_interval
    return max(shortest, min(WINDOW.total_seconds(), span / WINDOWS_WANTED), span / WINDOWS_MAX)


def _names_of(stable: RevisionRef) -> dict[str, str]:
    return {"revision": stable.revision, "version": stable.version}


def _unfit(metric: Metric) -> str | None:
    """Why nothing is proposed for metrics of its kind."""
    if metric.histogram is not None:
        return "its limit is an edge of the buckets: kubectl mr backtest --aa tells what the one there is is worth"
    if metric.drift is not None:
        return "limits of drift are conventions, and allow for what chance gives: kubectl mr backtest --aa tries it"
    if metric.agreement is not None:
        return "stable does not disagree with itself: mirror it to itself, and use perClass.ceiling"
    return None


def check_for(metric: Metric, usual: Usual, requests: int | None) -> Check:
    """Give the limits that fit what is usual.

    Three standard deviations from the mean; for a share also beyond the bound of what so many requests leave open: one
    that was never seen is not known to be impossible. Beside stable: 1.5 times as bad, and a difference below what
    stable itself varies by is nothing that anybody would notice.
    """
    falls = metric.check.min is not None and metric.check.max is None
    if falls:
        lowest = usual.below(SIGMAS)
        if metric.ratio is None:
            return Check(min=rounded(lowest, up=False), no_worse_than=_beside(usual.mean - lowest))
        # Rates near 1 are told apart by what is missing, so that is what is rounded.
        lowest = max(0.0, min(lowest, _bound(usual, requests, upper=False)))
        return Check(min=1 - rounded(1 - lowest, up=True), no_worse_than=_beside(usual.mean - lowest))
    highest = usual.above(SIGMAS)
    if metric.ratio is not None:
        highest = min(1.0, max(highest, _bound(usual, requests, upper=True)))
    return Check(max=rounded(highest, up=True), no_worse_than=_beside(highest - usual.mean))


def _beside(room: float) -> NoWorseThan:
    """The limit beside stable, where the one for itself leaves so much room above the mean: a third of it."""
    return NoWorseThan(ratio=FACTOR, difference=rounded(max(0.0, room) / SIGMAS, up=True))


def _bound(usual: Usual, requests: int | None, *, upper: bool) -> float:
    """What the share may be at most, or at least, after so many requests."""
    if not requests:
        return usual.mean
    counts = Counts(min(requests, max(0, round(usual.mean * requests))), requests)
    return upper_bound(counts, CERTAINTY) if upper else lower_bound(counts, CERTAINTY)
