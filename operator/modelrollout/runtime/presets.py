"""Looks which model server the stable revision is, and what its metrics are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from modelrollout.analysis.outcome import Unavailable
from modelrollout.analysis.query import describe
from modelrollout.api.preset import PresetName
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.presets import Found
from modelrollout.engine.steps import FULL, steps_of
from modelrollout.metrics.expansion import detect, expand_preset, names_of
from modelrollout.metrics.preset_files import Preset, presets
from modelrollout.metrics.provider import MetricProvider, RawSeries
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
        status, asked = rollout.status, rollout.spec.wanted_preset
        assert status.attempt is not None  # noqa: S101 - the caller has looked
        stable = None if status.stable is None else comparable(rollout, status.stable.revision)
        wanted = [preset for preset in presets() if asked in (PresetName.AUTO, preset.name)]
        again = now + ASK_AGAIN
        series = await self._series(rollout, wanted, stable or status.attempt.revision)
        if isinstance(series, str):
            return Found(None, why=series), again
        preset = detect(asked, wanted, series)
        if preset is None:
            version = status.stable.version if stable and status.stable else status.attempt.version
            return Found(None, why=f"Prometheus has no series of a known model server for version {version}"), again
        is_compared = stable is not None and steps_of(rollout.spec)[0].weight < FULL
        made = expand_preset(preset, series, comparable=is_compared)
        if preset.markers and preset.metrics[0].metric.name not in {metric.name for metric in made.metrics}:
            # The rest says nothing of answers: a pod that does not restart is no evidence of a good model.
            why = f"Prometheus has no series of {preset.title} that counts its answers"
            return Found(None, why=f"{why} ({'; '.join(made.left_out)})"), again
        return Found(preset.name, made.metrics, made.left_out), again

    async def _series(self, rollout: ModelRollout, wanted: list[Preset], revision: str) -> tuple[RawSeries, ...] | str:
        """Those of a revision that presets speak of; why they cannot be read as a text."""
        there = await self._provider.now()
        if isinstance(there, Unavailable):
            return describe(there)
        matchers = scope_of(rollout, self._settings).selector(revision)
        span = SEEN_SCRAPES * self._settings.scrape_interval.total_seconds()
        found = await self._provider.raw(f'{{__name__=~"{names_of(wanted)}",{matchers}}}', there, span)
        return found if isinstance(found, tuple) else describe(found)
