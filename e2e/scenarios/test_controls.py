"""A person's hand on a rollout, with users who notice nothing of it but the version."""

from __future__ import annotations

import pytest

from e2e.support.hands import candidate, click, mr, waits_for
from e2e.support.manifests import QUICK_STAGES
from e2e.support.scenario import Scenario, serves
from modelrollout.api.controls import Control, ControlOutcome
from modelrollout.api.status import ModelRolloutStatus

pytestmark = pytest.mark.e2e

SLOW = {
    "stages": [
        {"name": "canary", "weight": 20, "duration": "10m"},
        {"name": "half", "weight": 50, "duration": "10m"},
        {"name": "full", "weight": 100, "duration": "10m"},
    ],
    "rollbackWindow": "5m",
}
"""Nothing goes on by itself."""


def test_promoted_and_rolled_back_by_hand(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")
    scenario.apply("v2", SLOW)
    scenario.until_step("canary")
    revision = candidate(scenario)

    click(scenario, Control.PROMOTE, revision)
    scenario.until_step("half")
    assert scenario.until_event("StepEntered", "PromotedByHand", "skipping the rest of canary at 20 %")
    assert mr(scenario, "promote", "--full", "digits").startswith("promote-full: made stable by hand")
    scenario.until_stable("v2")
    assert scenario.journal.weights_of("v2") == [0, 20, 50, 100]
    traffic.until_only("v2")

    click(scenario, Control.ROLLBACK, revision)
    status = scenario.until_rolled_back("v2", "RolledBackByHand")
    assert serves(status, "v1")
    traffic.until_only("v1")
    assert scenario.journal.weights_of("v2") == [0, 20, 50, 100, 0], "back in one write"
    assert traffic.next(100).versions == {"v1"}
    assert not traffic.all.failed


def test_aborted_and_tried_again(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")
    scenario.apply("v2", SLOW)
    scenario.until_step("canary")
    revision = candidate(scenario)

    click(scenario, Control.ABORT, revision)
    scenario.until_rolled_back("v2", "Aborted")
    traffic.until_only("v1")
    click(scenario, Control.ABORT, f"{revision}.again")
    assert "use retry" in scenario.until_event("ControlRefused", "abort:")

    click(scenario, Control.RETRY, revision)
    scenario.until_step("canary")
    assert "begins it again" not in mr(scenario, "get", "digits")
    assert scenario.journal.weights_of("v2") == [0, 20, 0, 20]
    mr(scenario, "abort", "digits")
    scenario.until_rolled_back("v2", "Aborted")
    assert not traffic.all.failed


def test_paused_and_resumed(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")
    scenario.apply("v2", {"stages": QUICK_STAGES[1:]})
    scenario.until_step("canary")
    assert mr(scenario, "pause", "digits").startswith("pause: goes no further")
    paused = scenario.until(lambda s: waits_for(s) == "Paused", "the pause").status

    def would_pass(status: ModelRolloutStatus) -> bool:
        return waits_for(status) == "Paused" and all(check.verdict == "Pass" for check in status.checks)

    held = scenario.until(would_pass, "evidence that would let it pass").status
    assert step_of(held) == step_of(paused), "evidence is gathered, and nothing moves"
    click(scenario, Control.PROMOTE, candidate(scenario))
    refused = scenario.until(lambda s: len(s.controls) == 2, "an answer to the promotion").status.controls[1]
    assert (refused.outcome, "it is paused" in refused.message) == (ControlOutcome.REFUSED, True)
    assert traffic.next(200).follows("v2", 20)

    assert mr(scenario, "resume", "digits").startswith("resume: goes on")
    scenario.until_stable("v2")
    assert scenario.journal.weights_of("v2") == [0, 20, 50, 100]
    assert not traffic.all.failed


def step_of(status: ModelRolloutStatus) -> tuple[str, int]:
    """Stage and number of the step."""
    assert status.attempt is not None
    assert status.attempt.step is not None
    return status.attempt.step.stage, status.attempt.step.number
