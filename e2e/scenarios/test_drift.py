"""Images that are darker than they were: both versions see it, it is told, and the candidate is not blamed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

import pytest

from e2e.support.manifests import METRICS
from e2e.support.scenario import Scenario
from examples.digits.load.lens import Lens
from examples.digits.load.load import Digit
from modelrollout.api.status import CheckStatus, ModelRolloutStatus

pytestmark = pytest.mark.e2e

DARK = Lens(darken=4.0, turns=1)
EDGES = (3.0, 4.0, 5.0, 6.0, 8.0)
"""Some of those that the server has."""
STAGES = [
    {"name": "canary", "weight": 50, "duration": "30s"},
    {"name": "full", "weight": 100, "duration": "3s"},
]


def ink(usual: Iterable[Digit]) -> dict[str, Any]:
    """A drift metric whose reference are the images as they were."""
    means = [_mean(digit) for digit in usual]
    bins = []
    for below, edge in zip((float("-inf"), *EDGES), (*EDGES, float("inf")), strict=True):
        count = sum(below < mean <= edge for mean in means)
        bins.append({"value": "+Inf" if edge == float("inf") else str(edge), "count": count})
    return {
        "name": "ink",
        "category": "Input",
        "unit": "none",
        "drift": {
            "of": 'ml_input_feature_bucket{$selector,feature="mean_ink"}',
            "against": "Reference",
            "reference": {"snapshot": bins},
            "window": "1m",
        },
        "interval": "1s",
    }


def _mean(digit: Digit) -> float:
    pixels = json.loads(digit.body)["inputs"][0]["data"]
    return float(sum(pixels)) / len(pixels)


def _check(status: ModelRolloutStatus) -> CheckStatus | None:
    return next((check for check in status.checks if check.name == "ink"), None)


def test_dark_images_are_told_of_as_input_drift_and_roll_nothing_back(scenario: Scenario) -> None:
    errors = copy.deepcopy(METRICS[0])
    traffic = scenario.serving("v1", {"metrics": [errors], "stages": STAGES}, DARK)

    scenario.apply("v2", {"metrics": [errors, ink(scenario.images())], "stages": STAGES})

    def told(status: ModelRolloutStatus) -> bool:
        check = _check(status)
        return check is not None and check.upstream

    check = _check(scenario.until(told, "the drift to be told of").status)
    assert check is not None
    assert check.mode == "Warn"
    assert check.verdict == "Pass"
    assert "input drift, not the candidate" in check.reason
    scenario.until_event("InputDrift", "ink")
    scenario.until_stable("v2")
    assert not traffic.all.failed
