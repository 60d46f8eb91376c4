"""python -m benchmarks.scale [--rollouts 10000] [--moving 1000] [--seconds 120]

Everything runs on this machine: etcd, kube-apiserver, Prometheus, the operator, and who plays kubelet, gateway and
clients.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kubernetes.aio import config

from benchmarks import machine, report, results
from benchmarks.scale.crowd import Crowd
from benchmarks.scale.operator import OperatorProcess, Reading
from benchmarks.scale.subject import name_of, namespace_of
from e2e.cluster.binaries import Binaries
from e2e.cluster.progress import Progress
from tests.support.api_server import running_api_server
from tests.support.ports import free_port
from tests.support.prometheus import RealPrometheus

_CONFIG = """\
global: {scrape_interval: 15s, scrape_timeout: 10s}
scrape_configs:
- job_name: pods
  file_sd_configs: [{files: ["pods.json"], refresh_interval: 5s}]
"""


@dataclass
class Scale:
    """One run.

    Attributes:
        crowd: everything but the operator.
        operator: the one that leads.
        another: makes one that has not been started.
        count, moving: how many ModelRollouts there are, and how many of them are brought into a step.
        row: what was measured so far.
    """

    crowd: Crowd
    operator: OperatorProcess
    another: Callable[[], OperatorProcess]
    playing: asyncio.Task[None]
    progress: Progress
    targets: Callable[[], None]
    count: int
    moving: int
    row: dict[str, Any]

    async def run(self, seconds: float) -> None:
        """Adopt all, rest, move some, and come back: after an end in order, and after a kill."""
        await self.operator.start()
        await self.operator.ready()
        await self._adopt()
        self.row["resting"] = await self._over(seconds, "resting")
        await self._move()
        self.row["moving_costs"] = await self._over(seconds, "moving")
        await self._restart(signal.SIGTERM, standby=True)
        await self._restart(signal.SIGKILL, standby=True)
        await self._restart(signal.SIGTERM, standby=False)
        self.row["after_restart"] = await self._over(seconds, "after the restart")

    async def _adopt(self) -> None:
        before, start = await self.operator.read(), _now()
        adopted = partial(self._having, "Succeeded")
        applying = asyncio.create_task(self.crowd.apply(range(self.count), "1", adopted))
        await self._until(adopted, self.count, "serve their first version")
        await applying
        after = await self.operator.read()
        self.row["adopt_seconds"] = _now() - start
        self.row["adopt_api_requests_each"] = (after.api - before.api) / self.count

    async def _move(self) -> None:
        start = _now()
        applying = asyncio.create_task(self.crowd.apply(range(self.moving), "2", lambda: len(self._stepping())))
        await self._until(lambda: len(self._stepping()), self.moving, "have a candidate", each=self.targets)
        await applying
        await self._until(self._in_force, self.moving, "are in a step in force")
        self.row["move_seconds"] = _now() - start

    async def _restart(self, number: signal.Signals, *, standby: bool) -> None:
        """End the operator; another one, which stood by or is started now, takes over."""
        steps = {name: self.crowd.seen[name].step for name in self._names()}
        former, self.operator = self.operator, self.another()
        if standby:
            await self.operator.start()
            await self.operator.ready()
        start = _now()
        await former.end(number)
        if not standby:
            await self.operator.start()
        with self.progress.task(f"{self.moving} rollouts have been judged again"):
            async with asyncio.timeout(3600):
                while await self.operator.judged() < self.moving:  # noqa: ASYNC110 - another process counts
                    await asyncio.sleep(1)
        found = {
            "ended_by": number.name,
            "standby": standby,
            "resumed_seconds": _now() - start,
            "changed_steps": sum(self.crowd.seen[name].step != step for name, step in steps.items()),
        }
        self.progress.say(json.dumps(found))
        self.row.setdefault("restarts", []).append(found)

    async def _over(self, seconds: float, what: str) -> dict[str, float]:
        await asyncio.sleep(30)  # what the change before still brings about is not what is measured
        before = await self.operator.read()
        await asyncio.sleep(seconds)
        found = _between(before, await self.operator.read())
        self.progress.say(f"{what}: {json.dumps(found)}")
        return found

    async def _until(
        self, count: Callable[[], int], wanted: int, what: str, each: Callable[[], None] = lambda: None
    ) -> None:
        with self.progress.task(f"{wanted} rollouts {what}") as task:
            async with asyncio.timeout(3600):
                while (found := count()) < wanted:
                    if self.playing.done():
                        self.playing.result()
                    task.at(f"{found} so far")
                    each()
                    await asyncio.sleep(1)
            each()

    def _names(self) -> list[str]:
        return [name_of(number) for number in range(self.moving)]

    def _having(self, phase: str) -> int:
        return sum(seen.phase == phase for seen in self.crowd.seen.values())

    def _stepping(self) -> list[str]:
        return [name for name in self._names() if self.crowd.seen[name].step[0] is not None]

    def _in_force(self) -> int:
        return sum(self.crowd.seen[name].in_force for name in self._names())


def _between(before: Reading, after: Reading) -> dict[str, float]:
    seconds = after.at - before.at
    return {
        "cores": (after.cpu_seconds - before.cpu_seconds) / seconds,
        "api_a_second": (after.api - before.api) / seconds,
        "prometheus_a_second": (after.prometheus - before.prometheus) / seconds,
        "reconciles_a_second": (after.reconciles - before.reconciles) / seconds,
        "resident_megabytes": after.resident_bytes / 1e6,
        "peak_megabytes": after.peak_bytes / 1e6,
    }


@asynccontextmanager
async def _standing(progress: Progress, count: int, moving: int) -> AsyncIterator[Scale]:
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mr-scale-")))
        server = stack.enter_context(running_api_server(home / "api"))
        crowd = Crowd(await stack.enter_async_context(await config.new_client_from_config(str(server.kubeconfig))))
        port = free_port()
        runner = await crowd.serve_counters(port)
        stack.push_async_callback(runner.cleanup)
        prometheus = RealPrometheus(Binaries(progress).path("prometheus"), home / "prometheus", config=_CONFIG)
        file = home / "prometheus" / "pods.json"
        file.write_text("[]")
        stack.callback(prometheus.stop)
        await asyncio.to_thread(prometheus.start)
        await crowd.make_places(count)
        playing = asyncio.create_task(crowd.play())
        stack.callback(playing.cancel)
        environment = {
            "KUBECONFIG": str(server.kubeconfig),
            "MODELROLLOUT_PROMETHEUS_URL": prometheus.url,
            "MODELROLLOUT_LEASE_NAMESPACE": namespace_of(0),
        }

        def another() -> OperatorProcess:
            operator = OperatorProcess(environment, free_port(), home / "operator.log")
            stack.push_async_callback(operator.end)
            return operator

        moved = {name_of(number): namespace_of(number) for number in range(moving)}

        def targets() -> None:
            groups = [_target(pod, moved, port) for pod in crowd.pods if pod.rpartition("-")[0] in moved]
            file.with_suffix(".new").write_text(json.dumps(groups))
            file.with_suffix(".new").replace(file)

        row = {"rollouts": count, "moving": moving}
        yield Scale(crowd, another(), another, playing, progress, targets, count, moving, row)


def _target(pod: str, namespaces: dict[str, str], port: int) -> dict[str, Any]:
    name = f"{pod}-0"
    labels = {"namespace": namespaces[pod.rpartition("-")[0]], "pod": name, "instance": name}
    return {"targets": [f"127.0.0.1:{port}"], "labels": labels | {"__metrics_path__": f"/{pod}"}}


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _measure(count: int, moving: int, seconds: float) -> dict[str, Any]:
    this = asyncio.current_task()
    assert this is not None
    # Ended by a signal, it must not leave its servers behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    async with _standing(Progress(), count, moving) as scale:
        await scale.run(seconds)
        return scale.row


def main() -> None:
    """Measure, and add a row to results.json and results.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=10_000)
    parser.add_argument("--moving", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long each state is measured")
    given = parser.parse_args()
    row = asyncio.run(_measure(given.rollouts, given.moving, given.seconds))
    found = results.read()
    found.scale = [*found.scale, row]
    found.pieces.setdefault("scale", []).append(machine.piece())
    found.save()
    print(report.write(found))


if __name__ == "__main__":
    main()
