"""The operator's settings, from environment variables. The chart's values set them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from modelrollout.api.errors import TerminalError
from modelrollout.api.scalars import parse_duration
from modelrollout.kube.election import MAX_DURATION, Timing

PREFIX = "MODELROLLOUT_"
DEFAULT_TIMING = Timing()


@dataclass(frozen=True, slots=True)
class Settings:
    """How this operator runs.

    Attributes:
        prometheus_url: read where a ModelRollout names none.
        scrape_interval: of that Prometheus; no metric is looked at more often.
        scrape_timeout: of that Prometheus; a tick is final this long, and a second, after it.
        prometheus_token_file: file with a bearer token, or None.
        revision_label, name_label: labels that tell revisions apart in metrics; None to go by pod names.
        resync: how often everything is looked at without an event.
        namespaces: where ModelRollouts are served; empty for everywhere.
        lease_namespace: where operators that serve the same agree on who leads; None for the pod's own, and outside of
            a pod for no agreement: whoever starts it there starts one.
        lease_name: operators with the same one take turns.
    """

    prometheus_url: str = "http://prometheus.monitoring:9090"
    scrape_interval: timedelta = timedelta(seconds=15)
    scrape_timeout: timedelta = timedelta(seconds=10)
    prometheus_token_file: str | None = None
    revision_label: str | None = None
    name_label: str | None = None
    log_format: str = "json"
    log_level: str = "info"
    resync: timedelta = timedelta(minutes=10)
    namespaces: tuple[str, ...] = ()
    workers: int = 32
    http_port: int = 8080
    lease_namespace: str | None = None
    lease_name: str = "modelrollout"
    lease: Timing = DEFAULT_TIMING


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings.

    Raises:
        TerminalError: with the name of the variable that cannot be read.
    """
    defaults = Settings()
    reader = _Reader(environment)
    return Settings(
        prometheus_url=reader.text("PROMETHEUS_URL") or defaults.prometheus_url,
        scrape_interval=reader.duration("PROMETHEUS_SCRAPE_INTERVAL", defaults.scrape_interval),
        scrape_timeout=reader.duration("PROMETHEUS_SCRAPE_TIMEOUT", defaults.scrape_timeout),
        prometheus_token_file=reader.text("PROMETHEUS_TOKEN_FILE"),
        revision_label=reader.text("SELECTOR_REVISION_LABEL"),
        name_label=reader.text("SELECTOR_NAME_LABEL"),
        log_format=reader.choice("LOG_FORMAT", ("json", "console")),
        log_level=reader.choice("LOG_LEVEL", ("info", "debug", "warning", "error")),
        resync=reader.duration("RESYNC", defaults.resync),
        namespaces=tuple(name for name in (reader.text("WATCH_NAMESPACES") or "").replace(",", " ").split() if name),
        workers=reader.number("WORKERS", defaults.workers),
        http_port=reader.number("HTTP_PORT", defaults.http_port),
        lease_namespace=reader.text("LEASE_NAMESPACE"),
        lease_name=reader.text("LEASE_NAME") or defaults.lease_name,
        lease=_timing(reader, defaults.lease),
    )


def _timing(reader: _Reader, default: Timing) -> Timing:
    def seconds(name: str, value: float) -> float:
        return reader.duration(name, timedelta(seconds=value)).total_seconds()

    timing = Timing(
        duration=seconds("LEASE_DURATION", default.duration),
        deadline=seconds("LEASE_RENEW_DEADLINE", default.deadline),
        retry=seconds("LEASE_RETRY_PERIOD", default.retry),
    )
    if not 1 <= timing.duration <= MAX_DURATION or timing.duration % 1:
        raise TerminalError(
            "InvalidSettings", f"{PREFIX}LEASE_DURATION: must be whole seconds from 1s to 1h, not {timing.duration:g} s"
        )
    if not 0 < 2 * timing.retry <= timing.deadline < timing.duration:
        raise TerminalError(
            "InvalidSettings",
            f"{PREFIX}LEASE_RENEW_DEADLINE: must be shorter than LEASE_DURATION and at least twice LEASE_RETRY_PERIOD;"
            f" they are {timing.deadline:g} s, {timing.duration:g} s and {timing.retry:g} s",
        )
    return timing


@dataclass(frozen=True, slots=True)
class _Reader:
    environment: Mapping[str, str]

    def text(self, name: str) -> str | None:
        return self.environment.get(PREFIX + name, "").strip() or None

    def duration(self, name: str, default: timedelta) -> timedelta:
        text = self.text(name)
        if text is None:
            return default
        try:
            return parse_duration(text)
        except ValueError as error:
            raise TerminalError("InvalidSettings", f"{PREFIX}{name}: {error}") from error

    def number(self, name: str, default: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not text.isdigit() or int(text) < 1:
            raise TerminalError("InvalidSettings", f"{PREFIX}{name}: must be a whole number from 1, not {text!r}")
        return int(text)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        text = (self.text(name) or choices[0]).lower()
        if text not in choices:
            raise TerminalError("InvalidSettings", f"{PREFIX}{name}: must be one of {', '.join(choices)}, not {text!r}")
        return text
