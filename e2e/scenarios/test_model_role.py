"""Servers are told what the model is trusted to do; clients cannot tell them."""

from __future__ import annotations

import pytest
import requests

from e2e.support.clerk import COMMAND, FALLBACK, QUEUE, ROLE, SEEN, open_queue, roles_seen
from e2e.support.hands import candidate, click
from e2e.support.manifests import METRICS, host
from e2e.support.scenario import Scenario
from e2e.support.traffic import GATEWAY, LAG, TIMEOUT
from e2e.support.waiting import until
from examples.digits.load.load import PATH
from modelrollout.api.controls import Control

pytestmark = pytest.mark.e2e

STAGES = [
    # Until we agree: what is told in a stage is looked at while it lasts, however long that takes.
    {"name": "shadow", "shadow": {"percent": 100}, "duration": "2s", "approval": "Manual", "modelRole": "Shadow"},
    {"name": "canary", "weight": 50, "duration": "2s", "approval": "Manual", "modelRole": "Assist"},
    {"name": "full", "weight": 100, "duration": "3s", "modelRole": "Partial"},
]
CHANGES = {
    "fallback": FALLBACK,
    "stages": STAGES,
    "metrics": METRICS[:1],
    "workload.deployment.template.spec.containers.0.command": COMMAND,
}


@pytest.mark.bad(GATEWAY)
def test_servers_are_told_their_role_and_clients_cannot_claim_one(scenario: Scenario) -> None:
    open_queue(scenario)
    scenario.apply("v1", CHANGES)
    traffic = scenario.users(QUEUE)

    scenario.until_step("shadow")
    (pod,) = scenario.pods("v1")
    until(lambda: roles_seen(scenario, pod).get("Shadow", 0) > 20, "copies to say what they are")
    assert set(roles_seen(scenario, pod)) == {"Shadow"}
    click(scenario, Control.APPROVE, f"{candidate(scenario)}.shadow")

    scenario.until_step("canary")
    until(lambda: _claims(scenario, 40) == {("v1", "Assist"), (QUEUE, "none")}, "each share to be told its own")
    click(scenario, Control.APPROVE, f"{candidate(scenario)}.canary")

    scenario.until_stable("v1")
    traffic.until_only("v1")
    until(lambda: _claims(scenario, 20) == {("v1", "Partial")}, "the last stage's role to stay")
    # The price of a header for one backend alone: Envoy Gateway makes other clusters when one that answers becomes two
    # or two become one, and a request may meet the route without them. docs/deployment-cases.md says so.
    spans = scenario.journal.spans("v1")
    assert [weight for weight, _, _ in spans] == [0, 50, 100]
    changes = [start for _, start, _ in spans[1:]]
    for one in traffic.all.failed.met:
        assert (one.version, one.outcome) in {(GATEWAY, "500"), (GATEWAY, "503")}, one
        assert any(abs(one.at - at) < LAG for at in changes), (one, changes)


def _claims(scenario: Scenario, count: int) -> set[tuple[str, str]]:
    """Who answers a client that claims a role, and which one arrived."""
    headers = {"Host": host(scenario.namespace), ROLE: "Full"}
    found = set()
    for _ in range(count):
        answer = requests.post(scenario.platform.gateway + PATH, json={}, headers=headers, timeout=TIMEOUT)
        found.add((answer.headers.get("x-model-version", ""), answer.headers.get(SEEN, "")))
    return found
