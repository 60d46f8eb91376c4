"""Too many series are found before any traffic moves, by asking for one number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from modelrollout.analysis.outcome import NoData, Outcome, Unavailable, Value
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.metrics.provider import MetricProvider
from modelrollout.runtime.series_problems import series_problems
from tests.support import scenes
from tests.support.scenes import METRICS, STABLE, Raw

pytestmark = pytest.mark.unit

SELECTED = f'namespace="demo",pod=~"digits-{STABLE.hash}-.*"'
RATIO = METRICS[0]
MEAN: Raw = {"mean": {"sum": "took_sum{$selector}", "count": "took_count{$selector}"}, "check": {"max": "1"}}
TAIL: Raw = {"histogram": {"buckets": "took_bucket{$selector}", "quantile": "0.9"}, "check": {"max": "1"}}
DRIFT: Raw = {"drift": {"of": "said_total{$selector}", "label": "word", "method": "JS"}}
TOO_MANY = (
    "selects 6000 series of the stable version, which makes 12000 with the candidate's, and at most 10000 are read at "
    "once: add matchers, or drop the label that has so many values"
)


@dataclass
class Prometheus:
    answers: Mapping[str, Outcome]
    clock: float | Unavailable = 1000.0
    asked: list[str] = field(default_factory=list)

    async def now(self) -> float | Unavailable:
        return self.clock

    async def instant(self, query: str, at: float) -> Outcome:
        assert at == self.clock
        self.asked.append(query)
        return self.answers.get(query, NoData())


async def problems(metric: Raw, prometheus: Prometheus, status: ModelRolloutStatus | None = None) -> list[str]:
    metrics = [metric | {"name": "one"}]
    of = scenes.rollout(scenes.raw_spec(metrics=metrics), status or ModelRolloutStatus(stable=STABLE.ref))
    provider = cast(MetricProvider, prometheus)
    return [text async for text in series_problems(of, of.spec.metrics[0], provider)]


def count(name: str) -> str:
    return f"count({name}{{{SELECTED}}})"


@pytest.mark.parametrize(
    ("metric", "counter", "field"),
    [
        pytest.param(RATIO, "requests_total", "ratio.total", id="all-requests"),
        pytest.param(RATIO, "errors_total", "ratio.events", id="errors"),
        pytest.param(
            {"ratio": {"good": "good_total{$selector}", "total": "requests_total{$selector}"}, "check": {"min": "0.9"}},
            "good_total",
            "ratio.good",
            id="good",
        ),
        pytest.param(MEAN, "took_sum", "mean.sum", id="sum"),
        pytest.param(MEAN, "took_count", "mean.count", id="count"),
        pytest.param(TAIL, "took_bucket", "histogram.buckets", id="buckets"),
    ],
)
async def test_more_series_than_are_read(metric: Raw, counter: str, field: str) -> None:
    assert await problems(metric, Prometheus({count(counter): Value(6000.0)})) == [f"{field} (one): {TOO_MANY}"]
    assert await problems(metric, Prometheus({count(counter): Value(5000.0)})) == []


async def test_each_revision_of_a_drift_is_read_on_its_own() -> None:
    assert await problems(DRIFT, Prometheus({count("said_total"): Value(10_000.0)})) == []
    (problem,) = await problems(DRIFT, Prometheus({count("said_total"): Value(10_001.0)}))
    assert problem.startswith("drift.of (one): selects 10001 series of the stable version and at most 10000 are read")


async def test_a_label_of_a_drift_that_names_things() -> None:
    values = f"count(count by (word) (said_total{{{SELECTED}}}))"
    assert await problems(DRIFT, Prometheus({values: Value(100.0)})) == []
    assert await problems(DRIFT, Prometheus({values: Value(101.0)})) == [
        "drift.of (one): the label word has 101 values, and at most 100 are compared: use a coarser label"
    ]


async def test_who_is_not_known_is_not_blamed() -> None:
    many = {count("requests_total"): Value(6000.0)}
    assert await problems(RATIO, Prometheus(many, clock=Unavailable("away"))) == []
    assert await problems(RATIO, Prometheus(many), ModelRolloutStatus()) == []
    assert await problems(RATIO, Prometheus({count("requests_total"): Unavailable("away")})) == []


async def test_a_query_is_asked_of_nobody() -> None:
    prometheus = Prometheus({})
    assert await problems(METRICS[1] | {"mode": "Enforce"}, prometheus) == []
    assert prometheus.asked == []
