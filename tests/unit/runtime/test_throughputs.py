"""What is read to measure throughput, and when nothing is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.outcome import Unavailable
from modelrollout.analysis.ranges import Ranges
from modelrollout.engine.observed import Throughput
from modelrollout.metrics.provider import MetricProvider, Native, RawSeries
from modelrollout.runtime.looking import Look
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.throughputs import throughput_of
from tests.support import scenes
from tests.support.looks import look_at
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

LATENCY: dict[str, Any] = {
    "name": "latency", "unit": "seconds", "check": {"max": "1"},
    "histogram": {"buckets": "seconds_bucket{$selector}", "quantile": "0.99"},
}  # fmt: skip
GOAL: dict[str, Any] = {"qps": "1000", "p99": "0.5"}


@dataclass
class Prometheus:
    """One pod of the candidate that answers 50 requests/s, one of 100 of them late."""

    away: bool = False
    asked: list[tuple[str, float]] = field(default_factory=list)

    async def raw(self, selector: str, at: float, seconds: float) -> tuple[RawSeries, ...] | Unavailable:
        self.asked.append((selector, seconds))
        if self.away:
            return Unavailable("connection refused")
        if selector.startswith("native{"):
            return (self._native([at - seconds + second for second in range(1, round(seconds) + 1)]),)
        each = 50.0 if "+Inf" in selector else 49.5
        times = [at - seconds + second for second in range(1, round(seconds) + 1)]
        samples = tuple((time, each * index) for index, time in enumerate(times))
        return (RawSeries({"__name__": "seconds_bucket", "pod": f"digits-{CANDIDATE.hash}-0"}, samples),)

    def _native(self, times: list[float]) -> RawSeries:
        held = tuple(
            (time, Native(Ranges(((0.25, 0.5, 49.5 * index), (0.5, 1.0, 0.5 * index)), 50.0 * index), 0.0))
            for index, time in enumerate(times, 1)
        )
        samples = tuple((time, native.ranges.total) for time, native in held)
        return RawSeries({"__name__": "native", "pod": f"digits-{CANDIDATE.hash}-0"}, samples, held)


def look(*, step_for: float = 600.0, **others: Any) -> Look:
    raw = scenes.raw_spec(**({"metrics": (scenes.METRICS[0], LATENCY), "capacity": GOAL} | others))
    began = NOW - timedelta(seconds=step_for)
    seen = scenes.with_step(scenes.stepping(1, raw), started_at=began, accepted_at=began, in_force_at=began)
    return look_at(seen, Settings(scrape_interval=timedelta(seconds=1), scrape_timeout=timedelta(seconds=1)))


async def measured(source: Prometheus, seen: Look) -> Throughput | None:
    return await throughput_of(seen, cast(MetricProvider, source))


@pytest.mark.parametrize(("p99", "late"), [("0.5", pytest.approx(0.01)), ("0.3", None)])
async def test_a_native_histogram_is_read_once_and_tells_of_its_bounds(p99: str, late: float | None) -> None:
    source = Prometheus()
    histogram = {"histogram": {"buckets": "native{$selector}", "quantile": "0.99"}}
    found = await measured(source, look(metrics=(scenes.METRICS[0], LATENCY | histogram), capacity=GOAL | {"p99": p99}))
    assert found is not None
    assert (found.requests, found.late) == (2950, late)
    assert len(source.asked) == 1


async def test_two_buckets_of_the_candidate_over_the_last_minute() -> None:
    source = Prometheus()
    found = await measured(source, look())
    assert found is not None
    assert found.requests == 2950
    assert found.each_pod == pytest.approx(50)
    assert found.late == pytest.approx(0.01)
    assert [seconds for _, seconds in source.asked] == [60.0, 60.0]
    assert all(CANDIDATE.hash in selector and STABLE.hash not in selector for selector, _ in source.asked)
    assert sum("+Inf" in selector for selector, _ in source.asked) == 1


async def test_never_of_what_was_before_the_step() -> None:
    source = Prometheus()
    assert await measured(source, look(step_for=40)) is not None
    assert {seconds for _, seconds in source.asked} == {40.0}
    assert await measured(Prometheus(), look(step_for=29)) is None


async def test_without_a_goal_nothing_is_asked() -> None:
    source = Prometheus()
    assert await measured(source, look(capacity=None)) is None
    assert source.asked == []


async def test_an_outage_shows_nothing() -> None:
    assert await measured(Prometheus(away=True), look()) is None
