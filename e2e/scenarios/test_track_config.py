"""A ConfigMap that the template mounts is edited: with `trackConfig` that is a new version, and passes its stages."""

from __future__ import annotations

import pytest

from e2e.support.journal import without_repeats
from e2e.support.kube import MODEL_ROLLOUT
from e2e.support.manifests import LADDER, NAME
from e2e.support.scenario import Scenario
from e2e.support.waiting import until
from modelrollout.api.names import LABEL_REVISION

pytestmark = pytest.mark.e2e

CONFIG_MAP = ("v1", "ConfigMap")
CONFIG = "digits-config"
POD = "workload.deployment.template.spec"
FROM_FILE = ["/bin/sh", "-c", 'exec python -m server.server --model_version "$(cat /config/version)"']
MOUNTED: dict[str, object] = {
    f"{POD}.volumes": [{"name": "config", "configMap": {"name": CONFIG}}],
    f"{POD}.containers.0.volumeMounts": [{"name": "config", "mountPath": "/config"}],
    f"{POD}.containers.0.command": FROM_FILE,
}
TRACKED = MOUNTED | {"workload.deployment.trackConfig": True}


def test_a_config_map_is_edited(scenario: Scenario) -> None:
    metadata = {"name": CONFIG, "namespace": scenario.namespace}
    scenario.kube.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"version": "v1"}})
    traffic = scenario.serving("v1", MOUNTED)
    first = revisions(scenario)
    assert len(first) == 1

    edit(scenario, {"owner": "the digits team"})
    apply_and_wait(scenario, MOUNTED | {"rollbackWindow": "2s"})
    assert revisions(scenario) == first, "without trackConfig nobody looks at it"
    apply_and_wait(scenario, TRACKED)
    until(lambda: scenario.rollout["status"].get("config"), "its content to be known")
    assert revisions(scenario) == first, "switching it on restarts nothing"

    edit(scenario, {"version": "v2"})
    scenario.kubectl("annotate", "mr", NAME, "config-changed=1")
    scenario.until(lambda s: s.attempt is not None, "the change to be a new revision")
    status = scenario.until(lambda s: s.attempt is None, "the end of its rollout").status
    assert status.stable is not None
    (second,) = revisions(scenario) - first
    assert status.stable.revision == second
    traffic.until_only("v2")
    assert weights(scenario, second) == [0, *LADDER], "it has passed every stage"
    assert not traffic.all.failed


def edit(scenario: Scenario, data: dict[str, str]) -> None:
    """As its owner; no pod restarts by it."""
    scenario.kube.merge(CONFIG_MAP, CONFIG, scenario.namespace, {"data": data})


def apply_and_wait(scenario: Scenario, changes: dict[str, object]) -> None:
    """Change the ModelRollout, and wait until the operator has looked at it and wants nothing more."""
    scenario.apply("v1", changes)
    generation = scenario.kube.get(MODEL_ROLLOUT, NAME, scenario.namespace)["metadata"]["generation"]  # type: ignore[index]
    scenario.until(lambda s: s.observed_generation == generation and s.attempt is None, "the change to be looked at")


def revisions(scenario: Scenario) -> set[str]:
    """All that pods run."""
    found = scenario.kube.list(("v1", "Pod"), scenario.namespace, LABEL_REVISION)
    return {pod["metadata"]["labels"][LABEL_REVISION] for pod in found}


def weights(scenario: Scenario, revision: str) -> list[int]:
    """What a revision had of the requests, one after the other."""
    service = f"{NAME}-{revision}"
    return without_repeats(split.weights.get(service, 0) for split in scenario.journal.splits)
