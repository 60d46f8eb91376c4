"""A/A: the same model is rolled out beside itself, which measures what false alarms there are, and nobody notices."""

from __future__ import annotations

import pytest

from e2e.support.manifests import METRICS, QUICK_STAGES
from e2e.support.scenario import Scenario
from modelrollout.api.status import ModelRolloutStatus

pytestmark = pytest.mark.e2e

CHANGES = {"metrics": METRICS, "stages": QUICK_STAGES}


def test_a_version_beside_itself_is_promoted(scenario: Scenario) -> None:
    traffic = scenario.serving("v1", CHANGES)
    before = scenario.until_stable("v1").status.stable
    assert before is not None

    scenario.apply("v1", CHANGES | {"model.trial": "aa-1"})

    def is_replaced(status: ModelRolloutStatus) -> bool:
        stable = status.stable
        return status.attempt is None and stable is not None and stable.revision != before.revision

    after = scenario.until(is_replaced, "the same model to replace itself").status
    assert after.stable is not None
    assert after.stable.version == "v1"
    assert after.previous is not None
    assert after.previous.revision == before.revision
    for check in after.checks:
        assert check.verdict == "Pass", check
    traffic.next(50)
    assert {one.version for one in traffic.all.met} == {"v1"}
    assert not traffic.all.failed
