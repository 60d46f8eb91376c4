"""What a metric says about itself."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.check import Check
from modelrollout.api.metrics import Metric

pytestmark = pytest.mark.unit


def metric(**fields: Any) -> Metric:
    return Metric.model_validate({"name": "latency", "query": "up", "check": {"max": "0.5"}, **fields})


@pytest.mark.parametrize(("mode", "enforced"), [("Enforce", True), ("Warn", False), ("Observe", False)])
def test_only_enforce_can_stop_a_rollout(mode: str, enforced: bool) -> None:  # noqa: FBT001 - a column of the table
    assert metric(mode=mode).is_enforced is enforced


def test_without_stages_it_is_judged_in_all() -> None:
    assert metric().applies_to("canary")


def test_with_stages_it_is_judged_in_these() -> None:
    assert metric(stages=["canary"]).applies_to("canary")
    assert not metric(stages=["canary"]).applies_to("ramp")


def test_a_check_without_limits_is_empty() -> None:
    assert Check().is_empty
    assert not metric().check.is_empty


@pytest.mark.parametrize(
    ("fields", "latency"),
    [
        ({}, False),
        ({"unit": "seconds"}, True),
        ({"unit": "seconds", "category": "Output"}, False),
        ({"unit": "seconds", "signal": "Saturation"}, False),
        ({"unit": "none", "signal": "Latency"}, True),
    ],
)
def test_what_is_a_latency(fields: dict[str, Any], latency: bool) -> None:  # noqa: FBT001 - a column of the table
    assert metric(**fields).is_latency is latency


@pytest.mark.parametrize(
    ("fields", "mode", "tells"),
    [({}, "Hold", True), ({"mode": "Warn"}, "Warn", False), ({"mode": "Observe"}, "Observe", False)],
)
def test_saturation_holds_unless_it_only_warns(
    fields: dict[str, Any],
    mode: str,
    tells: bool,  # noqa: FBT001 - a column of the table
) -> None:
    queue = metric(signal="Saturation", **fields)
    assert (queue.mode, queue.tells_of_a_full_queue) == (mode, tells)
