"""A real Prometheus on the loopback, for tests: in a directory of its own, stopped by its own process handle."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

from tests.support.ports import free_port

_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05
_START_ATTEMPTS: Final = 3

_CONFIG: Final = """\
global: {{scrape_interval: {interval}, scrape_timeout: {timeout}}}
scrape_configs:
- job_name: pods
  file_sd_configs: [{{files: ["targets.json"], refresh_interval: 1s}}]
"""


class PrometheusDidNotStartError(Exception):
    """The process ended, or was not ready in time. The message holds the end of its log."""


class RealPrometheus:
    """One Prometheus process, its data and its targets.

    It can be stopped and started again at the same address on the same data. Targets may be added and removed at any
    time; while it runs, it takes up to 5 s to see that.

    Args:
        binary: the executable.
        directory: an empty directory of its own; configuration, data and log live there.
        config: the whole configuration; by default, the targets of `set_target` are scraped each `scrape_seconds`.
        scrape_seconds: interval and timeout of a scrape in the default configuration.
        options: of the command line, beside those that it needs anyway.
    """

    def __init__(
        self,
        binary: Path,
        directory: Path,
        *,
        config: str | None = None,
        scrape_seconds: float = 1.0,
        options: tuple[str, ...] = (),
    ) -> None:
        self._binary = binary
        self._options = options
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self._targets: dict[str, tuple[str, Mapping[str, str]]] = {}
        directory.mkdir(parents=True, exist_ok=True)
        milliseconds = f"{round(scrape_seconds * 1000)}ms"
        text = _CONFIG.format(interval=milliseconds, timeout=milliseconds) if config is None else config
        (directory / "prometheus.yml").write_text(text)
        self._write_targets()

    @property
    def url(self) -> str:
        """Base address; the same after a stop and a start."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> RealPrometheus:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and return once it answers queries.

        Raises:
            PrometheusDidNotStartError: it ended or was not ready in time.
        """
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                return self._start_once()
            except PrometheusDidNotStartError as error:
                # Between finding a free port and Prometheus taking it, somebody else may.
                if "address already in use" not in str(error) or attempt == _START_ATTEMPTS:
                    raise
                self._port = free_port()
        return None

    @property
    def pid(self) -> int:
        """Of the process, which must be alive."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Stop it and wait until it is gone; its data stays. Nothing happens when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def lose_data(self) -> None:
        """Forget all that was ever scraped, as without a volume when its pod moves. Stop it first."""
        assert not self.running
        shutil.rmtree(self._directory / "data")

    def set_target(self, name: str, address: str, labels: Mapping[str, str]) -> None:
        """Scrape `address` (host:port) from now on, its series having these labels; `name` is only for removing it."""
        self._targets[name] = (address, labels)
        self._write_targets()

    def remove_target(self, name: str) -> None:
        """No longer scrape the target: its series end, as those of a pod that is gone."""
        del self._targets[name]
        self._write_targets()

    def _start_once(self) -> None:
        self.stop()
        log = self._directory / "prometheus.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    str(self._binary),
                    "--config.file=prometheus.yml",
                    "--storage.tsdb.path=data",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    "--scrape.discovery-reload-interval=100ms",
                    "--log.level=warn",
                    *self._options,
                ],
                cwd=self._directory,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not self._ready():
            if not self.running or time.monotonic() > deadline:
                self.stop()
                raise PrometheusDidNotStartError(log.read_text(errors="replace")[-2000:])
            time.sleep(_POLL_SECONDS)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2) as answer:  # noqa: S310 - always http
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _write_targets(self) -> None:
        groups = [{"targets": [address], "labels": dict(labels)} for address, labels in self._targets.values()]
        new = self._directory / "targets.json.new"
        new.write_text(json.dumps(groups))
        new.replace(self._directory / "targets.json")
