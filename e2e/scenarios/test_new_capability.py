"""Nobody answered this before: what the first version does not get is refused, until it gets everything."""

from __future__ import annotations

import pytest

from e2e.support.kube import POD, SERVICE
from e2e.support.manifests import LADDER, METRICS, STAGES
from e2e.support.scenario import Scenario
from e2e.support.traffic import GATEWAY, LAG
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e

ABSOLUTE = [METRICS[0] | {"check": {"max": "0.01"}}, METRICS[1]]
CHANGES = {"fallback": {"statusCode": 503}, "stages": STAGES[1:], "metrics": ABSOLUTE, "rollbackWindow": "5s"}


@pytest.mark.bad(GATEWAY)
def test_a_new_capability_is_let_in_step_by_step(scenario: Scenario) -> None:
    scenario.apply("v1", CHANGES)
    until(lambda: any(_runs(pod) for pod in scenario.kube.list(POD, scenario.namespace)), "the first pod to run")
    traffic = scenario.users(GATEWAY)

    scenario.until_stable("v1")
    traffic.until_only("v1")

    assert scenario.journal.weights_of("v1") == [0, *LADDER]
    for weight, start, end in scenario.journal.spans("v1"):
        answers = traffic.between(start + LAG, end)
        assert answers.follows("v1", weight), f"at weight {weight}: {answers}"
    assert {(one.version, one.outcome) for one in traffic.all.failed.met} == {(GATEWAY, "503")}, "refused, nothing else"
    assert not traffic.next(200).failed
    until(lambda: scenario.kube.get(SERVICE, "digits-fallback", scenario.namespace) is None, "nothing of it to be left")
    assert not traffic.next(50).failed


def _runs(pod: dict[str, object]) -> bool:
    status = pod["status"]
    assert isinstance(status, dict)
    return bool(status.get("phase") == "Running")
