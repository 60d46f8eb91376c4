"""A candidate that is worse for a few only: their slice shows it while the whole looks well."""

from __future__ import annotations

import copy

import pytest

from e2e.support.manifests import METRICS
from e2e.support.scenario import Scenario

pytestmark = pytest.mark.e2e

WRONG = {
    "name": "wrong-answers",
    "category": "Output",
    "ratio": {
        "events": 'ml_labelled_answers_total{$selector,outcome="wrong"}',
        "total": "ml_labelled_answers_total{$selector}",
    },
    "check": {"noWorseThan": {"difference": "0.2"}},
    "sliceBy": {"label": "digit", "maxSlices": 10, "minSamples": 10},
    "interval": "1s",
    "minSamples": 30,
}
CHANGES = {
    "metrics": [copy.deepcopy(METRICS[0]), WRONG],
    "stages": [{"name": "canary", "weight": 50, "duration": "2m"}, {"name": "full", "weight": 100, "duration": "3s"}],
}


def test_who_is_bad_at_one_digit_is_caught_by_its_slice(scenario: Scenario) -> None:
    traffic = scenario.serving("v1", CHANGES)

    scenario.apply("v7", CHANGES)
    status = scenario.until_rolled_back("v7", "Harm")

    assert status.failed is not None
    assert "wrong-answers{digit=8}" in status.failed.message
    (check,) = (check for check in status.checks if check.name == "wrong-answers")
    assert check.worst_slice is not None
    assert check.worst_slice.startswith("digit=8 ")
    assert check.candidate is not None
    assert check.limit is not None
    assert float(check.candidate) <= float(check.limit), "as a whole it was inside of its limit"
    assert not traffic.all.failed
