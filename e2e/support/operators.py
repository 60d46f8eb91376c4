"""Operators as processes of their own, for scenarios that kill or freeze them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import requests

from e2e.support.kube import LEASE, Kube
from e2e.support.manifests import REPOSITORY
from e2e.support.platform import Platform
from e2e.support.waiting import until

ENTRY = "modelrollout.runtime.main"


class OperatorProcess:
    """Serves one namespace, from outside of the cluster."""

    def __init__(
        self, platform: Platform, namespace: str, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._environment = {
            **os.environ,
            "KUBECONFIG": platform.kubeconfig,
            "PYTHONPATH": os.pathsep.join((str(REPOSITORY / "operator"), str(REPOSITORY))),
            "MODELROLLOUT_WATCH_NAMESPACES": namespace,
            "MODELROLLOUT_PROMETHEUS_URL": platform.prometheus,
            "MODELROLLOUT_PROMETHEUS_SCRAPE_INTERVAL": "1s",
            "MODELROLLOUT_PROMETHEUS_SCRAPE_TIMEOUT": "900ms",
            "MODELROLLOUT_LOG_FORMAT": "console",
            **(environment or {}),
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

    def freeze(self) -> None:
        """SIGSTOP: it does nothing, and notices nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on where it was."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "start it first"
        self._process.send_signal(number)

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
            # One that is frozen gets it when it goes on.
            self._process.send_signal(signal.SIGCONT)
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


class Replicas:
    """Several that serve one namespace, and agree there by a Lease who acts."""

    def __init__(self, platform: Platform, namespace: str, directory: Path) -> None:
        self._platform, self._namespace, self._directory = platform, namespace, directory
        self._kube = Kube(Path(platform.kubeconfig))
        self._all: dict[str, OperatorProcess] = {}

    def start(self) -> None:
        """Start one more, and wait until it is ready to lead."""
        name = f"replica-{len(self._all) + 1}"
        environment = {
            "POD_NAME": name,
            "MODELROLLOUT_LEASE_NAMESPACE": self._namespace,
            # Shorter than by default, and long enough for a busy machine.
            "MODELROLLOUT_LEASE_DURATION": "5s",
            "MODELROLLOUT_LEASE_RENEW_DEADLINE": "4s",
            "MODELROLLOUT_LEASE_RETRY_PERIOD": "500ms",
        }
        log = self._directory / f"{name}.log"
        self._all[name] = OperatorProcess(self._platform, self._namespace, log, environment)
        self._all[name].start()

    @property
    def leader(self) -> OperatorProcess:
        """The one that the Lease names."""
        return self._all[self._holder()]

    def until_another_leads(self, before: OperatorProcess) -> None:
        """Wait until the Lease names another than that one."""
        until(lambda: self._all.get(self._holder()) not in {before, None}, "another operator to lead")

    def stop(self) -> None:
        """End all that run."""
        for each in self._all.values():
            each.stop()

    def tail(self) -> str:
        """The ends of their logs."""
        return "\n".join(f"{name}:\n{each.tail()}" for name, each in self._all.items())

    def _holder(self) -> str:
        lease = self._kube.get(LEASE, "modelrollout", self._namespace) or {}
        return str(lease.get("spec", {}).get("holderIdentity", "")).rpartition("_")[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
