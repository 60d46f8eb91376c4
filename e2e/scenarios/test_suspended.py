"""The candidate's only pod becomes unready: no weight without an endpoint. Ready again, the step starts again."""

from __future__ import annotations

import pytest

from e2e.support.manifests import LADDER
from e2e.support.platform import DIGITS_IMAGE
from e2e.support.scenario import Scenario
from e2e.support.traffic import GATEWAY
from modelrollout.api.status import Phase

pytestmark = pytest.mark.e2e

SWITCH = {
    "name": "switch",
    "image": DIGITS_IMAGE,
    "imagePullPolicy": "IfNotPresent",
    "command": ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"],
    "readinessProbe": {
        "exec": {"command": ["test", "!", "-e", "/tmp/unready"]},
        "periodSeconds": 1,
        "timeoutSeconds": 5,
    },
}
"""Makes its pod unready on demand."""


@pytest.mark.bad(GATEWAY)
def test_unready_suspends_and_ready_resumes(scenario: Scenario) -> None:
    changes = {"workload.deployment.template.spec.containers.1": SWITCH, "stages.1.duration": "15s"}
    traffic = scenario.serving("v1", changes)
    scenario.apply("v2", changes)
    first = scenario.until_step("canary").status.attempt
    (pod,) = scenario.pods("v2")

    scenario.kubectl("exec", pod, "--container", "switch", "--", "touch", "/tmp/unready")
    scenario.until(lambda s: s.phase is Phase.SUSPENDED, "the rollout to be suspended")
    traffic.until_only("v1")
    assert traffic.next(150).versions == {"v1"}
    assert scenario.journal.weights_of("v2") == [0, 20, 0]

    scenario.kubectl("exec", pod, "--container", "switch", "--", "rm", "/tmp/unready")
    second = scenario.until_step("canary").status.attempt
    scenario.until_stable("v2")

    assert first is not None
    assert second is not None
    assert first.step is not None
    assert second.step is not None
    assert first.step.started_at < second.step.started_at, "the step started again"
    assert scenario.journal.weights_of("v2") == [0, 20, 0, *LADDER]
    # Between the endpoint's end and the new weights its share finds nobody.
    assert traffic.all.failed.versions <= {GATEWAY}
    assert len(traffic.all.failed) < 50, traffic.all.failed
