from __future__ import annotations

from typing import Any

import pytest

from modelrollout.engine.revisions import revision_of
from modelrollout.kube.apply import applied_hash
from modelrollout.kube.resources import Object
from modelrollout.workload import render
from tests.support.objects import rollout

pytestmark = pytest.mark.unit


def rendered(**spec: Any) -> tuple[Object, Object, Object]:
    """Template, Deployment and Service."""
    found = rollout(**spec)
    revision = revision_of(found.raw_spec)
    template = render.pod_template(found, revision)
    return template, render.deployment(found, revision, template, 2), render.revision_service(found, revision)


def test_a_template_keeps_what_the_user_wrote_to_the_letter() -> None:
    template, _, _ = rendered()
    assert template["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "1000m"}}
    assert template["metadata"]["labels"].items() >= {"app": "digits"}.items()


@pytest.mark.parametrize("metadata", [None, {"labels": None}, {"annotations": {"a": "b"}}])
def test_a_template_without_labels_gets_ours(metadata: dict[str, Any] | None) -> None:
    template, _, _ = rendered(workload={"deployment": {"template": {"metadata": metadata}}})
    assert set(template["metadata"]["labels"]) >= {"modelrollout.io/name", "modelrollout.io/revision"}


def test_rendering_leaves_the_input_alone() -> None:
    found = rollout()
    revision = revision_of(found.raw_spec)
    render.pod_template(found, revision)["spec"]["containers"].clear()
    assert revision_of(found.raw_spec) == revision
    assert render.pod_template(found, revision)["spec"]["containers"]


@pytest.mark.parametrize(
    ("service", "port"),
    [
        ({"port": 80, "targetPort": None}, {"port": 80, "targetPort": 80}),
        ({"port": 80, "targetPort": "http"}, {"port": 80, "targetPort": "http"}),
        (
            {"port": 80, "targetPort": 8080, "appProtocol": "kubernetes.io/h2c"},
            {"port": 80, "targetPort": 8080, "appProtocol": "kubernetes.io/h2c"},
        ),
    ],
)
def test_the_port_of_a_service(service: dict[str, Any], port: dict[str, Any]) -> None:
    _, _, found = rendered(service=service)
    assert found["spec"]["ports"] == [{"name": "http", "protocol": "TCP"} | port]


def test_a_progress_deadline_is_in_whole_seconds() -> None:
    _, deployment, _ = rendered(workload={"deployment": {"progressDeadline": "1m30s"}})
    assert deployment["spec"]["progressDeadlineSeconds"] == 90
    _, deployment, _ = rendered(workload={"deployment": {"progressDeadline": "1ms"}})
    assert deployment["spec"]["progressDeadlineSeconds"] == 1


def test_only_replicas_and_the_deadline_can_change_a_stored_revision() -> None:
    found = rollout()
    revision = revision_of(found.raw_spec)
    stored = render.pod_template(found, revision)
    changed = rollout(workload={"deployment": {"template": {"spec": {"containers": []}}}}, service={"port": 99})
    one = render.deployment(found, revision, stored, 2)
    assert render.deployment(changed, revision, stored, 2) == one
    assert applied_hash(render.deployment(found, revision, stored, 3)) != applied_hash(one)
    assert render.revision_service(changed, revision) == render.revision_service(found, revision)
