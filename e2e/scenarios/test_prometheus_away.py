"""Without metrics nothing goes forward and nothing back; when they return, the rollout goes on."""

from __future__ import annotations

import pytest

from e2e.support.manifests import LADDER
from e2e.support.prometheus import OwnPrometheus
from e2e.support.scenario import Scenario
from e2e.support.traffic import RATE
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e

CANARY_SECONDS = 12


def test_prometheus_stopped_in_the_canary(scenario: Scenario) -> None:
    prometheus = OwnPrometheus(scenario)
    changes = {"prometheus": {"url": prometheus.inside}, "stages.1.duration": f"{CANARY_SECONDS}s"}
    traffic = scenario.serving("v1", changes)
    scenario.apply("v2", changes)
    scenario.until_step("canary")

    prometheus.stop()
    until(lambda: scenario.condition("MetricsAvailable")[0] == "False", "the outage to be noticed")
    held = traffic.next(int(RATE * CANARY_SECONDS * 1.5))

    assert held.follows("v2", 20), held
    assert scenario.journal.weights_of("v2") == [0, 20], "neither forward nor back"
    assert scenario.rollout["status"]["phase"] == "Progressing"

    prometheus.start()
    scenario.until_stable("v2")

    assert scenario.journal.weights_of("v2") == [0, *LADDER]
    assert not traffic.all.failed
