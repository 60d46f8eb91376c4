"""One provider and one judge per Prometheus that some rollout names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelrollout.api.errors import TerminalError
from modelrollout.api.resource import ModelRollout
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings, RequestHook, bearer
from modelrollout.runtime.delayed import Lates
from modelrollout.runtime.foreseeing import Foresight
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.presets import Presets
from modelrollout.runtime.settings import PREFIX, Settings
from modelrollout.runtime.spreads import Spreads
from modelrollout.runtime.usual import Usuals

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Source:
    """A Prometheus, the judge that reads it, and those who look there for anything else."""

    provider: PrometheusProvider
    judge: Judge
    presets: Presets
    foresight: Foresight
    spreads: Spreads
    usuals: Usuals
    lates: Lates


class Sources:
    """Made when first needed, kept for the life of the process, or of the operator's token."""

    def __init__(self, settings: Settings, on_request: RequestHook) -> None:
        self._settings = settings
        self._on_request = on_request
        self._sources: dict[str, Source] = {}
        self._headers: dict[str, str] = {}

    def of(self, rollout: ModelRollout) -> Source:
        """The source that a rollout's metrics come from.

        Raises:
            TerminalError: the operator's token cannot be read.
        """
        named = rollout.spec.prometheus
        if named is not None:
            # The operator's own credentials go to its own Prometheus only, never to an address that a user wrote.
            return self._kept(named.url, {})
        url = self._settings.prometheus_url
        headers = self._own_headers()
        if headers != self._headers and (old := self._sources.pop(f"own {url}", None)) is not None:
            old.provider.close()
        self._headers = headers
        return self._kept(url, headers, f"own {url}")

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is gone."""
        for source in self._sources.values():
            source.judge.forget(uid)
            source.usuals.forget(uid)
            source.lates.forget(uid)

    def close(self) -> None:
        """End all connections."""
        for source in self._sources.values():
            source.provider.close()

    def _kept(self, url: str, headers: dict[str, str], name: str | None = None) -> Source:
        key = name or url
        if key not in self._sources:
            self._sources[key] = self._make(url, headers)
        return self._sources[key]

    def _make(self, url: str, headers: dict[str, str]) -> Source:
        settings = PrometheusSettings(
            url=url,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            shortest_scrape=self._settings.scrape_interval.total_seconds(),
        )
        provider = PrometheusProvider(settings, self._on_request)
        return Source(
            provider,
            Judge(provider, self._settings),
            Presets(provider, self._settings),
            Foresight(provider, self._settings),
            Spreads(provider, self._settings),
            Usuals(provider, self._settings),
            Lates(provider, self._settings),
        )

    def _own_headers(self) -> dict[str, str]:
        """Read anew each time: the kubelet replaces a token long before the process ends."""
        path = self._settings.prometheus_token_file
        if path is None:
            return {}
        try:
            return bearer(Path(path).read_text())
        except OSError as error:
            raise TerminalError("InvalidSettings", f"{PREFIX}PROMETHEUS_TOKEN_FILE: {error}") from error
