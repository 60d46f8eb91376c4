"""Real Jobs around a stage: they are told where the candidate is, and what they find decides."""

from __future__ import annotations

import pytest

from e2e.support.kube import Object
from e2e.support.scenario import Scenario
from modelrollout.api.status import ModelRolloutStatus

pytestmark = pytest.mark.e2e

IMAGE = "localhost/digits:1"
WARM = """
import json, os, urllib.request
url = "http://" + os.environ["MODELROLLOUT_SERVICE"] + "/v2/models/digits/infer"
low = [one["pixels"] for one in json.load(open("models/heldout.json")) if one["label"] < 5]
for image in (low * 8)[:400]:
    body = {"inputs": [{"name": "x", "shape": [1, 64], "datatype": "FP32", "data": image}]}
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"}))
"""
"""400 low digits, of which the rollout's metric of high ones would say harm, were they counted."""
SMOKE = """
import os, urllib.request
where = "http://" + os.environ["MODELROLLOUT_SERVICE"] + "/v2/models/digits/ready"
print(os.environ["MODELROLLOUT_VERSION"], "answers", urllib.request.urlopen(where).status)
"""
NO = """
import sys
print("comparing 3 slices", file=sys.stderr)
raise SystemExit("slice 'left-handed': accuracy 0.61 < 0.90")
"""
"""By one stream: which of two a container's log shows first is chance."""


def job(script: str, image: str = IMAGE) -> Object:
    """A Job that runs a script."""
    container = {
        "name": "check",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python", "-c", script],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    return {"template": {"spec": {"containers": [container]}}}


def canary(**gates: object) -> dict[str, object]:
    """What differs from the usual rollout: two stages and some gates."""
    stages = [{"name": "canary", "weight": 20, "duration": "3s", **gates}, {"name": "full", "weight": 100}]
    return {"stages": stages}


def logged(status: ModelRolloutStatus, reason: str) -> list[str]:
    """Messages of all decisions of a reason."""
    return [entry.message for entry in status.log if entry.reason == reason]


def test_gates_around_a_stage(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")

    gates = canary(pre=[{"name": "smoke", "job": job(SMOKE)}], post=[{"name": "slices", "job": job(NO)}])
    scenario.apply("v2", gates | {"workload.deployment.warmup": {"job": job(WARM)}})
    scenario.until_step("canary")
    status = scenario.until_rolled_back("v2", "GateFailed")

    assert scenario.journal.weights_of("v2") == [0, 20, 0], "the warm-up's requests are nobody's evidence"
    passed = logged(status, "GateSucceeded")
    assert [message.partition(" succeeded")[0] for message in passed] == ["warm-up", "pre gate smoke of canary"]
    assert "v2 answers 200" in passed[1]
    assert status.failed is not None
    assert "exit code 1" in status.failed.message
    assert status.failed.message.endswith("slice 'left-handed': accuracy 0.61 < 0.90")
    assert "accuracy 0.61 < 0.90" in scenario.kubectl("describe", "modelrollout", "digits")
    assert scenario.until_event("RolledBack", "left-handed")
    traffic.until_only("v1")
    assert not traffic.all.failed


def test_a_gate_that_cannot_be_started(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")

    # The stable version's own server knows no such path: a webhook that says no.
    refusing = {"url": f"http://digits.{scenario.namespace}.svc:8080/may-it"}
    scenario.apply("v2", canary(pre=[{"name": "ask", "webhook": refusing, "onFailure": "Hold"}]))
    scenario.until(lambda s: s.verdict is not None and "onFailure: Hold" in s.verdict, "the webhook's no to hold")
    assert scenario.condition("Stalled")[:2] == ("True", "GateHeld")
    assert "HTTP 4" in scenario.condition("Stalled")[2]

    missing = {"name": "smoke", "job": job(SMOKE, "localhost/nothing:1"), "timeout": "6s"}
    scenario.apply("v2", canary(pre=[missing]))
    status = scenario.until_rolled_back("v2", "GateNotStarted")
    assert status.failed is not None
    assert "ErrImageNeverPull" in status.failed.message
    assert scenario.journal.weights_of("v2") == [0], "it never had a request"
    traffic.until_only("v1")
    assert not traffic.all.failed
