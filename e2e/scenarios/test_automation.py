"""How far the operator goes without a person, with real users and a version that is worse."""

from __future__ import annotations

import pytest

from e2e.support.hands import candidate, click, mr, waits_for
from e2e.support.manifests import QUICK_STAGES
from e2e.support.scenario import Scenario
from modelrollout.api.controls import Control

pytestmark = pytest.mark.e2e

CANARY = [{"name": "canary", "weight": 20, "duration": "5s"}, {"name": "full", "weight": 100, "duration": "5s"}]


def test_a_person_confirms_what_is_recommended(scenario: Scenario) -> None:
    """v3 answers every request, and answers badly: nothing but the recommended rollback ends it."""
    traffic = scenario.serving("v1")
    scenario.apply("v3", {"stages": CANARY, "automation": "Assist"})
    scenario.until(lambda s: waits_for(s) == "ApprovalNeeded", "the question whether to begin")
    assert scenario.journal.weights_of("v3") == [0]
    mr(scenario, "approve", "digits")
    scenario.until_step("canary")

    advised = scenario.until(lambda s: waits_for(s) == "RollbackRecommended", "the advice to roll back").status
    assert "upper-half" in (advised.verdict or "")
    assert traffic.next(100).follows("v3", 20), "nobody has agreed yet"
    click(scenario, Control.APPROVE, f"{candidate(scenario)}.rollback")
    failed = scenario.until_rolled_back("v3", "Harm").failed
    assert failed is not None
    assert "upper-half" in failed.message
    traffic.until_only("v1")
    assert not traffic.all.failed


def test_a_dry_run_is_compared_with_a_person_and_switched_off_on_the_way(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")
    scenario.apply("v2", {"stages": QUICK_STAGES[1:], "automation": "DryRun"})
    scenario.until(lambda s: waits_for(s) == "PromotionRecommended", "the first would-be decision")
    click(scenario, Control.PROMOTE, f"{candidate(scenario)}.1")
    scenario.until_step("canary")
    noted = scenario.until(lambda s: s.dry_run is not None and len(s.dry_run.log) == 2, "the second one").status
    assert noted.dry_run is not None
    assert (noted.dry_run.agreed, noted.dry_run.differed) == (1, 0)
    assert noted.dry_run.log[-1].would == "Enter ramp at 50 %"
    assert scenario.journal.weights_of("v2") == [0, 20], "nothing moves by itself"

    scenario.apply("v2", {"stages": QUICK_STAGES[1:], "automation": "Full"})
    log = scenario.until_stable("v2").status.log
    assert scenario.journal.weights_of("v2") == [0, 20, 50, 100]
    assert [entry.stage for entry in log if entry.action == "Enter"] == ["canary", "ramp", "full"], (
        "no step began again"
    )
    assert not traffic.all.failed
