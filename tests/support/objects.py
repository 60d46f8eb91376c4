"""Objects as the API server shows them, and a ModelRollout, for tests that have no API server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from modelrollout.api.names import ANNOTATION_APPLIED, FIELD_MANAGER, LABEL_MANAGED_BY, LABEL_NAME, LABEL_REVISION
from modelrollout.api.resource import ModelRollout, parse

UID = "11111111-2222-3333-4444-555555555555"
REVISION = "rabcdefghi"
OTHER = "rzyxwvutsr"

ROLLOUT = """
apiVersion: modelrollout.io/v1alpha1
kind: ModelRollout
metadata: {name: digits, namespace: demo}
spec:
  model: {name: digits, version: "1"}
  workload:
    deployment:
      replicas: 2
      template:
        metadata: {labels: {app: digits}}
        spec:
          containers:
          - name: server
            image: localhost/digits:1
            ports: [{name: http, containerPort: 8080}]
            resources: {limits: {cpu: 1000m}}
  service: {port: 80, targetPort: http}
  traffic: {gatewayAPI: {parentRefs: [{name: gateway}]}}
  metrics:
  - name: error-rate
    ratio: {events: 'errors{$selector}', total: 'requests{$selector}'}
    check: {max: "0.01"}
  stages:
  - {name: canary, weight: 5}
  - {name: full, weight: 100}
"""


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def manifest(name: str = "digits", namespace: str = "demo", **spec: Any) -> dict[str, Any]:
    """A manifest; keywords are a merge patch on its spec."""
    raw = merged(yaml.safe_load(ROLLOUT), {"spec": spec})
    return merged(raw, {"metadata": {"name": name, "namespace": namespace}})


def rollout(name: str = "digits", **spec: Any) -> ModelRollout:
    """A ModelRollout as read; keywords are a merge patch on its spec."""
    return parse(merged(manifest(name, **spec), {"metadata": {"uid": UID, "resourceVersion": "1", "generation": 1}}))


def raw_object(
    name: str,
    *,
    revision: str | None = REVISION,
    namespace: str = "demo",
    rollout: str | None = "digits",
    controller: str | None = UID,
    version: int = 10,
    **content: Any,
) -> dict[str, Any]:
    """Any object of ours, or with `controller` and `rollout` None, of somebody else."""
    labels = {LABEL_MANAGED_BY: "modelrollout", LABEL_NAME: rollout, LABEL_REVISION: revision}
    owner = {"kind": "ModelRollout", "name": "digits", "uid": controller, "controller": True}
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-of-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": "2026-11-21T10:00:00Z",
        "labels": {key: value for key, value in labels.items() if value is not None} if rollout else {},
        "ownerReferences": [owner] if controller else [],
        "annotations": {ANNOTATION_APPLIED: "rhash"},
    }
    return {"metadata": metadata} | content


def managed(fields: Mapping[str, Any], manager: str = FIELD_MANAGER, operation: str = "Apply") -> dict[str, Any]:
    """An entry of managedFields."""
    return {"manager": manager, "operation": operation, "fieldsV1": fields}
