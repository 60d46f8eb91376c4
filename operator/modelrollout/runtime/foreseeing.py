"""What a rollout will take at the traffic that there is now: read from stable's counters, foreseen by `analysis`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from modelrollout.analysis.evidence import NOTHING, Counts
from modelrollout.analysis.feasibility import Ahead, Demand, Forecast, foresee
from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.analysis.ratio import RatioCheck
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.engine.forecast import forecast_lines
from modelrollout.engine.late import delayed_metrics
from modelrollout.engine.steps import steps_of
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.provider import MetricProvider
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from modelrollout.metrics.ticks import grid
from modelrollout.runtime.counting import Counted, counted_of
from modelrollout.runtime.judge import requests_selector
from modelrollout.runtime.levels import budget_of, dispersion_of
from modelrollout.runtime.looking import comparable, limits_of, scope_of
from modelrollout.runtime.settings import Settings

LOOKBACK_SECONDS: Final = 1800.0
"""How far back stable's traffic is counted."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a rollout before it begins.

    Attributes:
        requests_a_second: that stable answers now.
        forecasts: one for each step.
        unread: metrics that could not be read, and why; nothing is foreseen of them.
    """

    requests_a_second: float
    forecasts: tuple[Forecast, ...]
    unread: tuple[str, ...]


async def outlook(
    rollout: ModelRollout, stable: str, provider: MetricProvider, settings: Settings, now: float
) -> Outlook:
    """Read stable's counters of the last half hour, and say what each step will take.

    Args:
        stable: hash of the revision that serves.
        now: Prometheus's clock, unix seconds.
    """
    spec, stables = rollout.spec, _Stable(rollout, stable, provider, settings, now)
    counting = [metric for metric in spec.enforced_metrics if metric.counts_requests]
    counted = {metric: found for metric in counting if (found := counted_of(metric)) is not None}
    demands: list[Demand] = []
    unread = [f"{metric.name}: outcomes that are known late are not foreseen" for metric in delayed_metrics(spec)]
    for metric, counters in counted.items():
        sums = await stables.sums(counters)
        if isinstance(sums, str):
            unread.append(f"{metric.name}: {sums}")
        elif sums.counts.total == 0:
            unread.append(f"{metric.name}: the stable version has counted nothing in the last 30m")
        else:
            demands.append(_demand(rollout, metric, sums.counts))
    selector = requests_selector(spec)
    asked: _Sums | str = _Sums()
    if selector is not None:
        asked = await stables.sums(Counted(selector, selector, "events"))
    if isinstance(asked, str):
        return Outlook(0.0, (), (*unread, f"requests: {asked}"))
    a_second = asked.counts.total / asked.seconds if asked.seconds else 0.0
    # Many metrics and steps take tenths of a second, in which nobody else would be judged.
    forecasts = await asyncio.to_thread(foresee, demands, ahead(spec), a_second)
    return Outlook(a_second, forecasts, tuple(unread))


class Foresight:
    """Foresees for one Prometheus; remembers nothing."""

    def __init__(self, provider: MetricProvider, settings: Settings) -> None:
        self._provider = provider
        self._settings = settings

    async def lines(self, rollout: ModelRollout, stable: str, now: float) -> tuple[str, ...]:
        """The forecast as status has it; none where Prometheus does not answer."""
        if comparable(rollout, stable) is None:
            return ("nothing tells the series of what serves: nothing is foreseen",)
        if isinstance(await self._provider.now(), Unavailable):
            return ()
        found = await outlook(rollout, stable, self._provider, self._settings, now)
        return forecast_lines(found.requests_a_second, found.forecasts, found.unread)


def ahead(spec: ModelRolloutSpec) -> tuple[Ahead, ...]:
    """The steps that requests reach."""
    return tuple(
        Ahead(
            label=step.label,
            weight=step.weight,
            mirror_percent=step.mirror_percent,
            seconds=step.duration.total_seconds(),
            most_seconds=step.stage.max_duration.total_seconds(),
            metrics=frozenset(metric.name for metric in spec.enforced_metrics if metric.applies_to(step.stage.name)),
        )
        for step in steps_of(spec)
        if not step.is_preview
    )


def _demand(rollout: ModelRollout, metric: Metric, counts: Counts) -> Demand:
    check = RatioCheck(metric.name, metric.min_samples, budget_of(rollout.spec).of_aggregate)
    dispersion = dispersion_of(rollout.status.attempt, metric)
    return Demand(check, limits_of(metric), counts.events / counts.total, dispersion)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What was counted, and in how many seconds of scrapes: a revision may be younger than the half hour."""

    counts: Counts = NOTHING
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Stable:
    """The revision that serves, and where its counters are."""

    rollout: ModelRollout
    revision: str
    provider: MetricProvider
    settings: Settings
    now: float

    async def sums(self, counters: Counted) -> _Sums | str:
        """What it counted lately, or why that is not known."""
        scrape, since = self.settings.scrape_interval.total_seconds(), self.now - LOOKBACK_SECONDS
        request = CounterRequest(
            uid=self.rollout.uid,
            metric=counters.total,
            total=counters.total,
            marked=counters.marked,
            rules=CounterRules(
                grid=grid(self.rollout.uid, 4 * scrape, scrape),
                since=since,
                scope=scope_of(self.rollout, self.settings),
                candidate=self.revision,
                stable=None,
                marks=counters.marks,
                edge=counters.edge,
            ),
            cursor=since,
            now=self.now,
        )
        reading = await CounterReader(self.provider, self.settings.scrape_timeout.total_seconds()).read(request)
        match reading:
            case CounterReading():
                # The first tick had begun before.
                known = [tick.candidate for tick in reading.final[1:] if tick.candidate is not None]
                return _Sums(sum(known, NOTHING), len(known) * request.rules.grid.interval)
            case Unavailable() | Rejected():
                return reading.message
            case Partial():
                return "; ".join(reading.warnings)
