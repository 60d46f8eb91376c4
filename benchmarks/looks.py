"""python -m benchmarks.looks: what one look at a step costs, by how many series there are and how old the step is.

One rollout, four ratio metrics on five counters, scraped every 15 s by a Prometheus of its own (the history is written,
not waited for). Writes looks.md.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks import machine
from benchmarks.report import table
from benchmarks.scale.subject import METRICS, SHARES, metric_of
from e2e.cluster.binaries import Binaries
from e2e.cluster.progress import Progress
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.replay import Past
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.backfill import RECEIVES, Series, write_all
from tests.support.prometheus import RealPrometheus
from tests.support.scenes import CANDIDATE, STABLE

FILE: Final = Path(__file__).with_name("looks.md")
SCRAPE: Final = 15.0
BEFORE: Final = 8
"""Scrapes before the step begins."""
WRITTEN_AT_ONCE: Final = 120
"""Scrapes of all series before the next ones of any: Prometheus takes nothing that is an hour older than its newest."""
SIZES: Final = ((2, 1, 20, 22), (2, 1, 20, 240), (2, 1, 20, 1440), (10, 10, 20, 22), (50, 20, 5, 22))
"""Pods of both revisions together, values of a label (one series of each counter for each of both), looks, and scrapes
since the step began."""
_HEAD: Final = """# One look at a step

Written by `python -m benchmarks.looks`: one rollout, four ratio metrics on five counters, a look at each scrape."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one look, on average, in milliseconds of processor time.

    Attributes:
        series: of each counter.
        scrapes: since the step began.
        requests: to Prometheus.
        held: the longest time, in milliseconds, in which the operator did nothing else.
        again: of the first look after a restart, which reads all of the step.
    """

    series: int
    scrapes: int
    requests: float
    operator: float
    prometheus: float
    held: float
    again: float


def history(namespace: str, pods: int, values: int, begin: float, scrapes: int) -> Iterator[Series]:
    """All counters grow steadily, each series by 100 requests a scrape."""
    for first in range(0, scrapes, WRITTEN_AT_ONCE):
        part = range(first, min(first + WRITTEN_AT_ONCE, scrapes))
        for number in range(pods):
            revision = (CANDIDATE, STABLE)[number % 2]
            pod = f"digits-{revision.hash}-{number}"
            at = {index: begin + SCRAPE * (index + number / pods) for index in part}
            labels = {"namespace": namespace, "pod": pod, "instance": pod, "job": "pods"}
            yield labels | {"__name__": "up"}, [(one, 1.0) for one in at.values()]
            for name, share in {"requests_total": 1.0, **SHARES}.items():
                counts = [(one, float(int(100 * index * share))) for index, one in at.items()]
                for value in range(values):
                    yield labels | {"__name__": name, "class": str(value)}, counts


def stepping(namespace: str, began: datetime) -> ModelRollout:
    """In its first step since then."""
    metrics = [metric_of(**metric) for metric in METRICS]
    seen = scenes.stepping(0, scenes.raw_spec(stages=scenes.STAGES[1:], metrics=metrics))
    attempt = seen.status.attempt
    assert attempt is not None
    assert attempt.step is not None
    step = attempt.step.model_copy(update={"started_at": began, "accepted_at": began, "in_force_at": began})
    attempt = attempt.model_copy(update={"step": step, "evidence_since": began, "live_since": began})
    status = seen.status.model_copy(update={"attempt": attempt})
    return replace(seen.rollout, key=Key(namespace, "digits"), status=status)


async def measure(prometheus: RealPrometheus, pods: int, values: int, looks: int, since: int) -> Cost:
    """Write a history, look at it scrape by scrape, and once more as after a restart."""
    scrapes, namespace = BEFORE + since, "look"
    begin = float(int(time.time())) - SCRAPE * (scrapes + 1)
    await asyncio.to_thread(write_all, prometheus.url, history(namespace, pods, values, begin, scrapes))
    rollout = stepping(namespace, datetime.fromtimestamp(begin + SCRAPE * BEFORE, UTC))
    requests: list[str] = []
    settings = PrometheusSettings(prometheus.url, timeout=30.0, shortest_scrape=SCRAPE)
    async with PrometheusProvider(settings, on_request=lambda outcome, _: requests.append(outcome)) as provider:
        past = Past(provider, datetime.now(UTC))
        judge = Judge(past, Settings())
        last = begin + SCRAPE * scrapes
        # What the first one reads of the past is no part of the others.
        await _look(judge, past, rollout, last - SCRAPE * (looks + 1))
        requests.clear()
        before, own, held = _cpu(prometheus.pid), time.process_time(), 0.0
        for number in range(looks):
            held = max(held, (await _look(judge, past, rollout, last - SCRAPE * (looks - number)))[0])
        operator, theirs = time.process_time() - own, _cpu(prometheus.pid) - before
        made = len(requests)
        own = time.process_time()
        _, samples = await _look(Judge(past, Settings()), past, rollout, last)
        again = time.process_time() - own
    assert samples > 0
    assert set(requests) == {"ok"}, set(requests)
    each = 1000 / looks
    return Cost(pods * values, since, made / looks, operator * each, theirs * each, held * 1000, again * 1000)


async def _look(judge: Judge, past: Past, rollout: ModelRollout, at: float) -> tuple[float, int]:
    """Look as at that moment; for how long the event loop was held at most, in seconds, and the fewest samples."""
    past.at = datetime.fromtimestamp(at, UTC)
    held = 0.0

    async def watch() -> None:
        nonlocal held
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.002)
            held = max(held, time.monotonic() - began - 0.002)

    watching = asyncio.create_task(watch())
    evidence, _ = await judge.evidence(rollout, STABLE.ref, past.at)
    watching.cancel()
    assert evidence.unavailable is None, evidence.unavailable
    return held, min(one.result.samples for one in evidence.judged)


def _cpu(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def page(costs: list[Cost]) -> str:
    """For people."""
    rows = [
        (
            f"{cost.series:,}",
            f"{cost.scrapes:,}",
            f"{cost.requests:.1f}",
            f"{cost.operator:.0f}",
            f"{cost.prometheus:.0f}",
            f"{cost.held:.0f}",
            f"{cost.again:.0f}",
        )
        for cost in costs
    ]
    head = (
        "series of each counter",
        "scrapes since the step began",
        "requests to Prometheus a look",
        "processor ms of the operator a look",
        "of Prometheus",
        "event loop held at most, ms",
        "first look after a restart: processor ms of the operator",
    )
    return "\n\n".join((_HEAD, table(head, rows), f"Measured {machine.piece()}.")) + "\n"


async def _measured() -> list[Cost]:
    """What is known is written at once: the last size takes longer than all others."""
    progress = Progress()
    found = []
    binary = Binaries(progress).path("prometheus")
    for size in SIZES:
        # One each: a history may not begin long before what is there already.
        with (
            tempfile.TemporaryDirectory(prefix="mr-looks-") as home,
            RealPrometheus(binary, Path(home) / "prometheus", options=RECEIVES) as prometheus,
        ):
            found.append(await measure(prometheus, *size))
        progress.say(str(found[-1]))
        FILE.write_text(page(found), encoding="utf-8")
    return found


def main() -> None:
    """Measure, and write looks.md."""
    print(page(asyncio.run(_measured())))


if __name__ == "__main__":
    main()
