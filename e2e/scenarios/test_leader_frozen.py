"""The leader is stopped in each stage and wakes up when another one leads: it writes nothing, and ends."""

from __future__ import annotations

import pytest

from e2e.support.manifests import QUICK_STAGES, QUICK_STEPS
from e2e.support.operators import Replicas
from e2e.support.scenario import Scenario

pytestmark = pytest.mark.e2e

LOST = 1
"""The exit status of one that has lost the Lease."""


def test_leader_frozen(scenario: Scenario, replicas: Replicas) -> None:
    traffic = scenario.serving("v1")
    scenario.apply("v2", {"stages": QUICK_STAGES})

    for stage, weight in QUICK_STEPS:
        scenario.until_step(stage, weight)
        leader = replicas.leader
        leader.freeze()
        alone = traffic.next(100)
        assert alone.follows("v2", weight), f"in {stage} at {weight}, with a leader that is frozen: {alone}"
        replicas.until_another_leads(leader)
        leader.thaw()
        assert leader.until_dead() == LOST
        replicas.start()
    log = scenario.until_stable("v2").status.log

    assert scenario.journal.weights_of("v2") == [0, 20, 50, 100], "nothing skipped, nothing fell"
    entered = [(entry.stage, entry.weight) for entry in log if entry.action == "Enter"]
    assert entered == QUICK_STEPS, "each step entered once"
    assert not traffic.all.failed


@pytest.mark.bad("v5")
def test_leader_frozen_while_the_other_rolls_back(scenario: Scenario, replicas: Replicas) -> None:
    """It was about to go on when it was stopped. Meanwhile the manifest asks for a version that fails."""
    traffic = scenario.serving("v1")
    scenario.apply("v2", {"stages": QUICK_STAGES})
    scenario.until_step("canary", 20)
    leader = replicas.leader
    leader.freeze()
    scenario.apply("v5", {"stages": QUICK_STAGES[1:]})
    replicas.until_another_leads(leader)
    scenario.until_rolled_back("v5", "Harm")
    routes = len(scenario.journal.splits)
    last = scenario.journal.splits[-1]

    leader.thaw()
    assert leader.until_dead() == LOST
    assert traffic.next(200).versions == {"v1"}
    # The gateway may still be saying what it thinks of the last one.
    later = scenario.journal.splits[routes:]
    assert all((split.weights, split.mirrors) == (last.weights, last.mirrors) for split in later), "it wrote a route"
    assert traffic.all.failed.versions == {"v5"}
