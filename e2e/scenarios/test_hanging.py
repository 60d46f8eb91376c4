"""A version that is ready, and answers nothing: no error is ever counted, so that silence itself must be the sign."""

from __future__ import annotations

import pytest

from e2e.support.scenario import Scenario
from e2e.support.traffic import GATEWAY, NOBODY, RATE, TIMEOUT

pytestmark = pytest.mark.e2e

STAGES = [{"name": "canary", "weight": 20, "duration": "10s"}, {"name": "full", "weight": 100, "duration": "3s"}]


@pytest.mark.bad("v6")
def test_a_hanging_candidate_is_rolled_back(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")

    scenario.apply("v6", {"stages": STAGES})
    scenario.until_rolled_back("v6", "NoAnswers")

    assert scenario.journal.weights_of("v6") == [0, 20, 0]
    # The last ones to be disappointed wait until their patience ends.
    traffic.until_only("v1", count=int(RATE * TIMEOUT) + 50)
    failed = traffic.all.failed
    # Whom it still held when its pod went got an error of the gateway's.
    assert failed.versions <= {NOBODY, GATEWAY}
    # A fifth of the requests, for a minute at most.
    assert len(failed) < RATE * 0.2 * 60, failed
