from __future__ import annotations

from typing import Any

import pytest

from modelrollout.engine.revisions import revision_of
from modelrollout.workload.template import port_problem, template_problems
from tests.support.objects import manifest

pytestmark = pytest.mark.unit

NAMED = {"name": "http", "containerPort": 8080}


def template(*ports: dict[str, Any], **pod: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", "ports": list(ports)}], **pod}}


SIDECAR = {"initContainers": [{"name": "s", "restartPolicy": "Always", "ports": [{"containerPort": 9000}]}]}
INIT = {"initContainers": [{"name": "s", "ports": [{"containerPort": 9000}]}]}


@pytest.mark.parametrize(
    ("pod", "service", "good"),
    [
        (template(NAMED), {"port": 80, "targetPort": "http"}, True),
        (template(NAMED), {"port": 80, "targetPort": 8080}, True),
        (template(NAMED), {"port": 8080}, True),
        (template(NAMED), {"port": 80}, False),
        (template(NAMED), {"port": 80, "targetPort": "grpc"}, False),
        (template(), {"port": 80}, True),
        (template(), {"port": 80, "targetPort": "http"}, False),
        (template(NAMED, **SIDECAR), {"port": 9000}, True),
        (template(NAMED, **INIT), {"port": 9000}, False),
        ({}, {"port": 80}, True),
        ({"spec": {"containers": "nonsense"}}, {"port": 80}, True),
        ({"spec": {"containers": [None, {"ports": [3]}]}}, {"port": 80}, True),
    ],
)
def test_a_service_port_reaches_a_container_or_is_reported(
    pod: dict[str, Any], service: dict[str, Any], *, good: bool
) -> None:
    assert (port_problem(pod, service) is None) is good


def test_the_report_names_the_field_what_is_there_and_the_remedy() -> None:
    problem = port_problem(template(NAMED), {"port": 80, "targetPort": "grpc"})
    assert problem == (
        "spec.service.targetPort: no container of the template exposes port 'grpc' (declared: http, 8080);"
        " name one of these, or add it under spec.workload.deployment.template.spec.containers[].ports"
    )


@pytest.mark.parametrize("label", ["modelrollout.io/name", "modelrollout.io/revision"])
def test_our_labels_in_a_template_are_reported(label: str) -> None:
    changed = {"deployment": {"template": {"metadata": {"labels": {label: "x"}}}}}
    (problem,) = template_problems(revision_of(manifest(workload=changed)["spec"]))
    assert problem.startswith(f"spec.workload.deployment.template.metadata.labels: {label} is set by the operator")


def test_other_labels_are_the_users() -> None:
    changed = {"deployment": {"template": {"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}}}
    assert list(template_problems(revision_of(manifest(workload=changed)["spec"]))) == []
