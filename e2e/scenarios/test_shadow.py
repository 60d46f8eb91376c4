"""A shadow is judged by what it would have answered; nobody gets to see it."""

from __future__ import annotations

import pytest

from e2e.support.scenario import Scenario

pytestmark = pytest.mark.e2e


@pytest.mark.bad("v3")
def test_an_output_metric_stops_a_shadow(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")

    scenario.apply("v3")
    status = scenario.until_rolled_back("v3", "Harm")

    assert status.failed is not None
    assert status.failed.stage == "shadow"
    assert "upper-half" in status.failed.message
    assert scenario.journal.mirrors_of("v3") == [0, 100, 0]
    assert scenario.journal.weights_of("v3") == [0]
    assert traffic.next(200).versions == {"v1"}
    assert traffic.all.versions == {"v1"}, "the blind version answered nobody, ever"
    assert not traffic.all.failed
