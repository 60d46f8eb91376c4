"""A better version gets more and more of the traffic, and in the end all of it."""

from __future__ import annotations

import pytest

from e2e.support.manifests import LADDER
from e2e.support.scenario import Scenario
from e2e.support.traffic import LAG

pytestmark = pytest.mark.e2e


def test_a_better_version_is_promoted(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")

    scenario.apply("v2")
    scenario.until_step("shadow")
    assert traffic.next(50).versions == {"v1"}, "a shadow's answers reach nobody"
    scenario.until_stable("v2")

    assert scenario.journal.weights_of("v2") == [0, *LADDER]
    assert scenario.journal.mirrors_of("v2") == [0, 100, 0]
    traffic.until_only("v2")
    for weight, start, end in scenario.journal.spans("v2"):
        answers = traffic.between(start + LAG, end)
        assert answers.follows("v2", weight), f"at weight {weight}: {answers}"
    assert not traffic.all.failed
