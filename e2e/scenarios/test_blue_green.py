"""Blue and green: shown to smoke tests alone, then all at once, and back in one write."""

from __future__ import annotations

import pytest
import requests

from e2e.support.kube import HTTP_ROUTE, SERVICE
from e2e.support.manifests import METRICS
from e2e.support.scenario import Scenario
from e2e.support.waiting import until
from examples.digits.load.load import PATH

pytestmark = pytest.mark.e2e

NAME = "digits-preview"
IMAGE = {"inputs": [{"name": "x", "shape": [1, 64], "datatype": "FP32", "data": [1.0] * 64}]}


def test_blue_green(scenario: Scenario) -> None:
    preview = f"preview.{scenario.namespace}.example.com"
    stages = [
        {"name": "preview", "preview": {"hostnames": [preview]}, "duration": "3s"},
        {"name": "full", "weight": 100, "duration": "3s"},
    ]
    changes = {"stages": stages, "metrics": METRICS[:1], "rollbackWindow": "10m"}
    traffic = scenario.serving("v1", changes)

    scenario.apply("v2", changes)
    scenario.until_step("preview")
    until(lambda: _smoke(scenario, preview) == (200, "v2"), "the preview to answer on its own host")
    assert "200" in scenario.kubectl("exec", scenario.pods("v1")[0], "--", "python", "-c", _ask_the_service())
    assert traffic.all.versions == {"v1"}, "no client met it"
    until(lambda: _is_enough(scenario, preview), "the smoke tests to be enough")
    scenario.until_stable("v2")
    traffic.until_only("v2")

    assert scenario.journal.weights_of("v2") == [0, 100]
    until(lambda: _smoke(scenario, preview)[0] == 404, "the preview's host to lead nowhere")
    for kind in (HTTP_ROUTE, SERVICE):
        until(lambda kind=kind: scenario.kube.get(kind, NAME, scenario.namespace) is None, "the preview to be gone")  # type: ignore[misc]

    writes = len(scenario.journal.splits)
    scenario.apply("v1", changes)
    scenario.until_stable("v1")
    traffic.until_only("v1")
    weights = {tuple(sorted(split.weights.values())) for split in scenario.journal.splits[writes:]}
    assert weights == {(100,)}, "back in one write"
    assert not traffic.all.failed


def _smoke(scenario: Scenario, host: str) -> tuple[int, str]:
    answer = requests.post(scenario.platform.gateway + PATH, json=IMAGE, headers={"Host": host}, timeout=10)
    return answer.status_code, answer.headers.get("x-model-version", "")


def _is_enough(scenario: Scenario, host: str) -> bool:
    """One more smoke test; whether there have been enough of them to leave the preview."""
    _smoke(scenario, host)
    return scenario.journal.moments[-1].status.stage != "1/2 preview"


def _ask_the_service() -> str:
    return f"import urllib.request as r; print(r.urlopen('http://{NAME}:8080/v2/models/digits/ready').status)"
