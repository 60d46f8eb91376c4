"""What has long been running is adopted: it plays stable until a first version of ours has shown that it may."""

from __future__ import annotations

import pytest

from e2e.support import existing
from e2e.support.kube import DEPLOYMENT, HTTP_ROUTE, SERVICE
from e2e.support.scenario import Scenario
from e2e.support.traffic import Traffic
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e

ADOPT = {"deployment": existing.NAME, "service": existing.NAME, "port": existing.PORT}
ADOPTED = {"workload.deployment.adopt": ADOPT}
SCALED_DOWN = {"workload.deployment.adopt": ADOPT | {"afterwards": "ScaleDown"}}


@pytest.fixture
def traffic(scenario: Scenario) -> Traffic:
    """Users of what has long been running, by a route of its owner's."""
    namespace = scenario.namespace
    for manifest in (existing.deployment(namespace, "v1"), existing.service(namespace), existing.route(namespace)):
        scenario.kube.create(manifest)
    return scenario.users("v1")


def hand_over(scenario: Scenario, traffic: Traffic) -> None:
    """What the owner of the old route does: let it match nothing, and then delete it."""
    route = scenario.kube.merge(HTTP_ROUTE, existing.NAME, scenario.namespace, existing.moved())
    generation = route["metadata"]["generation"]

    def accepted() -> bool:
        found = scenario.kube.get(HTTP_ROUTE, existing.NAME, scenario.namespace) or {}
        conditions = [one for parent in found["status"]["parents"] for one in parent["conditions"]]
        return all(one["observedGeneration"] == generation and one["status"] == "True" for one in conditions)

    until(accepted, "the gateway to accept that the old route matches nothing")
    traffic.next(100)
    scenario.kube.delete(HTTP_ROUTE, existing.NAME, scenario.namespace)


def replicas(scenario: Scenario) -> int:
    """Pods that the adopted Deployment asks for."""
    found = scenario.kube.get(DEPLOYMENT, existing.NAME, scenario.namespace)
    assert found is not None
    count: int = found["spec"]["replicas"]
    return count


def test_a_running_deployment_is_replaced_without_a_failed_request(scenario: Scenario, traffic: Traffic) -> None:
    service = scenario.kube.get(SERVICE, existing.NAME, scenario.namespace)
    assert service is not None
    scenario.apply("v2", SCALED_DOWN)
    # Its owner's route is the older one and counts, until its owner removes it.
    assert existing.NAME in scenario.until_event("RouteHidden", "delete it")
    assert traffic.next(50).versions == {"v1"}
    hand_over(scenario, traffic)

    scenario.until_step("canary")
    assert scenario.journal.mirrors_of("v2") == [0, 100, 0]
    scenario.until_stable("v2")
    traffic.until_only("v2")
    until(lambda: replicas(scenario) == 0, "the adopted Deployment to be scaled down")
    assert scenario.until_event("AdoptedStopped", existing.NAME)
    assert traffic.next(200).versions == {"v2"}
    assert not traffic.all.failed
    left = scenario.kube.get(SERVICE, existing.NAME, scenario.namespace)
    assert left is not None
    assert left["metadata"]["uid"] == service["metadata"]["uid"]
    assert left["spec"] == service["spec"]

    # Whoever starts it again is right.
    scenario.kube.merge(DEPLOYMENT, existing.NAME, scenario.namespace, {"spec": {"replicas": 1}})
    assert traffic.next(200).versions == {"v2"}
    assert replicas(scenario) == 1


@pytest.mark.bad("v5")
def test_a_bad_first_version_leaves_the_adopted_one_serving(scenario: Scenario, traffic: Traffic) -> None:
    scenario.apply("v5", ADOPTED | {"stages": [{"name": "canary", "weight": 20}, {"name": "full", "weight": 100}]})
    scenario.until_event("RouteHidden")
    hand_over(scenario, traffic)
    scenario.until_rolled_back("v5", "Harm")
    traffic.until_only("v1")
    assert traffic.next(200).versions == {"v1"}
    assert {one.version for one in traffic.all.failed.met} == {"v5"}
    assert replicas(scenario) == 1
