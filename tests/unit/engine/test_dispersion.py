"""What evidence is divided by is measured once for each attempt, and kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.status import AttemptStatus, DispersionFactor, DispersionStatus
from modelrollout.engine.decide import decide
from modelrollout.engine.dispersion import is_unmeasured, undeclared, with_measured
from modelrollout.engine.situation import Observation
from tests.support import scenes

pytestmark = pytest.mark.unit

RATIO: dict[str, Any] = {
    "name": "errors",
    "ratio": {"events": "errors{$selector}", "total": "requests{$selector}"},
    "check": {"max": "0.01"},
}
SPREAD = DispersionStatus(measured_at=scenes.NOW, hours=24, factors=(DispersionFactor(metric="errors", factor="3.2"),))


def loading(*metrics: dict[str, Any]) -> Observation:
    seen = scenes.resting(scenes.raw_spec(metrics=list(metrics)))
    return scenes.with_status(seen, attempt=AttemptStatus(**seen.desired.ref.model_dump(), started_at=scenes.NOW))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        pytest.param({}, ["errors"], id="nothing-is-said"),
        pytest.param({"mode": "Hold"}, ["errors"], id="what-holds-too"),
        pytest.param({"clusters": {"by": "Request"}}, [], id="each-request-stands-alone"),
        pytest.param({"clusters": {"by": "Session", "size": "5"}}, [], id="the-size-is-declared"),
        pytest.param({"mode": "Warn"}, [], id="what-only-warns"),
        pytest.param(
            {"ratio": None, "histogram": {"buckets": "seconds_bucket{$selector}", "quantile": "0.9"}},
            ["errors"],
            id="a-histogram-counts-too",
        ),
        pytest.param(
            {"ratio": None, "mean": {"sum": "s{$selector}", "count": "c{$selector}"}},
            [],
            id="of-a-mean-the-noise-is-measured-as-it-comes",
        ),
    ],
)
def test_which_metrics_are_measured(changes: dict[str, Any], names: list[str]) -> None:
    metric = {key: value for key, value in (RATIO | changes).items() if value is not None}
    seen = loading(metric)
    assert [one.name for one in undeclared(seen.rollout.spec)] == names
    assert is_unmeasured(seen) == bool(names)


def test_it_is_measured_once_before_the_first_step_and_kept() -> None:
    seen = loading(RATIO)
    after = decide(replace(seen, dispersion=SPREAD)).status
    assert after.attempt is not None
    assert after.attempt.dispersion == SPREAD
    later = replace(seen, rollout=replace(seen.rollout, status=after))
    assert not is_unmeasured(later)
    again = decide(later).status
    assert again.attempt is not None
    assert again.attempt.dispersion == SPREAD
    assert not is_unmeasured(scenes.stepping())
    assert not is_unmeasured(scenes.resting())


def test_a_look_that_measured_nothing_changes_nothing() -> None:
    seen = loading(RATIO)
    assert with_measured(seen).status == seen.status
    told = with_measured(replace(seen, dispersion=SPREAD)).status
    assert told.attempt is not None
    assert told.attempt.dispersion == SPREAD


@pytest.mark.parametrize(
    ("metric", "factors"),
    [
        pytest.param(RATIO, ["2"], id="nothing-is-said"),
        pytest.param(RATIO | {"clusters": {"by": "Request"}}, None, id="declared"),
    ],
)
def test_a_first_step_that_nobody_could_measure_for_has_the_least(
    metric: dict[str, Any], factors: list[str] | None
) -> None:
    entered = decide(scenes.loading(2, scenes.raw_spec(metrics=[metric])))
    assert entered.status.attempt is not None
    assert entered.status.attempt.step is not None
    found = entered.status.attempt.dispersion
    assert (None if found is None else [one.factor for one in found.factors]) == factors
