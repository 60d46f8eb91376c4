"""What is said of a histogram before any traffic moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from modelrollout.api.status import ModelRolloutStatus
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.runtime.histogram_review import histogram_problems
from tests.support import scenes
from tests.support.scenes import STABLE

pytestmark = pytest.mark.unit


@dataclass
class Prometheus:
    """Shows one histogram of the stable revision: (le, value)."""

    buckets: tuple[tuple[str, float], ...] = ()

    async def now(self) -> float:
        return 1000.0

    async def raw(self, *_: object) -> Any:
        pod = f"digits-{STABLE.hash}-x1"
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
    (problem,) = await problems("seconds{$selector}", Prometheus())
    assert problem.startswith("histogram.buckets (latency): write the buckets, seconds_bucket{$selector}")


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
