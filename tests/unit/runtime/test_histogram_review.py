"""What is said of a histogram before any traffic moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from modelrollout.api.status import ModelRolloutStatus
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.runtime.histogram_review import histogram_problems
from tests.support import scenes
from tests.support.native import NativeHistogram, of
from tests.support.scenes import STABLE

pytestmark = pytest.mark.unit


@dataclass
class Prometheus:
    """Shows one histogram of the stable revision, a classic one (le, value) or a native one."""

    buckets: tuple[tuple[str, float], ...] = ()
    native: NativeHistogram | None = None

    async def now(self) -> float:
        return 1000.0

    async def raw(self, *_: object) -> Any:
        pod = f"digits-{STABLE.hash}-x1"
        if self.native is not None:
            return (RawSeries({"pod": pod}, ((999.0, self.native.total),), ((999.0, self.native.native()),)),)
        return tuple(RawSeries({"pod": pod, "le": edge}, ((999.0, value),)) for edge, value in self.buckets)


async def problems(buckets: str, prometheus: Prometheus, *, served: bool = True, side: str = "max") -> list[str]:
    metric = {
        "name": "latency",
        "histogram": {"buckets": buckets, "quantile": "0.99"},
        "check": {side: "0.5"},
    }
    status = ModelRolloutStatus(stable=STABLE.ref) if served else ModelRolloutStatus()
    rollout = scenes.rollout(scenes.raw_spec(metrics=[metric]), status)
    return [
        problem
        async for problem in histogram_problems(rollout, rollout.spec.metrics[0], cast(MetricProvider, prometheus))
    ]


async def test_what_is_no_selector_of_buckets() -> None:
    (problem,) = await problems("seconds_sum{$selector}", Prometheus())
    assert problem.startswith("histogram.buckets (latency): write the histogram, not seconds_sum")


async def test_a_histogram_of_the_other_kind() -> None:
    classic = Prometheus((("0.5", 990.0), ("+Inf", 1000.0)))
    said = "histogram.buckets (latency): the stable version has it as {}: write that"
    assert await problems("s{$selector}", classic) == [said.format("s_bucket{$selector}")]
    assert await problems("s_bucket{$selector}", Prometheus(native=of([0.3]))) == [said.format("s{$selector}")]


async def test_a_native_histogram() -> None:
    assert await problems("s{$selector}", Prometheus(native=of([0.3]))) == []
    (problem,) = await problems("s{$selector}", Prometheus(native=of([0.3], schema=-1)))
    assert problem.startswith(
        "check.max (latency): of the stable version, 0.5 is no bound of the native buckets: the nearest are 0.25 and 1"
    )
    (problem,) = await problems("s{$selector}", Prometheus(native=of([0.0] * 990 + [0.3] * 10)))
    assert problem.startswith("histogram.buckets (latency): 99 % of the stable revision's 1000 observations")


@pytest.mark.parametrize("side", ["max", "min"])
async def test_an_edge_that_stable_does_not_have(side: str) -> None:
    prometheus = Prometheus((("0.25", 1.0), ("1.0", 2.0), ("+Inf", 2.0)))
    (problem,) = await problems("s_bucket{$selector}", prometheus, side=side)
    assert problem == (
        f"check.{side} (latency): of the stable version, 0.5 is no edge of the buckets; set the limit to one of 0.25, 1"
    )


async def test_a_first_bucket_that_holds_everything() -> None:
    (problem,) = await problems("s_bucket{$selector}", Prometheus((("0.5", 990.0), ("+Inf", 1000.0))))
    assert problem.startswith("histogram.buckets (latency): 99 % of the stable revision's 1000 observations")


async def test_nothing_to_say() -> None:
    fine = Prometheus((("0.25", 500.0), ("0.5", 990.0), ("+Inf", 1000.0)))
    assert await problems("s_bucket{$selector}", fine) == []
    assert await problems("s_bucket{$selector}", Prometheus()) == []
    assert await problems("s_bucket{$selector}", replace(fine, buckets=(("1", 1.0), ("+Inf", 1.0))), served=False) == []
