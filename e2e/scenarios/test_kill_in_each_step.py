"""The operator is killed in every step. Meanwhile users get what the step says; afterwards it goes on from there."""

from __future__ import annotations

from itertools import pairwise

import pytest

from e2e.support.manifests import LADDER
from e2e.support.operators import OperatorProcess
from e2e.support.scenario import Scenario

pytestmark = pytest.mark.e2e

SECONDS = 6
STAGES = [
    {"name": "shadow", "shadow": {"percent": 100}, "duration": f"{SECONDS}s"},
    {"name": "canary", "weight": 20, "duration": f"{SECONDS}s"},
    {"name": "ramp", "ramp": {"to": 50, "step": 15, "every": f"{SECONDS}s"}},
    {"name": "full", "weight": 100, "duration": f"{SECONDS}s"},
]
STEPS = [("shadow", 0), ("canary", 20), ("ramp", 35), ("ramp", 50), ("full", 100)]


def test_killed_in_each_step(scenario: Scenario, operator: OperatorProcess) -> None:
    traffic = scenario.serving("v1")
    scenario.apply("v2", {"stages": STAGES})

    for stage, weight in STEPS:
        scenario.until_step(stage, weight)
        operator.kill()
        alone = traffic.next(100)
        assert alone.follows("v2", weight), f"in {stage} at {weight}, with no operator: {alone}"
        operator.start()
    log = scenario.until_stable("v2").status.log

    assert scenario.journal.weights_of("v2") == [0, *LADDER], "nothing skipped, nothing fell"
    entered = [entry for entry in log if entry.action in {"Enter", "Promote"}]
    assert [(entry.stage, entry.weight) for entry in entered[:-1]] == STEPS, "each step entered once"
    for before, after in pairwise(entered):
        assert (after.at - before.at).total_seconds() >= SECONDS, f"{before.stage} at {before.weight} was shortened"
    assert not traffic.all.failed
