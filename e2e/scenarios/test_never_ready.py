"""A version whose image cannot be pulled never becomes ready; it is given up, and no user has noticed."""

from __future__ import annotations

import pytest

from e2e.support.scenario import Scenario
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e


def test_an_image_that_never_becomes_ready(scenario: Scenario) -> None:
    traffic = scenario.serving("v1")

    container = "workload.deployment.template.spec.containers.0"
    scenario.apply(
        "v2",
        {
            f"{container}.image": "localhost/digits:absent",
            f"{container}.imagePullPolicy": "Never",
            "workload.deployment.progressDeadline": "10s",
        },
    )
    status = scenario.until_rolled_back("v2", "ProgressDeadlineExceeded")

    assert status.stable is not None
    assert status.stable.version == "v1"
    assert scenario.condition("Ready")[0] == "True", "the stable version serves"
    assert scenario.condition("Stalled")[0] == "True"
    assert scenario.journal.weights_of("v2") == [0]
    assert scenario.journal.mirrors_of("v2") == [0]
    until(lambda: not scenario.pods("v2"), "the pod that never was ready to go")
    assert traffic.next(100).versions == {"v1"}
    assert not traffic.all.failed
