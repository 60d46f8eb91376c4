"""The users' own HTTPRoute, and a tool of theirs that keeps applying it."""

from __future__ import annotations

import pytest

from e2e.support.own_route import AS_ARGO, BY_THEIR_ROUTE, OwnRoute
from e2e.support.scenario import Scenario

pytestmark = pytest.mark.e2e


def test_a_tool_that_keeps_setting_the_route_back(scenario: Scenario) -> None:
    route = OwnRoute(scenario)
    route.apply(*AS_ARGO)
    written = route.live["spec"]
    traffic = scenario.serving("v1", BY_THEIR_ROUTE)

    scenario.apply("v2", BY_THEIR_ROUTE | {"stages.1.duration": "10m"})
    scenario.until_step("canary", 20)
    assert traffic.next(50).versions == {"v1", "v2"}
    with route.kept_by(*AS_ARGO):
        scenario.until_event("RouteContested", "argocd-controller")
        traffic.until_only("v1")
        assert scenario.condition("Stalled")[:2] == ("True", "RouteContested")
        assert traffic.next(150).versions == {"v1"}, "nobody fights any more"
        assert route.live["spec"] == written

    scenario.apply("v2", BY_THEIR_ROUTE)
    scenario.until_stable("v2")
    traffic.until_only("v2")
    assert not traffic.all.failed
