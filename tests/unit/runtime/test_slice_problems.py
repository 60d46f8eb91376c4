"""A label that cannot be sliced by is found before any traffic moves, by asking for one number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import pytest

from modelrollout.analysis.outcome import NoData, Outcome, Unavailable, Value
from modelrollout.api.metrics import Metric
from modelrollout.metrics.provider import MetricProvider
from modelrollout.runtime.slice_problems import label_problems

pytestmark = pytest.mark.unit

METRIC = Metric.model_validate(
    {
        "name": "wrong",
        "ratio": {"events": 'wrong{$selector,kind="a", } ', "total": "labelled{$selector}"},
        "check": {"max": "0.2"},
        "sliceBy": {"label": "digit", "maxSlices": 10},
    }
)
TOTAL, EVENTS = (
    'count(count by (digit) (labelled{digit!="",pod="a"}))',
    'count(count by (digit) (wrong{digit!="",pod="a",kind="a", } ))',
)


@dataclass
class Prometheus:
    answers: Mapping[str, Outcome]
    asked: list[str] = field(default_factory=list)

    async def instant(self, query: str, at: float) -> Outcome:
        self.asked.append(query)
        return self.answers.get(query, NoData())


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        pytest.param({TOTAL: Value(10.0), EVENTS: Value(3.0)}, None, id="as-declared"),
        pytest.param(
            {TOTAL: Value(9000.0)},
            "sliceBy.maxSlices (wrong): 9000 values of the label digit are more than maxSlices: 10: raise it, "
            "or use a coarser label",
            id="too-many",
        ),
        pytest.param(
            {TOTAL: Value(10.0), 'count(wrong{pod="a",kind="a", } )': Value(2.0)},
            "sliceBy.label (wrong): no series of ratio.events has the label digit, and both counters need it",
            id="one-counter-has-no-label",
        ),
        pytest.param({}, None, id="nothing-counted-yet"),
        pytest.param({TOTAL: Unavailable("away"), EVENTS: Unavailable("away")}, None, id="not-known"),
    ],
)
async def test_what_is_said_of_a_label(answers: Mapping[str, Outcome], problem: str | None) -> None:
    provider = cast(MetricProvider, Prometheus(answers))
    found = [one async for one in label_problems(METRIC, {"selector": 'pod="a"'}, provider, 0.0)]
    assert found == ([] if problem is None else [problem])


async def test_the_buckets_of_a_histogram_are_asked_about() -> None:
    metric = Metric.model_validate(
        {
            "name": "latency",
            "histogram": {"buckets": "seconds_bucket{$selector}", "quantile": "0.9"},
            "check": {"max": "0.5"},
            "sliceBy": {"label": "language"},
        }
    )
    prometheus = Prometheus({'count(seconds_bucket{pod="a"})': Value(30.0)})
    provider = cast(MetricProvider, prometheus)
    found = [text async for text in label_problems(metric, {"selector": 'pod="a"'}, provider, 0.0)]
    assert found == ["sliceBy.label (latency): no series of histogram.buckets has the label language"]
