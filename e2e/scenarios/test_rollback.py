"""A version that fails loses its traffic before many users met it."""

from __future__ import annotations

import pytest

from e2e.support.manifests import LADDER
from e2e.support.scenario import Scenario

pytestmark = pytest.mark.e2e

LIVE_ONLY = {"stages": [{"name": "canary", "weight": 20, "duration": "10s"}, {"name": "full", "weight": 100}]}


@pytest.mark.bad("v5")
def test_errors_roll_back(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")

    scenario.apply("v5", LIVE_ONLY)
    status = scenario.until_rolled_back("v5", "Harm")

    assert status.failed is not None
    assert "error-rate" in status.failed.message
    assert scenario.journal.weights_of("v5") == [0, LADDER[0], 0]
    traffic.until_only("v1")
    assert traffic.next(200).versions == {"v1"}
    assert {one.version for one in traffic.all.failed.met} == {"v5"}, "only the bad version failed anybody"
    # Half of a fifth of the requests fail: a few seconds of that, and by far no whole stage.
    assert 0 < len(traffic.all.failed) < 50, traffic.all.failed
    assert scenario.until_event("RolledBack", "error-rate")
