"""A spec without metrics: the model server tells what it is, and is judged by what it counts."""

from __future__ import annotations

import pytest

from e2e.support.scenario import Scenario
from modelrollout.api.preset import PresetName

pytestmark = pytest.mark.e2e

CHANGES = {
    "metrics": None,
    "stages": [{"name": "canary", "weight": 50, "duration": "3s"}, {"name": "full", "weight": 100, "duration": "3s"}],
}


@pytest.mark.bad("v5")
def test_a_known_server_needs_no_metrics(scenario: Scenario) -> None:
    traffic = scenario.serving("v1", CHANGES)

    scenario.apply("v2", CHANGES)
    scenario.until_stable("v2")

    chosen = scenario.journal.moments[-1].status.effective_metrics
    assert chosen is not None
    assert (chosen.asked, chosen.preset) == (PresetName.AUTO, PresetName.KSERVE)
    assert {"errors", "latency"} <= {metric["name"] for metric in chosen.metrics}
    traffic.until_only("v2")
    assert not traffic.all.failed

    scenario.apply("v5", CHANGES)
    failed = scenario.until_rolled_back("v5", "Harm").failed
    assert failed is not None
    assert failed.message.startswith("errors "), failed.message
    assert {one.version for one in traffic.all.failed.met} == {"v5"}
