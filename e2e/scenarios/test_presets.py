"""A spec without metrics: the model server tells what it is, and is judged by what it counts."""

from __future__ import annotations

import pytest

from e2e.support.scenario import Scenario
from modelrollout.api.preset import PresetName

pytestmark = pytest.mark.e2e

STAGES = [{"name": "canary", "weight": 50, "duration": "3s"}, {"name": "full", "weight": 100, "duration": "3s"}]
UNKNOWN = {"metrics": None, "stages": STAGES}
LATENCY = {
    "name": "latency",
    "unit": "seconds",
    "histogram": {"buckets": "request_predict_seconds_bucket{$selector}", "quantile": "0.5"},
    "check": {"max": "0.05"},
    "mode": "Observe",
}
"""In the place of the preset's: on a machine that all scenarios share, how long answers take says little of a model."""


@pytest.mark.bad("v5")
def test_a_known_server_needs_no_metrics(scenario: Scenario) -> None:
    traffic = scenario.serving("v1", UNKNOWN)

    scenario.apply("v5", UNKNOWN)
    status = scenario.until_rolled_back("v5", "Harm")

    chosen = status.effective_metrics
    assert chosen is not None
    assert (chosen.asked, chosen.preset) == (PresetName.AUTO, PresetName.KSERVE)
    assert {"errors", "latency", "restarts"} <= {metric["name"] for metric in chosen.metrics}
    assert {one.version for one in traffic.all.failed.met} == {"v5"}

    scenario.apply("v2", {"preset": "kserve", "metrics": [LATENCY], "stages": STAGES})
    scenario.until_stable("v2")

    checks = {check.name: check for check in scenario.journal.moments[-1].status.checks}
    assert checks["errors"].verdict == "Pass"
    assert checks["latency"].mode == "Observe", "the user's own stands instead of the preset's"
    traffic.until_only("v2")
