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
from modelrollout.runtime.app import App
from modelrollout.runtime.settings import Settings
from tests.support.waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[2]
READS = frozenset({"get", "list"})


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
            to the next such request, before it does anything else.
    """

    def __init__(self, kubeconfig: Path, settings: Settings, trap: Path) -> None:
        self._kubeconfig, self._settings, self._trap = kubeconfig, settings, trap
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

    def set_trap(self, request: str) -> None:
        """Die right after the answer to the next such request: a verb and a kind."""
        self._trap.write_text(request)

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
