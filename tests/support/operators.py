"""The operator as tests run it: in the test's own event loop, or as a process of its own that dies when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from kubernetes.aio import config

from modelrollout.kube.client import Request
from modelrollout.kube.election import Timing
from modelrollout.runtime.app import App
from modelrollout.runtime.settings import Settings
from tests.support.waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[2]
READS = frozenset({"get", "list"})
LEASE = Timing(duration=5, deadline=4, retry=0.5)
"""Short, and long enough for two operators on a busy machine."""


@dataclass
class Operator:
    """One that runs in this event loop.

    Attributes:
        requests: all requests of it but those of its watches.
    """

    app: App
    requests: list[Request] = field(default_factory=list)

    def writes(self, kind: str | None = None) -> list[Request]:
        """Requests that were not reads."""
        made = [request for request in self.requests if request.verb not in READS]
        return [request for request in made if kind is None or request.resource.kind == kind]


def settings_of(prometheus_url: str, *namespaces: str) -> Settings:
    """Settings for a Prometheus that scrapes four times a second."""
    return Settings(
        prometheus_url=prometheus_url,
        scrape_interval=timedelta(milliseconds=250),
        scrape_timeout=timedelta(milliseconds=250),
        namespaces=namespaces,
        workers=2,
        http_port=0,
    )


@asynccontextmanager
async def running(
    kubeconfig: Path, settings: Settings, on_request: Callable[[Request], None] | None = None
) -> AsyncIterator[Operator]:
    """Run one; at the end it is stopped in order. The environment's KUBECONFIG must name the same cluster."""
    requests: list[Request] = []

    def told(request: Request) -> None:
        requests.append(request)
        if on_request is not None:
            on_request(request)

    async with await config.new_client_from_config(str(kubeconfig)) as api:
        app = App(settings, api, on_request=told)
        task = asyncio.create_task(app.run())
        try:
            yield Operator(app, requests)
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class OperatorProcess:
    """One in a process of its own: `kill` is what the kernel does.

    Args:
        trap: a file; once it holds a line such as `patch HTTPRoute`, the process kills itself right after the answer
            to the next such request, before it does anything else. Its name is the process's own.
    """

    def __init__(self, kubeconfig: Path, settings: Settings, trap: Path) -> None:
        self._kubeconfig, self._settings, self._trap = kubeconfig, settings, trap
        self.name = trap.name
        self._process: asyncio.subprocess.Process | None = None
        self._log = trap.with_suffix(".log")

    async def end(self) -> None:
        """Kill it if it lives."""
        if self._process is not None and self._process.returncode is None:
            self.kill()
            await self._process.wait()

    async def start(self) -> None:
        """Start one; there must be none."""
        milliseconds = round(self._settings.scrape_interval.total_seconds() * 1000)
        environment = {
            **os.environ,
            "KUBECONFIG": str(self._kubeconfig),
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "operator"), str(REPOSITORY)]),
            "MODELROLLOUT_PROMETHEUS_URL": self._settings.prometheus_url,
            "MODELROLLOUT_PROMETHEUS_SCRAPE_INTERVAL": f"{milliseconds}ms",
            "MODELROLLOUT_PROMETHEUS_SCRAPE_TIMEOUT": f"{milliseconds}ms",
            "MODELROLLOUT_WATCH_NAMESPACES": ",".join(self._settings.namespaces),
            "POD_NAME": self.name,
        }
        if self._settings.lease_namespace is not None:
            timing = self._settings.lease
            environment |= {
                "MODELROLLOUT_LEASE_NAMESPACE": self._settings.lease_namespace,
                "MODELROLLOUT_LEASE_DURATION": f"{timing.duration:g}s",
                "MODELROLLOUT_LEASE_RENEW_DEADLINE": f"{timing.deadline:g}s",
                "MODELROLLOUT_LEASE_RETRY_PERIOD": f"{1000 * timing.retry:.0f}ms",
            }
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.support.mortal",
                str(self._trap),
                env=environment,
                cwd=REPOSITORY,
                stderr=log,
            )

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()

    def freeze(self) -> None:
        """SIGSTOP: it does nothing, and notices nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on where it was."""
        self._signal(signal.SIGCONT)

    def tell_to_end(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    async def ended(self) -> int:
        """Wait until it has ended; its exit status, negative for a signal."""
        assert self._process is not None
        async with asyncio.timeout(60):
            return await self._process.wait()

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text()

    def set_trap(self, request: str, deed: str = "kill") -> None:
        """Die, or `freeze`, right after the answer to the next such request: a verb and a kind."""
        self._trap.write_text(f"{deed} {request}")

    async def froze(self, seconds: float = 60.0) -> None:
        """Wait until it has walked into a trap that stops it."""
        assert self._process is not None
        number = self._process.pid

        async def stopped() -> bool:
            return _state(number) == "T"

        await eventually("the operator is frozen", stopped, seconds)
        self._trap.unlink()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def died(self, seconds: float = 60.0) -> None:
        """Wait until it has walked into the trap, and take the trap away."""

        async def never() -> bool:
            return False

        assert await self.died_unless(never, seconds)

    async def died_unless(self, over: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> bool:
        """Wait until it has died, or until what would have made it die is over; whether it died."""
        process = self._process
        assert process is not None

        async def ended() -> bool:
            return process.returncode is not None or await over()

        await eventually("the operator dies", ended, seconds)
        self._trap.unlink()
        if process.returncode is None:
            return False
        assert process.returncode == -signal.SIGKILL, self._log.read_text()[-4000:]
        return True


def _state(process: int) -> str:
    """Of a process, as the kernel has it: R, S, T ..."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
