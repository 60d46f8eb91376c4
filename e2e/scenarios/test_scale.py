"""Pods in proportion to the weight, and replicas that a real autoscaler takes over and gives back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from e2e.support.kube import DEPLOYMENT, Kube, Object
from e2e.support.scenario import Scenario
from e2e.support.waiting import until
from modelrollout.api.names import LABEL_REVISION

pytestmark = pytest.mark.e2e

ENDPOINT_SLICE = ("discovery.k8s.io/v1", "EndpointSlice")
AUTOSCALER = ("autoscaling/v2", "HorizontalPodAutoscaler")
BUDGET = ("policy/v1", "PodDisruptionBudget")
REPLICAS = 3
STAGES = [
    {"name": "canary", "weight": 20, "duration": "4s"},
    {"name": "half", "weight": 50, "duration": "4s"},
    {"name": "full", "weight": 100, "duration": "4s"},
]
NEEDED = {0: 0, 20: 1, 50: 2, 100: 3}
"""Pods by weight."""
BY_WEIGHT = {
    "workload.deployment.replicas": REPLICAS,
    "workload.deployment.scaleWithWeight": True,
    "stages": STAGES,
}


class Endpoints:
    """How many ready endpoints each revision had, and when."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._counts: list[tuple[float, str, int]] = []
        self._stopped = threading.Event()
        arguments = (ENDPOINT_SLICE, namespace, self._seen, self._stopped)
        threading.Thread(target=kube.watch, args=arguments, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def at(self, moment: float, revision: str) -> int:
        """Ready endpoints of a revision at a moment."""
        return next((count for at, name, count in reversed(self._counts) if at <= moment and name == revision), 0)

    def fewest(self, revision: str, start: float, end: float) -> int:
        """The fewest that a revision had in a time."""
        between = [count for at, name, count in self._counts if start <= at <= end and name == revision]
        return min([self.at(start, revision), *between])

    def _seen(self, happened: str, raw: Object) -> None:
        revision = raw["metadata"]["labels"].get(LABEL_REVISION)
        if revision is not None and happened != "DELETED":
            ready = [one for one in raw.get("endpoints") or [] if one["conditions"].get("ready")]
            self._counts.append((time.monotonic(), revision, len(ready)))


@pytest.fixture
def endpoints(scenario: Scenario) -> Iterator[Endpoints]:
    watched = Endpoints(scenario.kube, scenario.namespace)
    yield watched
    watched.stop()


def revisions(scenario: Scenario) -> tuple[str, str]:
    """Stable, and the candidate."""
    status = scenario.journal.moments[-1].status
    assert status.stable is not None
    assert status.attempt is not None
    return status.stable.revision, status.attempt.revision


def deployment(scenario: Scenario, revision: str) -> Object:
    found = scenario.kube.get(DEPLOYMENT, f"digits-{revision}", scenario.namespace)
    assert found is not None
    return found


def replicas(scenario: Scenario, revision: str) -> int:
    found: int = deployment(scenario, revision)["spec"]["replicas"]
    return found


def test_a_candidate_has_the_pods_that_its_weight_needs(scenario: Scenario, endpoints: Endpoints) -> None:
    traffic = scenario.serving("v1", BY_WEIGHT)
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": {"modelrollout.io/name": "digits"}}}
    metadata = {"name": "digits", "namespace": scenario.namespace}
    scenario.kube.create({"apiVersion": BUDGET[0], "kind": BUDGET[1], "metadata": metadata, "spec": budget})

    began = time.monotonic()
    scenario.apply("v2", BY_WEIGHT)
    scenario.until_step("canary")
    stable, candidate = revisions(scenario)
    assert replicas(scenario, candidate) == NEEDED[50], "what the next step needs loads meanwhile"
    scenario.until_step("half")
    assert replicas(scenario, candidate) == NEEDED[100]

    def counted() -> bool:
        found = scenario.kube.get(BUDGET, "digits", scenario.namespace) or {}
        return bool(found["status"].get("expectedPods", 0) > REPLICAS)

    until(counted, "a budget over modelrollout.io/name to count the pods of both versions")
    scenario.until_step("full")
    assert replicas(scenario, stable) == REPLICAS, "the way back is as wide as it was"
    promoted = scenario.until_stable("v2")

    assert scenario.journal.weights_of("v2") == [0, 20, 50, 100]
    for weight, start, _ in scenario.journal.spans("v2"):
        assert endpoints.at(start, candidate) >= NEEDED[weight], f"{weight} % before its pods were ready"
    assert endpoints.fewest(stable, began, promoted.at) == REPLICAS
    assert replicas(scenario, candidate) == REPLICAS
    traffic.until_only("v2")
    assert not traffic.all.failed


def test_replicas_edited_in_mid_rollout_restart_nothing_and_take_nothing(
    scenario: Scenario, endpoints: Endpoints
) -> None:
    long = [STAGES[0] | {"duration": "10m"}, STAGES[2]]
    usual = {"workload.deployment.replicas": 2, "stages": long}
    traffic = scenario.serving("v1", usual)
    scenario.apply("v2", usual)
    scenario.until_step("canary")
    stable, candidate = revisions(scenario)
    began = time.monotonic()
    step = scenario.journal.moments[-1].status.attempt

    scenario.apply("v2", usual | {"workload.deployment.replicas": 3})
    until(lambda: endpoints.at(time.monotonic(), candidate) == 3, "the candidate to have three")
    until(lambda: endpoints.at(time.monotonic(), stable) == 3, "stable to have three")
    scenario.apply("v2", usual | {"workload.deployment.replicas": 1})
    until(lambda: endpoints.at(time.monotonic(), candidate) == 1, "the candidate to have one")
    assert endpoints.fewest(stable, began, time.monotonic()) == 2
    assert replicas(scenario, stable) == 3, "stable is not made narrower while a rollout moves"
    attempt = scenario.journal.moments[-1].status.attempt
    assert attempt is not None
    assert step is not None
    assert attempt.step is not None
    assert step.step is not None
    assert (attempt.step.number, attempt.step.started_at) == (step.step.number, step.step.started_at)

    scenario.apply("v1", usual)
    scenario.until_stable("v1")
    assert not traffic.all.failed


def test_a_real_autoscaler_takes_replicas_over_and_gives_them_back(scenario: Scenario) -> None:
    """The cluster may have no metrics: an autoscaler keeps to its bounds all the same."""
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 99}}}
    auto = {
        "workload.deployment.replicas": 2,
        "workload.deployment.autoscaling": {"minReplicas": 1, "maxReplicas": 4, "metrics": [cpu]},
        "stages": [STAGES[0] | {"duration": "10m"}, STAGES[2]],
    }
    traffic = scenario.serving("v1", auto)
    scenario.apply("v2", auto)
    scenario.until_step("canary")
    stable, candidate = revisions(scenario)

    def fewest(revision: str) -> int | None:
        found = scenario.kube.get(AUTOSCALER, f"digits-{revision}", scenario.namespace)
        return None if found is None else int(found["spec"]["minReplicas"])

    assert (fewest(stable), fewest(candidate)) == (2, 2), "neither may have less than stable had at the start"
    scenario.kubectl("scale", f"deployment/digits-{candidate}", "--replicas=1")
    until(lambda: replicas(scenario, candidate) == 2, "the autoscaler to restore its minimum")
    managers = [
        (entry["manager"], entry.get("subresource"))
        for entry in deployment(scenario, candidate)["metadata"]["managedFields"]
        if "f:replicas" in entry["fieldsV1"].get("f:spec", {})
    ]
    assert managers == [("kube-controller-manager", "scale")], "replicas are the autoscaler's now"
    assert not scenario.events("DriftRestored")

    scenario.apply("v1", {name: value for name, value in auto.items() if "autoscaling" not in name})
    scenario.until_stable("v1")
    until(lambda: fewest(stable) is None and fewest(candidate) is None, "both autoscalers to go")
    until(lambda: replicas(scenario, candidate) == 0, "the candidate to stop")
    assert replicas(scenario, stable) == 2
    assert not traffic.all.failed
