"""Servers are told what the model is trusted to do; clients cannot tell them."""

from __future__ import annotations

import pytest
import requests

from e2e.support.clerk import COMMAND, FALLBACK, QUEUE, ROLE, SEEN, open_queue, roles_seen
from e2e.support.manifests import METRICS, host
from e2e.support.scenario import Scenario
from e2e.support.traffic import GATEWAY, LAG
from e2e.support.waiting import until
from examples.digits.load.load import PATH

pytestmark = pytest.mark.e2e

MOST_LOST = 6

STAGES = [
    {"name": "shadow", "shadow": {"percent": 100}, "duration": "4s", "modelRole": "Shadow"},
    {"name": "canary", "weight": 50, "duration": "8s", "modelRole": "Assist"},
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

    scenario.until_step("canary")
    until(lambda: _claims(scenario, 40) == {("v1", "Assist"), (QUEUE, "none")}, "each share to be told its own")

    scenario.until_stable("v1")
    traffic.until_only("v1")
    until(lambda: _claims(scenario, 20) == {("v1", "Partial")}, "the last stage's role to stay")
    # The price of a header for one backend alone: Envoy Gateway makes other clusters for it, and a request may meet the
    # route before it meets them. docs/deployment-cases.md says so.
    changes = [split.at for split in scenario.journal.splits]
    assert len(traffic.all.failed) <= MOST_LOST, traffic.all.failed
    for one in traffic.all.failed.met:
        assert (one.version, one.outcome) == (GATEWAY, "500"), one
        assert any(0 <= one.at - at < LAG for at in changes), one


def _claims(scenario: Scenario, count: int) -> set[tuple[str, str]]:
    """Who answers a client that claims a role, and which one arrived."""
    headers = {"Host": host(scenario.namespace), ROLE: "Full"}
    found = set()
    for _ in range(count):
        answer = requests.post(scenario.platform.gateway + PATH, json={}, headers=headers, timeout=5)
        found.add((answer.headers.get("x-model-version", ""), answer.headers.get(SEEN, "")))
    return found
