"""The spec goes back to what serves: that is a rollback, and nobody's fault."""

from __future__ import annotations

import pytest

from e2e.support.scenario import Scenario, serves
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e


def test_reverting_the_spec_rolls_back(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")
    scenario.apply("v2", {"stages.1.duration": "5m"})
    scenario.until_step("canary")

    scenario.apply("v1")
    scenario.until(lambda s: serves(s, "v1") and s.attempt is None, "the way back")

    assert scenario.journal.weights_of("v2") == [0, 20, 0]
    assert scenario.rollout["status"].get("failed") is None, "it may be tried again"
    assert scenario.until_event("RolledBack", "SpecReverted")
    traffic.until_only("v1")
    assert traffic.next(200).versions == {"v1"}
    until(lambda: not scenario.pods("v2"), "the pods of v2 to go")
    assert traffic.next(50).versions == {"v1"}
    assert not traffic.all.failed
