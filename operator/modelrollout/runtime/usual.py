"""Looks up what was usual: the same hours of the week, in earlier weeks, of whatever served the rollout then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from modelrollout.analysis.outcome import Unavailable
from modelrollout.analysis.query import describe
from modelrollout.analysis.usual import Usual, rounded
from modelrollout.analysis.verdict import format_number
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.api.usual import WEEK, UsualLimit
from modelrollout.engine.revisions import metric_digest
from modelrollout.engine.steps import steps_of
from modelrollout.engine.usual import FoundLimits, awaiting
from modelrollout.metrics.provider import MetricProvider
from modelrollout.runtime.history import values_of
from modelrollout.runtime.looking import scope_of
from modelrollout.runtime.settings import Settings

HOUR: Final = 3600.0
HOURS_MAX: Final = 24
"""Of a longer rollout only its first hours are looked up: they hold a day's highest."""
LEAST_VALUES: Final = 6
"""Of an hour with the ones before and after it: two whole weeks."""
ASK_AGAIN: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Hours:
    """The hours of a rollout, in earlier weeks.

    Attributes:
        first: when the first of them ends, unix seconds; the hour before it is looked at too, and the one after the
            last.
        count: how many the rollout takes.
        weeks: how many earlier ones are looked at.
    """

    first: float
    count: int
    weeks: int

    @property
    def ends(self) -> tuple[float, ...]:
        """When each hour that is looked at ended: week by week, the latest first."""
        return tuple(
            self.first + HOUR * hour - WEEK.total_seconds() * week
            for week in range(1, self.weeks + 1)
            for hour in range(-1, self.count + 1)
        )

    def groups(self, values: Sequence[float | None]) -> list[list[float]]:
        """The values of each hour of the rollout with its neighbours, in the order of `ends`."""
        row = self.count + 2
        return [
            [
                value
                for week in range(self.weeks)
                for value in values[week * row + hour : week * row + hour + 3]
                if value is not None
            ]
            for hour in range(self.count)
        ]


class Usuals:
    """Looks in one Prometheus. What is found is kept in status; what is not is remembered until it is looked for again:
    history takes hundreds of queries, and a rollout that waits for it is looked at whenever a pod changes."""

    def __init__(self, provider: MetricProvider, settings: Settings) -> None:
        self._provider = provider
        self._settings = settings
        self._vain: dict[str, tuple[tuple[str, ...], FoundLimits, datetime]] = {}

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is gone."""
        self._vain.pop(uid, None)

    async def find(self, rollout: ModelRollout, now: datetime) -> tuple[FoundLimits, datetime]:
        """The limits of the metrics that await one, and when to look again where some have none."""
        asked = tuple(metric_digest(metric) for metric in awaiting(rollout))
        known = self._vain.get(rollout.uid)
        if known is not None and known[0] == asked and now < known[2] <= now + ASK_AGAIN:
            return known[1], known[2]
        there = await self._provider.now()
        found = FoundLimits(why=describe(there)) if isinstance(there, Unavailable) else await self.look(rollout, there)
        if found.why:
            self._vain[rollout.uid] = asked, found, now + ASK_AGAIN
        else:
            self.forget(rollout.uid)
        return found, now + ASK_AGAIN

    async def look(self, rollout: ModelRollout, at: float) -> FoundLimits:
        """The limits of a rollout that begins at `at`, on Prometheus's clock."""
        limits: list[UsualLimit] = []
        whys: list[str] = []
        for metric in awaiting(rollout):
            found = await self._limit(rollout, metric, at)
            if isinstance(found, str):
                whys.append(f"{metric.name}: {found}")
            else:
                limits.append(found)
        return FoundLimits(tuple(limits), "; ".join(whys))

    async def _limit(self, rollout: ModelRollout, metric: Metric, at: float) -> UsualLimit | str:
        asked = metric.check.usual
        assert asked is not None  # noqa: S101 - the caller has looked
        hours = hours_of(rollout, at, asked.span)
        scope = scope_of(rollout, self._settings)
        values = await values_of(metric, scope, scope.history(), self._provider, hours.ends, HOUR)
        if isinstance(values, str):
            return values
        groups = hours.groups(values)
        least = min(len(group) for group in groups)
        if least < LEAST_VALUES:
            weeks = hours.weeks
            return (
                f"history is too short: {least} of {LEAST_VALUES} values in an hour of the week, looking back "
                f"{weeks} weeks"
            )
        sigmas = float(asked.sigmas)
        usual = max((Usual.of(group) for group in groups), key=lambda one: one.above(sigmas))
        return UsualLimit(
            metric=metric.name,
            digest=metric_digest(metric),
            max=f"{rounded(usual.above(sigmas), up=True):f}",
            mean=format_number(usual.mean),
            sigma=format_number(usual.sigma),
            values=usual.values,
        )


def hours_of(rollout: ModelRollout, at: float, span: timedelta) -> _Hours:
    """The hours that the stages of a rollout take at least, from the one that `at` lies in."""
    lasts = sum(step.duration.total_seconds() for step in steps_of(rollout.spec))
    begin = math.floor(at / HOUR) * HOUR
    count = math.ceil((at + lasts - begin) / HOUR)
    return _Hours(begin + HOUR, min(HOURS_MAX, max(1, count)), int(span / WEEK))
