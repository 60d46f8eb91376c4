"""A version that leaves traffic ends what it has begun: long inferences are answered, and only then its pods go."""

from __future__ import annotations

import pytest

from e2e.support.kube import POD
from e2e.support.manifests import host
from e2e.support.scenario import Scenario, serves
from e2e.support.slow import SlowUsers
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e

SLOW = 12.0
"""Seconds: longer than a pod that is told to stop lives, by 1 s of preStop and the server's own patience of 5 s."""
DRAINING = {
    "workload.deployment.drain": "25s",
    "workload.deployment.template.spec.containers.0.lifecycle.preStop.sleep.seconds": 1,
}
HALF = DRAINING | {"stages": [{"name": "canary", "weight": 50, "duration": "5m"}, {"name": "full", "weight": 100}]}
HOLDBACK = DRAINING | {
    "stages": [{"name": "full", "weight": 100, "holdback": 50, "duration": "1s"}],
    "rollbackWindow": "5m",
}


@pytest.fixture
def slow(scenario: Scenario) -> SlowUsers:
    """Users with long requests."""
    return SlowUsers(scenario.platform.gateway, host(scenario.namespace), SLOW)


def running(scenario: Scenario, version: str) -> list[str]:
    """Pods of a version that nobody has told to stop."""
    stopping = {
        pod["metadata"]["name"]
        for pod in scenario.kube.list(POD, scenario.namespace)
        if "deletionTimestamp" in pod["metadata"]
    }
    return [name for name in scenario.pods(version) if name not in stopping]


def test_long_requests_end_well_after_a_rollback(scenario: Scenario, slow: SlowUsers) -> None:
    traffic = scenario.serving("v1", DRAINING)
    scenario.apply("v2", HALF)
    scenario.until_step("canary", 50)
    slow.start(20)

    scenario.apply("v1", DRAINING)
    moment = scenario.until(lambda s: serves(s, "v1") and s.attempt is None, "the way back")
    assert slow.waiting == 20, "all were under way when their version lost its traffic"
    assert moment.status.retired
    traffic.until_only("v1")

    answers = slow.finished()
    assert answers.versions == {"v1", "v2"}
    assert not answers.failed
    assert running(scenario, "v2"), "it has time left for longer ones"
    until(lambda: not scenario.pods("v2"), "the pods of v2 to go")
    assert not traffic.all.failed


def test_long_requests_end_well_after_a_promotion_and_a_return(scenario: Scenario, slow: SlowUsers) -> None:
    traffic = scenario.serving("v1", HOLDBACK)
    scenario.apply("v2", HOLDBACK)
    scenario.until_step("full")
    slow.start(20)
    scenario.until_stable("v2")
    assert slow.waiting, "some were under way when v1 lost its half"
    answers = slow.finished()
    assert answers.versions == {"v1", "v2"}
    assert not answers.failed

    traffic.until_only("v2")
    slow.start(10)
    scenario.apply("v1", HOLDBACK)
    scenario.until_stable("v1")
    assert slow.waiting == 10, "all were under way when v2 lost everything"
    traffic.until_only("v1")
    answers = slow.finished()
    assert answers.versions == {"v2"}
    assert not answers.failed
    assert running(scenario, "v2")
    until(lambda: not scenario.pods("v2"), "the pods of v2 to go")
    assert not traffic.all.failed
