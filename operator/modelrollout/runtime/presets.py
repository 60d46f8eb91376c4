"""Looks which model server the stable revision is, and what its metrics are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from modelrollout.analysis.outcome import Unavailable
from modelrollout.analysis.query import describe
from modelrollout.api.preset import PresetName
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import RevisionRef
from modelrollout.engine.presets import Found
from modelrollout.engine.steps import FULL, steps_of
from modelrollout.metrics.expansion import detect, expand_preset, names_of
from modelrollout.metrics.preset_files import presets
from modelrollout.metrics.provider import MetricProvider
from modelrollout.runtime.looking import comparable, scope_of
from modelrollout.runtime.settings import Settings

SEEN_SCRAPES: Final = 5
"""Series that were scraped in the time of so many are there."""
ASK_AGAIN: Final = timedelta(seconds=30)


class Presets:
    """Looks in one Prometheus. Remembers nothing: what is found is kept in status."""

    def __init__(self, provider: MetricProvider, settings: Settings) -> None:
        self._provider = provider
        self._settings = settings

    async def find(self, rollout: ModelRollout, now: datetime) -> tuple[Found, datetime]:
        """What the preset of a rollout stands for now, and when to look again where that is nothing.

        Of the stable revision's series; where it has none that can be told apart, of the candidate's, with nothing to
        compare with. The rollout has an attempt.
        """
        status, again = rollout.status, now + ASK_AGAIN
        assert status.attempt is not None  # noqa: S101 - the caller has looked
        there = await self._provider.now()
        if isinstance(there, Unavailable):
            return Found(None, why=describe(there)), again
        stable = status.stable if status.stable and comparable(rollout, status.stable.revision) else None
        return await self.look(rollout, stable or status.attempt, there, has_stable=stable is not None), again

    async def look(self, rollout: ModelRollout, whose: RevisionRef, at: float, *, has_stable: bool) -> Found:
        """What the preset stands for, as the series of a revision tell.

        Args:
            whose: whose series tell it.
            at: when, on Prometheus's clock.
            has_stable: whether that is the stable revision, which the candidate can be compared with.
        """
        asked = rollout.spec.wanted_preset
        wanted = [preset for preset in presets() if asked in (PresetName.AUTO, preset.name)]
        matchers = scope_of(rollout, self._settings).selector(whose.revision)
        span = SEEN_SCRAPES * self._settings.scrape_interval.total_seconds()
        series = await self._provider.raw(f'{{__name__=~"{names_of(wanted)}",{matchers}}}', at, span)
        if not isinstance(series, tuple):
            return Found(None, why=describe(series))
        preset = detect(asked, wanted, series)
        if preset is None:
            return Found(None, why=f"Prometheus has no series of a known model server for version {whose.version}")
        is_compared = has_stable and steps_of(rollout.spec)[0].weight < FULL
        made = expand_preset(preset, series, comparable=is_compared)
        if preset.markers and preset.metrics[0].metric.name not in {metric.name for metric in made.metrics}:
            # The rest says nothing of answers: a pod that does not restart is no evidence of a good model.
            why = f"Prometheus has no series of {preset.title} that counts its answers"
            return Found(None, why=f"{why} ({'; '.join(made.left_out)})")
        return Found(preset.name, made.metrics, made.left_out)
