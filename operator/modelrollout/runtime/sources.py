"""One provider and one judge per Prometheus that some rollout names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelrollout.api.resource import ModelRollout
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings, RequestHook, bearer
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.settings import Settings

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Source:
    """A Prometheus and the judge that reads it."""

    provider: PrometheusProvider
    judge: Judge


class Sources:
    """Made when first needed, kept for the life of the process."""

    def __init__(self, settings: Settings, on_request: RequestHook) -> None:
        self._settings = settings
        self._on_request = on_request
        self._sources: dict[str, Source] = {}

    def of(self, rollout: ModelRollout) -> Source:
        """The source that a rollout's metrics come from."""
        named = rollout.spec.prometheus
        url = named.url if named is not None else self._settings.prometheus_url
        if url not in self._sources:
            # The operator's own credentials go to its own Prometheus only, never to an address that a user wrote.
            self._sources[url] = self._make(url, self._headers() if named is None else {})
        return self._sources[url]

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is gone."""
        for source in self._sources.values():
            source.judge.forget(uid)

    def close(self) -> None:
        """End all connections."""
        for source in self._sources.values():
            source.provider.close()

    def _make(self, url: str, headers: dict[str, str]) -> Source:
        settings = PrometheusSettings(
            url=url,
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            shortest_scrape=self._settings.scrape_interval.total_seconds(),
        )
        provider = PrometheusProvider(settings, self._on_request)
        return Source(provider, Judge(provider, self._settings))

    def _headers(self) -> dict[str, str]:
        path = self._settings.prometheus_token_file
        return bearer(Path(path).read_text()) if path is not None else {}
