"""The operator dies between taking the traffic away and noting it, and Prometheus is gone: no weight comes back."""

from __future__ import annotations

import signal

import pytest

from e2e.support.operators import OperatorProcess
from e2e.support.prometheus import OwnPrometheus
from e2e.support.scenario import Scenario

pytestmark = pytest.mark.e2e

STAGES = [{"name": "canary", "weight": 20, "duration": "10s"}, {"name": "full", "weight": 100, "duration": "3s"}]


@pytest.mark.bad("v5")
def test_killed_between_two_writes(scenario: Scenario, operator: OperatorProcess) -> None:
    prometheus = OwnPrometheus(scenario)
    changes = {"prometheus": {"url": prometheus.outside}, "stages": STAGES}
    traffic = scenario.serving("v1", changes)
    operator.stop()
    operator.start("e2e.support.dying_operator")

    scenario.apply("v5", changes)
    assert operator.until_dead() == -signal.SIGKILL
    traffic.until_only("v1")
    attempt = scenario.journal.moments[-1].status.attempt
    assert attempt is not None, "status knows nothing of the rollback"
    assert attempt.step is not None
    assert attempt.step.weight == 20
    prometheus.stop()
    operator.start()
    scenario.until_rolled_back("v5", "Harm")

    assert traffic.next(300).versions == {"v1"}
    assert scenario.journal.weights_of("v5") == [0, 20, 0], "no weight came back"
    assert traffic.all.failed.versions == {"v5"}
