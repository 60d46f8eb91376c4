"""The operator as a process of its own, and what it costs: by /proc and by its own counters."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from benchmarks.meters import Metrics, parse
from e2e.support.manifests import REPOSITORY

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment.

    Attributes:
        cpu_seconds: processor time of the process.
        resident_bytes, peak_bytes: memory of the process, now and at most.
        api, prometheus: requests so far, watches apart.
        reconciles: looks at rollouts so far.
    """

    at: float
    cpu_seconds: float
    resident_bytes: float
    peak_bytes: float
    api: float
    prometheus: float
    reconciles: float


class OperatorProcess:
    """One operator; what it says goes to a file."""

    def __init__(self, environment: dict[str, str], port: int, log: Path) -> None:
        self._environment, self._port, self._log = environment, port, log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; there must be none."""
        environment = {
            **os.environ,
            **self._environment,
            "PYTHONPATH": str(REPOSITORY / "operator"),
            "MODELROLLOUT_HTTP_PORT": str(self._port),
            "MODELROLLOUT_LOG_LEVEL": "warning",
        }
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "modelrollout.runtime.main", env=environment, stdout=log, stderr=log
            )

    async def end(self, number: int = signal.SIGTERM) -> None:
        """End it, and wait until it is gone."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self._process.wait()

    async def ready(self) -> None:
        """Wait until it has read everything."""
        async with asyncio.timeout(600), aiohttp.ClientSession() as session:
            while True:
                self._assert_alive()
                try:
                    async with session.get(f"http://127.0.0.1:{self._port}/readyz") as answer:
                        if answer.ok:
                            return
                except aiohttp.ClientError:
                    pass  # it does not listen yet
                await asyncio.sleep(0.1)

    async def read(self) -> Reading:
        """Read all counters now."""
        own = await self._metrics()
        process = self._assert_alive()
        cpu_seconds, resident_bytes, peak_bytes = _process(Path(f"/proc/{process.pid}"))
        return Reading(
            at=asyncio.get_running_loop().time(),
            cpu_seconds=cpu_seconds,
            resident_bytes=resident_bytes,
            peak_bytes=peak_bytes,
            api=own.sum("modelrollout_api_requests_total"),
            prometheus=own.sum("modelrollout_prometheus_requests_total"),
            reconciles=own.sum("modelrollout_reconciles_total"),
        )

    async def judged(self) -> int:
        """How many rollouts whose candidate has traffic it has looked at since it started."""
        self._assert_alive()
        try:
            samples = (await self._metrics()).samples
        except aiohttp.ClientError:
            return 0  # it does not listen yet
        return sum(name == "modelrollout_candidate_weight" and value > 0 for (name, _), value in samples.items())

    async def _metrics(self) -> Metrics:
        timeout = aiohttp.ClientTimeout(total=120)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://127.0.0.1:{self._port}/metrics") as answer,
        ):
            return parse(await answer.text())

    def _assert_alive(self) -> asyncio.subprocess.Process:
        process = self._process
        if process is None or process.returncode is not None:
            raise RuntimeError(f"the operator ended: {self._log.read_text(errors='replace')[-3000:]}")
        return process


def _process(proc: Path) -> tuple[float, int, int]:
    """Processor seconds, resident and peak bytes of a process, by its directory in /proc."""
    fields = (proc / "stat").read_text().rpartition(")")[2].split()
    memory = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    resident, peak = (int(memory[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return (int(fields[11]) + int(fields[12])) / _TICKS, resident, peak
