"""A shadow's answers are thrown away by the gateway; what its server tells a comparer shows where it differs."""

from __future__ import annotations

import copy

import pytest
import yaml

from e2e.support.manifests import METRICS, REPOSITORY
from e2e.support.platform import DIGITS_IMAGE
from e2e.support.scenario import Scenario
from modelrollout.api.status import ModelRolloutStatus

pytestmark = pytest.mark.e2e

COMPARER = REPOSITORY / "examples" / "comparer"
AGREEMENT = {
    "name": "agreement",
    "category": "Output",
    "agreement": {
        "source": 'answer_pairs_total{$selector,candidate="$revision",reference="$stable"}',
        "comparer": 'pod=~"comparer-.*"',
        "perClass": {"min": "0.6", "maxClasses": 10},
    },
    "interval": "1s",
    "stages": ["shadow"],
}
ENVIRONMENT = "workload.deployment.template.spec.containers.0.env"
CHANGES = {
    f"{ENVIRONMENT}.1": {"name": "COMPARER_URL", "value": "http://comparer"},
    f"{ENVIRONMENT}.2": {
        "name": "REVISION",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['modelrollout.io/revision']"}},
    },
    "metrics": [copy.deepcopy(METRICS[0]), AGREEMENT],
    "stages": [
        {"name": "shadow", "shadow": {"percent": 100}, "duration": "5m"},
        {"name": "full", "weight": 100, "duration": "3s"},
    ],
}


def test_a_class_that_a_shadow_answers_otherwise_is_named_and_stops_nothing(scenario: Scenario) -> None:
    _bring_comparer(scenario)
    traffic = scenario.serving("v1", CHANGES)

    scenario.apply("v7", CHANGES)

    def warned(status: ModelRolloutStatus) -> bool:
        return any(check.name == "agreement" and check.verdict == "Harm" for check in status.checks)

    status = scenario.until(warned, "the comparer's pairs to show it").status
    (check,) = (check for check in status.checks if check.name == "agreement")
    assert check.worst_slice is not None
    assert check.worst_slice.startswith("class=8 agrees in ")
    assert status.attempt is not None, "a better model must disagree: it is told, and nothing is rolled back"
    assert traffic.all.versions == {"v1"}
    assert not traffic.all.failed


def _bring_comparer(scenario: Scenario) -> None:
    """The manifest of the example; in place of the public image one that is on the node."""
    code = (COMPARER / "comparer.py").read_text(encoding="utf-8")
    manifest = (COMPARER / "manifests" / "comparer.yaml").read_text(encoding="utf-8")
    objects = [one for one in yaml.safe_load_all(manifest) if one]
    objects[0]["spec"]["template"]["spec"]["containers"][0]["image"] = DIGITS_IMAGE
    objects.append(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "comparer"}, "data": {"comparer.py": code}}
    )
    scenario.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(objects))
    scenario.kubectl("rollout", "status", "deployment/comparer", "--timeout=120s")
