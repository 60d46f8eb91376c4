"""What somebody else runs, or has run for long before there was a ModelRollout: Deployments, Services and a route."""

from __future__ import annotations

import copy
from typing import Any

from e2e.support.kube import Object
from e2e.support.manifests import GATEWAY_NAME, GATEWAY_NAMESPACE, digits, host

NAME = "digits-prod"
PORT = 80


def deployment(namespace: str, version: str, name: str = NAME) -> Object:
    """A Deployment that serves a version, labelled as charts label theirs."""
    template: dict[str, Any] = copy.deepcopy(digits(namespace, version)["spec"]["workload"]["deployment"]["template"])
    template["metadata"]["labels"] = {"app": name}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    return _object("apps/v1", "Deployment", namespace, spec, name)


def service(namespace: str, name: str = NAME) -> Object:
    """Its Service, on a port of its own."""
    ports = [{"name": "http", "port": PORT, "targetPort": "http"}]
    return _object("v1", "Service", namespace, {"selector": {"app": name}, "ports": ports}, name)


def route(namespace: str) -> Object:
    """A route of the user's that leads there: for the host that a ModelRollout answers for later."""
    spec = {
        "parentRefs": [{"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE}],
        "hostnames": [host(namespace)],
        "rules": [{"backendRefs": [{"name": NAME, "port": PORT}]}],
    }
    return _object("gateway.networking.k8s.io/v1", "HTTPRoute", namespace, spec)


def moved() -> dict[str, Any]:
    """A patch of the route after which it matches nothing: a younger route gets its requests, and it can be deleted.

    Deleted at once, it takes along what the proxies send requests by: Envoy forgets the backend a moment before the
    route to it, and answers 503 in between.
    """
    matches = [{"path": {"type": "PathPrefix", "value": "/"}, "headers": [{"name": "x-moved", "value": "digits"}]}]
    return {"spec": {"rules": [{"matches": matches, "backendRefs": [{"name": NAME, "port": PORT}]}]}}


def _object(api_version: str, kind: str, namespace: str, spec: dict[str, Any], name: str = NAME) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
