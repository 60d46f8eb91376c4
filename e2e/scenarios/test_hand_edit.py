"""Somebody edits the route by hand, or deletes it: it is put right, and said."""

from __future__ import annotations

import time

import pytest

from e2e.support.kube import HTTP_ROUTE, Object
from e2e.support.manifests import NAME
from e2e.support.scenario import Scenario
from e2e.support.traffic import GATEWAY, LAG, RATE
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e


def test_a_hand_edited_route_is_restored(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")
    # More samples than this scenario sends: it stays where it is.
    scenario.apply("v2", {"metrics.0.minSamples": 100_000, "metrics.0.stages": ["canary"]})
    scenario.until_step("canary")

    rules = scenario.route["spec"]["rules"]
    for backend in rules[0]["backendRefs"]:
        backend["weight"] = 100 - backend["weight"]
    scenario.kube.merge(HTTP_ROUTE, NAME, scenario.namespace, {"spec": {"rules": rules}})
    until(lambda: scenario.journal.weights_of("v2") == [0, 20, 80, 20], "the route to be restored")

    assert scenario.until_event("DriftRestored", "HTTPRoute")
    # The proxies may have been told of the other weights, and are told of these a moment later.
    traffic.next(int(LAG * RATE))
    answers = traffic.next(500)
    assert answers.follows("v2", 20), answers
    assert not traffic.all.failed


@pytest.mark.bad(GATEWAY)
def test_a_deleted_route_is_restored(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")

    scenario.kube.delete(HTTP_ROUTE, NAME, scenario.namespace)
    until(lambda: scenario.journal.weights_of("v1") == [100, 0, 100], "the route to come back")
    assert scenario.until_event("DriftRestored", "HTTPRoute", "deleted")

    # Whether the proxies ever miss it, and when, is up to them: they may not even have heard of the deletion yet.
    until(lambda: is_accepted(scenario.route), "the gateway to take the new route")
    traffic.until_only("v1", 150, after=time.monotonic())
    assert traffic.all.failed.versions <= {GATEWAY}


def is_accepted(route: Object) -> bool:
    """Whether a gateway says so of this very object: one that was made anew has no status at first."""
    parents = route.get("status", {}).get("parents", [])
    conditions = [one for parent in parents for one in parent["conditions"]]
    return any((one["type"], one["status"]) == ("Accepted", "True") for one in conditions)
