"""An operator as a process of its own, for scenarios that kill it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests

from e2e.support.manifests import REPOSITORY
from e2e.support.platform import Platform
from e2e.support.waiting import until

ENTRY = "modelrollout.runtime.main"


class OperatorProcess:
    """Serves one namespace, from outside of the cluster."""

    def __init__(self, platform: Platform, namespace: str, log: Path) -> None:
        self._environment = {
            **os.environ,
            "KUBECONFIG": platform.kubeconfig,
            "PYTHONPATH": os.pathsep.join((str(REPOSITORY / "operator"), str(REPOSITORY))),
            "MODELROLLOUT_WATCH_NAMESPACES": namespace,
            "MODELROLLOUT_PROMETHEUS_URL": platform.prometheus,
            "MODELROLLOUT_PROMETHEUS_SCRAPE_INTERVAL": "1s",
            "MODELROLLOUT_PROMETHEUS_SCRAPE_TIMEOUT": "900ms",
            "MODELROLLOUT_LOG_FORMAT": "console",
        }
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, entry: str = ENTRY) -> None:
        """Start it and wait until it is ready."""
        port = _free_port()
        environment = self._environment | {"MODELROLLOUT_HTTP_PORT": str(port)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([sys.executable, "-m", entry], env=environment, stdout=log, stderr=log)
        until(lambda: self._is_ready(port), "the operator to be ready", seconds=60)

    def kill(self) -> None:
        """SIGKILL: nothing is written any more, nothing tidied up."""
        assert self._process is not None, "start it first"
        self._process.kill()
        self._process.wait()

    def until_dead(self) -> int:
        """Wait until it has died by itself; its exit status, negative for a signal."""
        process = self._process
        assert process is not None, "start it first"
        until(lambda: process.poll() is not None, "the operator to die")
        return process.returncode

    def stop(self) -> None:
        """End it as a person would, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()

    def tail(self) -> str:
        """The end of its log."""
        text = self._log.read_text(encoding="utf-8") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-60:])

    def _is_ready(self, port: int) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the operator has ended:\n{self.tail()}"
        try:
            return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=2).ok
        except requests.RequestException:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
