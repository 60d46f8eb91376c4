"""What is wrong with a template and its port, as far as it shows without asking the API server. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelrollout.api.names import LABEL_NAME, LABEL_REVISION
from modelrollout.engine.revisions import Revision

TEMPLATE: Final = "spec.workload.deployment.template"
TARGET_PORT: Final = "spec.service.targetPort"


def template_problems(revision: Revision) -> Iterator[str]:
    """Our labels set by the user, and a service port that no container has."""
    content = revision.parsed()
    template = _mapping(content["template"])
    labels = _mapping(_mapping(template.get("metadata")).get("labels"))
    for label in (LABEL_NAME, LABEL_REVISION):
        if label in labels:
            yield f"{TEMPLATE}.metadata.labels: {label} is set by the operator to select pods; remove it"
    problem = port_problem(template, content["service"])
    if problem is not None:
        yield problem


def port_problem(template: Mapping[str, Any], service: Mapping[str, Any]) -> str | None:
    """Why the service's port reaches no container, or None.

    A named port must be declared. A number need not be, as containers may listen without saying so; but where ports are
    declared and it is not among them, it is taken for a mistake.
    """
    target = service.get("targetPort", service["port"])
    declared = list(_container_ports(_mapping(template.get("spec"))))
    numbers = {port.get("containerPort") for port in declared}
    names = {port["name"] for port in declared if port.get("name")}
    if target in (names if isinstance(target, str) else numbers) or (isinstance(target, int) and not declared):
        return None
    have = ", ".join(sorted(names) + sorted(str(number) for number in numbers)) or "none"
    return (
        f"{TARGET_PORT}: no container of the template exposes port {target!r} (declared: {have});"
        f" name one of these, or add it under {TEMPLATE}.spec.containers[].ports"
    )


def _container_ports(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    sidecars = [entry for entry in _list(pod.get("initContainers")) if entry.get("restartPolicy") == "Always"]
    for container in [*_list(pod.get("containers")), *sidecars]:
        yield from _list(container.get("ports"))


def _mapping(value: object) -> Mapping[str, Any]:
    """The value, or nothing where a user wrote something else: the API server says so in its own words."""
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
