"""What a metric's evidence is divided by."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.metrics import Metric
from modelrollout.api.status import AttemptStatus, DispersionFactor, DispersionStatus
from modelrollout.runtime.levels import dispersion_of
from tests.support.scenes import NOW

pytestmark = pytest.mark.unit

MEASURED = DispersionStatus(measured_at=NOW, hours=24, factors=(DispersionFactor(metric="errors", factor="3.2"),))


def metric(**changes: Any) -> Metric:
    ratio = {"events": "errors{$selector}", "total": "requests{$selector}"}
    return Metric.model_validate({"name": "errors", "ratio": ratio, "check": {"max": "0.01"}} | changes)


@pytest.mark.parametrize(
    ("changes", "measured", "factor"),
    [
        pytest.param({}, MEASURED, 3.2, id="measured"),
        pytest.param({"clusters": {"by": "Request"}}, MEASURED, 1.0, id="each-stands-alone-by-declaration"),
        pytest.param({"clusters": {"by": "User", "size": "7"}}, MEASURED, 7.0, id="declared"),
        pytest.param({"name": "later"}, MEASURED, 2.0, id="was-not-there-when-it-was-measured"),
        pytest.param({"mode": "Warn"}, MEASURED, 1.0, id="stops-nothing"),
        pytest.param({}, None, 1.0, id="an-attempt-that-began-unmeasured-goes-on"),
    ],
)
def test_by_what(changes: dict[str, Any], measured: DispersionStatus | None, factor: float) -> None:
    attempt = AttemptStatus(revision="r", version="2", started_at=NOW, dispersion=measured)
    assert dispersion_of(attempt, metric(**changes)) == factor


def test_before_an_attempt_only_what_is_declared_is_known() -> None:
    assert dispersion_of(None, metric()) == 1.0
    assert dispersion_of(None, metric(clusters={"by": "User", "size": "7"})) == 7.0
