"""What it costs not to say how many requests fail together: errors until an obviously bad candidate is found."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.ratio import RatioCheck, judge
from modelrollout.analysis.ratio_state import RatioState, gather
from modelrollout.analysis.verdict import Verdict
from modelrollout.api.metrics import Metric
from modelrollout.api.status import AttemptStatus, DispersionFactor, DispersionStatus
from modelrollout.runtime.levels import dispersion_of
from modelrollout.runtime.looking import limits_of
from tests.support.scenes import NOW

pytestmark = pytest.mark.unit

MEASURED = DispersionStatus(measured_at=NOW, hours=24, factors=(DispersionFactor(metric="errors", factor="2"),))
BURSTS = DispersionStatus(measured_at=NOW, hours=24, factors=(DispersionFactor(metric="errors", factor="6"),))


def errors_until_harm(attempt: AttemptStatus, metric: Metric) -> int:
    """Of a candidate that fails every request from the first one on."""
    limits, factor = limits_of(metric), dispersion_of(attempt, metric)
    check = RatioCheck(metric.name, metric.min_samples, alpha=0.005)
    for errors in range(1, 100):
        seen = [Tick(0.0, Counts(errors, errors), None, final=False)]
        whole = gather(RatioState.start(limits, factor), seen)
        step = gather(RatioState.start_step(limits, factor), seen)
        if judge(check, whole, step, 1).result.verdict is Verdict.HARM:
            return errors
    raise AssertionError("a candidate that fails everything is not found")


@pytest.mark.parametrize(
    ("clusters", "measured", "errors"),
    [
        pytest.param({"by": "Request"}, MEASURED, 2, id="each-stands-alone-by-declaration"),
        pytest.param({"by": "Request"}, BURSTS, 2, id="a-declaration-counts-more-than-history"),
        pytest.param(None, MEASURED, 3, id="the-floor"),
        pytest.param(None, BURSTS, 9, id="bursts-of-six-in-history"),
        pytest.param({"by": "Session", "size": "5"}, MEASURED, 8, id="sessions-of-five"),
    ],
)
def test_the_trade(clusters: dict[str, Any] | None, measured: DispersionStatus, errors: int) -> None:
    ratio = {"events": "errors{$selector}", "total": "requests{$selector}"}
    raw = {"name": "errors", "ratio": ratio, "check": {"max": "0.01"}}
    metric = Metric.model_validate(raw if clusters is None else raw | {"clusters": clusters})
    attempt = AttemptStatus(revision="r", version="2", started_at=NOW, dispersion=measured)
    assert errors_until_harm(attempt, metric) == errors
