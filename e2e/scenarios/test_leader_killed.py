"""The leader is killed in each stage. Users get what the stage says; the one that stood by goes on from there."""

from __future__ import annotations

from itertools import pairwise

import pytest

from e2e.support.manifests import QUICK_SECONDS, QUICK_STAGES, QUICK_STEPS
from e2e.support.operators import Replicas
from e2e.support.scenario import Scenario

pytestmark = pytest.mark.e2e


def test_leader_killed(scenario: Scenario, replicas: Replicas) -> None:
    traffic = scenario.serving("v1")
    scenario.apply("v2", {"stages": QUICK_STAGES})

    for stage, weight in QUICK_STEPS:
        scenario.until_step(stage, weight)
        leader = replicas.leader
        leader.kill()
        alone = traffic.next(100)
        assert alone.follows("v2", weight), f"in {stage} at {weight}, with nobody who acts: {alone}"
        replicas.start()
        replicas.until_another_leads(leader)
    log = scenario.until_stable("v2").status.log

    assert scenario.journal.weights_of("v2") == [0, 20, 50, 100], "nothing skipped, nothing fell"
    entered = [entry for entry in log if entry.action in {"Enter", "Promote"}]
    assert [(entry.stage, entry.weight) for entry in entered[:-1]] == QUICK_STEPS, "each step entered once"
    for before, after in pairwise(entered):
        assert (after.at - before.at).total_seconds() >= QUICK_SECONDS, (
            f"{before.stage} at {before.weight} was shortened"
        )
    assert not traffic.all.failed
