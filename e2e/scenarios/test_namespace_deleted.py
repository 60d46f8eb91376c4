"""A namespace is deleted while a rollout in it moves: it goes completely, whether or not there is an operator."""

from __future__ import annotations

import pytest

from e2e.support.kube import NAMESPACE, Object
from e2e.support.own_route import BY_THEIR_ROUTE, OwnRoute
from e2e.support.release import Release
from e2e.support.scenario import Scenario
from e2e.support.waiting import until
from modelrollout.api.names import FINALIZER

pytestmark = pytest.mark.e2e

HELD = BY_THEIR_ROUTE | {"deletionPolicy": "Orphan"}
"""A rollout that would give a rule back and leave its stable version behind: nothing holds it longer."""


def test_namespace_deleted(scenario: Scenario, release: Release) -> None:
    moving(scenario)

    scenario.kube.delete(NAMESPACE, scenario.namespace)
    until_gone(scenario)

    assert [restarts(pod) for pod in release.pods] == [0], "it goes on for others"
    # As after any restart, and when it has to open its watches anew: it may not even look into what is gone.
    release.restart()


def test_namespace_deleted_without_operator(scenario: Scenario, release: Release) -> None:
    moving(scenario)
    release.uninstall()

    scenario.kube.delete(NAMESPACE, scenario.namespace)
    until_gone(scenario)


def restarts(pod: Object) -> int:
    """How often a pod's container had to be started again."""
    (container,) = pod["status"]["containerStatuses"]
    return int(container["restartCount"])


def moving(scenario: Scenario) -> None:
    """A rollout in its canary, which nothing can pass, whose users have gone home."""
    OwnRoute(scenario).apply()
    traffic = scenario.serving("v1", HELD)
    scenario.apply("v2", HELD | {"stages.1.duration": "10m"})
    scenario.until_step("canary", 20)
    assert scenario.rollout["metadata"]["finalizers"] == [FINALIZER]
    assert not traffic.all.failed
    traffic.stop()


def until_gone(scenario: Scenario) -> None:
    """Nothing of it is left."""
    until(lambda: scenario.kube.get(NAMESPACE, scenario.namespace) is None, "the namespace to go", seconds=90)
