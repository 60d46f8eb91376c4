"""An average from raw samples to its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.metrics.reader import CounterReader
from modelrollout.runtime.counting import Counting
from modelrollout.runtime.means import Means
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.looks import look_at
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

SECONDS = 1200
REQUESTS = 10
SETTINGS = Settings(scrape_interval=timedelta(seconds=1), scrape_timeout=timedelta(seconds=1))
LATENCY: dict[str, Any] = {
    "name": "latency",
    "unit": "seconds",
    "mean": {"sum": "seconds_sum{$selector}", "count": "seconds_count{$selector}"},
    "check": {"noWorseThan": {"ratio": "1.2"}},
}


@dataclass
class Prometheus:
    """One pod of each revision, scraped each second, of ten requests a second that take so many seconds on average."""

    taking: Mapping[str, float]

    async def raw(self, selector: str, at: float, seconds: float) -> tuple[RawSeries, ...]:
        begin = int(NOW.timestamp()) - SECONDS
        times = [float(time) for time in range(begin, int(NOW.timestamp()) + 1) if at - seconds < time <= at]
        found = []
        for revision, taking in self.taking.items():
            labels = {"namespace": "demo", "pod": f"digits-{revision}-0", "job": "pods", "instance": revision}
            if selector.startswith("up"):
                samples = tuple((time, 1.0) for time in times)
            elif "count" in selector:
                samples = tuple((time, (time - begin) * REQUESTS) for time in times)
            else:
                # Slower and faster in turns of seven seconds, so that blocks differ.
                samples = tuple(
                    (time, ((time - begin) + (time - begin) % 7 / 10) * REQUESTS * taking) for time in times
                )
            found.append(RawSeries(labels | {"__name__": selector.partition("{")[0]}, samples))
        return tuple(found)


class Bench:
    def __init__(self, candidate: float, *, stable: float = 0.2, **changes: Any) -> None:
        prometheus = Prometheus({CANDIDATE.hash: candidate, STABLE.hash: stable})
        self.means = Means(Counting(CounterReader(cast(MetricProvider, prometheus), 1.0)))
        self.seen = scenes.stepping(0, scenes.raw_spec(stages=scenes.STAGES[1:], metrics=[LATENCY | changes]))

    async def result(self, seconds_ago: float = 0.0) -> CheckResult:
        look = look_at(self.seen, SETTINGS, seconds_ago)
        return (await self.means.find(look, self.seen.rollout.spec.metrics[0])).judged.result


@pytest.mark.parametrize(
    ("candidate", "verdict"),
    [pytest.param(0.2, Verdict.PASS, id="as-fast"), pytest.param(0.4, Verdict.HARM, id="twice-as-slow")],
)
async def test_beside_stable(candidate: float, verdict: Verdict) -> None:
    found = await Bench(candidate).result()
    assert found.verdict is verdict, found.reason
    assert found.candidate == pytest.approx(candidate, rel=0.1)
    assert found.stable == pytest.approx(0.2, rel=0.1)


async def test_looking_often_gives_the_same() -> None:
    often = Bench(0.2)
    for seconds_ago in (30.0, 20.0, 10.0):
        await often.result(seconds_ago)
    assert await often.result() == await Bench(0.2).result()


async def test_forgetting_costs_reading_only() -> None:
    bench = Bench(0.2)
    before = await bench.result()
    bench.means.forget(bench.seen.rollout.uid)
    assert await bench.result() == before


async def test_microseconds_are_seconds_by_a_scale() -> None:
    mean = {**LATENCY["mean"], "scale": "0.000001"}
    found = await Bench(400_000.0, stable=200_000.0, mean=mean).result()
    assert found.verdict is Verdict.HARM, found.reason
    assert found.candidate == pytest.approx(0.4, rel=0.1)
    assert found.stable == pytest.approx(0.2, rel=0.1)
