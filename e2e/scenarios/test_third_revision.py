"""A third version appears in the middle: back to stable first, then from the beginning."""

from __future__ import annotations

import pytest

from e2e.support.manifests import LADDER, METRICS
from e2e.support.scenario import Scenario
from e2e.support.traffic import LAG

pytestmark = pytest.mark.e2e

# v3 answers everything, if not well; here nobody looks at that.
ERRORS_ONLY = {"metrics": METRICS[:1]}


def test_a_third_revision_starts_afresh(scenario: Scenario) -> None:
    traffic = scenario.serving("v1", ERRORS_ONLY)
    scenario.apply("v3", ERRORS_ONLY | {"stages.1.duration": "5m"})
    scenario.until_step("canary")

    scenario.apply("v2", ERRORS_ONLY)
    scenario.until_stable("v2")

    journal = scenario.journal
    assert journal.weights_of("v3") == [0, 20, 0]
    assert journal.weights_of("v2") == [0, *LADDER], "from the first step on"
    assert journal.mirrors_of("v2") == [0, 100, 0]
    gone = next(start for weight, start, _ in reversed(journal.spans("v3")) if weight == 0)
    came = next(start for weight, start, _ in journal.spans("v2") if weight)
    assert gone < came, "stable first"
    assert traffic.between(gone + LAG, came).versions == {"v1"}
    assert not traffic.all.failed
