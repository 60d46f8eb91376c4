"""Servers are told what the model is trusted to do; clients cannot tell them."""

from __future__ import annotations

import pytest
import requests

from e2e.support.clerk import COMMAND, FALLBACK, QUEUE, ROLE, SEEN, open_queue, roles_seen
from e2e.support.manifests import METRICS, host
from e2e.support.scenario import Scenario
from e2e.support.waiting import until
from examples.digits.load.load import PATH

pytestmark = pytest.mark.e2e

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
    assert not traffic.all.failed


def _claims(scenario: Scenario, count: int) -> set[tuple[str, str]]:
    """Who answers a client that claims a role, and which one arrived."""
    headers = {"Host": host(scenario.namespace), ROLE: "Full"}
    found = set()
    for _ in range(count):
        answer = requests.post(scenario.platform.gateway + PATH, json={}, headers=headers, timeout=5)
        found.add((answer.headers.get("x-model-version", ""), answer.headers.get(SEEN, "")))
    return found
