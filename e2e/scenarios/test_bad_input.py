"""Bad input gets a clear answer, and changes nothing that works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.cluster.shell import CommandError
from e2e.support.kube import GATEWAY
from e2e.support.manifests import LADDER, METRICS, STAGES
from e2e.support.scenario import Scenario
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e

CONTAINER = "workload.deployment.template.spec.containers.0"
NO_PERCENT = "no-percent"
FALLING = [
    {"name": "half", "weight": 50, "duration": "3s"},
    {"name": "fifth", "weight": 20, "duration": "3s"},
    {"name": "full", "weight": 100, "duration": "3s"},
]


def query(text: str) -> list[dict[str, object]]:
    asked = {"name": "asked", "category": "Software", "unit": "none", "query": text, "window": "10s"}
    return [*METRICS, asked | {"check": {"max": "1"}}]


def metric(**changes: object) -> list[dict[str, object]]:
    return [METRICS[0] | changes, *METRICS[1:]]


@dataclass(frozen=True)
class Bad:
    """What is wrong, how it is written, and words that the answer must have: the field, and what is wrong with it."""

    id: str
    changes: dict[str, object]
    words: tuple[str, ...]


REFUSED = (
    Bad("weight beyond 100", {"stages.1.weight": 120}, ("spec.stages[1].weight", "100")),
    Bad("duplicate stage names", {"stages": [STAGES[1], STAGES[1], STAGES[3]]}, ("stage names must be unique",)),
    Bad("duplicate metric names", {"metrics": [METRICS[0], METRICS[0]]}, ("spec.metrics[1]", "Duplicate value")),
    Bad("limit with a suffix", {"metrics": metric(check={"max": "500m"})}, ("spec.metrics[0].check.max", "0.5", "500")),
    Bad("duration in no unit", {"stages.1.duration": "5x"}, ("spec.stages[1].duration", "must be a duration")),
)
"""By the API server: nothing is stored."""

INVALID = (
    Bad("weights fall", {"stages": FALLING}, ("spec.stages[1] (fifth)", "weights never fall", "20 comes after 50")),
    Bad("live stages without an enforced metric", {"metrics": metric(mode="Warn")[:1]}, ("spec.stages[1]", "Enforce")),
    Bad(
        "a percent of copies, of a gateway that copies all",
        {"traffic.gatewayAPI.parentRefs": [{"name": NO_PERCENT}], "stages.0.shadow.percent": 50},
        ("spec.stages[0].shadow", NO_PERCENT, "not 50 percent"),
    ),
    Bad("PromQL that does not parse", {"metrics": query("sum(")}, ("spec.metrics[2].query (asked)", "does not parse")),
    Bad(
        "a query with several series",
        {"metrics": query("model_http_requests_total{$selector}")},
        ("spec.metrics[2].query (asked)", "series", "aggregate"),
    ),
    Bad("a template that is refused", {f"{CONTAINER}.name": "Not_A_Label"}, ("containers[0].name", "Not_A_Label")),
    Bad(
        "a template with our labels",
        {"workload.deployment.template.metadata.labels": {"modelrollout.io/revision": "mine"}},
        ("spec.workload.deployment.template.metadata.labels", "modelrollout.io/revision"),
    ),
    Bad(
        "a Gateway that does not exist",
        {"traffic.gatewayAPI.parentRefs": [{"name": "absent"}]},
        ("spec.traffic.gatewayAPI.parentRefs[0].name", "absent"),
    ),
    Bad("a port that the template lacks", {"service.targetPort": "grpc"}, ("spec.service.targetPort", "grpc")),
)
"""By the operator: Stalled, and an event."""


@pytest.fixture
def gateway_without_percent(scenario: Scenario) -> Iterator[None]:
    """A Gateway of a class that is known to copy all requests or none. Nobody implements it here."""
    controller = "projectcontour.io/gateway-controller"
    meta = {"name": f"{scenario.namespace}-{NO_PERCENT}"}
    gateway_class = {"apiVersion": GATEWAY[0], "kind": "GatewayClass", "metadata": meta}
    listener = {"name": "http", "protocol": "HTTP", "port": 80}
    kind = (GATEWAY[0], "GatewayClass")
    scenario.kube.delete(kind, meta["name"])
    scenario.kube.create(gateway_class | {"spec": {"controllerName": controller}})
    scenario.kube.create(
        {
            "apiVersion": GATEWAY[0],
            "kind": GATEWAY[1],
            "metadata": {"name": NO_PERCENT, "namespace": scenario.namespace},
            "spec": {"gatewayClassName": meta["name"], "listeners": [listener]},
        }
    )
    yield
    scenario.kube.delete(kind, meta["name"])


def test_each_gets_a_clear_answer(scenario: Scenario, gateway_without_percent: None, subtests: pytest.Subtests) -> None:
    traffic = scenario.serving("v1")

    for bad in REFUSED:
        with subtests.test(bad.id):
            before = scenario.rollout["metadata"]["generation"]
            with pytest.raises(CommandError) as refused:
                scenario.apply("v2", bad.changes)
            assert_says(refused.value.said, bad)
            assert scenario.rollout["metadata"]["generation"] == before
    for bad in INVALID:
        with subtests.test(bad.id):
            scenario.apply("v2", bad.changes)
            assert_says(answer(scenario), bad)
            scenario.until_event("InvalidSpec", *bad.words)
            assert traffic.next(25).versions == {"v1"}

    assert scenario.journal.weights_of("v2") == [0]
    assert scenario.journal.mirrors_of("v2") == [0]
    assert not scenario.pods("v2"), "nothing was made of it"
    scenario.apply("v2")
    scenario.until_stable("v2")
    assert scenario.journal.weights_of("v2") == [0, *LADDER], "a good spec is carried out, whatever was before"
    assert not traffic.all.failed


def test_all_errors_at_once(scenario: Scenario, gateway_without_percent: None) -> None:
    traffic = scenario.serving("v1")
    together: dict[str, object] = {"stages": [STAGES[0], *FALLING], "metrics": query("sum(")}
    for number in (6, 7, 8):
        together |= INVALID[number].changes

    scenario.apply("v2", together)

    said = answer(scenario)
    for bad in (INVALID[number] for number in (0, 3, 6, 7, 8)):
        for word in bad.words:
            assert word.replace("stages[1]", "stages[2]") in said, bad.id
    scenario.until_event("InvalidSpec", "weights never fall", "does not parse", "targetPort", "absent")
    assert traffic.next(100).versions == {"v1"}
    assert not traffic.all.failed


def answer(scenario: Scenario) -> str:
    """What the operator says of the spec as it is now, once it has looked."""
    generation = scenario.rollout["metadata"]["generation"]

    def stalled() -> bool:
        status = scenario.rollout["status"]
        return status["observedGeneration"] == generation and scenario.condition("Stalled")[1] == "InvalidSpec"

    until(stalled, "the spec to be called invalid", seconds=60)
    return scenario.condition("Stalled")[2]


def assert_says(text: str, bad: Bad) -> None:
    for word in bad.words:
        assert word in text, f"{bad.id}: {word!r} is missing in: {text}"
