"""The objects of a revision, rendered. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelrollout.api.names import LABEL_NAME, LABEL_REVISION, preview_name
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.revisions import HASH_VERSION, Revision, object_name
from modelrollout.engine.scale import Bounds
from modelrollout.kube.apply import owned
from modelrollout.kube.resources import AUTOSCALER, CONTROLLER_REVISION, DEPLOYMENT, SERVICE, Object

PORT_NAME = "http"


def selector(rollout: str, revision: str) -> dict[str, str]:
    """Labels that select the pods of a revision; nothing else selects them, ever."""
    return {LABEL_NAME: rollout, LABEL_REVISION: revision}


def pod_template(rollout: ModelRollout, revision: Revision) -> Object:
    """The user's template with our two labels: what is stored, and never rendered again for a stored revision."""
    template: Object = json.loads(json.dumps(revision.parsed()["template"]))
    metadata = template.get("metadata") or {}
    labels = (metadata.get("labels") or {}) | selector(rollout.key.name, revision.hash)
    return template | {"metadata": metadata | {"labels": labels}}


def controller_revision(rollout: ModelRollout, revision: Revision, number: int) -> Object:
    """The record of a revision.

    The input is text, so that not a byte of what equality is judged on passes through another JSON library.

    Args:
        number: larger than that of any earlier revision.
    """
    data = {
        "hashVersion": HASH_VERSION,
        "hash": revision.hash,
        "input": revision.input,
        **({"template": pod_template(rollout, revision)} if revision.service is None else {}),
    }
    return owned(
        rollout,
        CONTROLLER_REVISION,
        revision.object_name(rollout.key.name),
        {"data": data, "revision": number},
        revision=revision.hash,
    )


def deployment(rollout: ModelRollout, revision: Revision, template: Mapping[str, Any], replicas: int | None) -> Object:
    """The Deployment of a revision.

    Args:
        template: as stored in its ControllerRevision, so that a newer operator rolls no pods.
        replicas: None where somebody else has set them: left out earlier, they become 1.
    """
    spec = {
        **({} if replicas is None else {"replicas": replicas}),
        "selector": {"matchLabels": selector(rollout.key.name, revision.hash)},
        "template": template,
        # Its template never changes, so this acts only when somebody restarts or restores it by hand.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "progressDeadlineSeconds": max(1, round(rollout.spec.workload.progress_deadline.total_seconds())),
        "revisionHistoryLimit": 0,
    }
    return owned(rollout, DEPLOYMENT, revision.object_name(rollout.key.name), {"spec": spec}, revision=revision.hash)


def autoscaler(rollout: ModelRollout, revision: str, bounds: Bounds) -> Object:
    """The autoscaler of a revision, which sees the load of no other.

    Raises:
        ValueError: the spec has no autoscaling.
    """
    wanted = rollout.spec.workload.autoscaling
    if wanted is None:
        raise ValueError("spec.workload.deployment.autoscaling is not set")
    name = object_name(rollout.key.name, revision)
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.kind, "name": name},
        "minReplicas": bounds.fewest,
        "maxReplicas": bounds.most,
    }
    if wanted.metrics:
        spec["metrics"] = list(wanted.metrics)
    if wanted.behavior is not None:
        spec["behavior"] = wanted.behavior
    return owned(rollout, AUTOSCALER, name, {"spec": spec}, revision=revision)


def revision_service(rollout: ModelRollout, revision: Revision) -> Object:
    """The Service of a revision, to which the gateway sends its share."""
    name = revision.object_name(rollout.key.name)
    return owned(rollout, SERVICE, name, {"spec": _service_spec(rollout, revision)}, revision=revision.hash)


def stable_service(rollout: ModelRollout, revision: Revision) -> Object:
    """Service `<name>`, for clients inside the cluster: it follows the stable revision."""
    return owned(rollout, SERVICE, rollout.key.name, {"spec": _service_spec(rollout, revision)})


def preview_service(rollout: ModelRollout, revision: Revision) -> Object:
    """Service `<name>-preview`, for smoke tests inside the cluster."""
    return owned(rollout, SERVICE, preview_name(rollout.key.name), {"spec": _service_spec(rollout, revision)})


def _service_spec(rollout: ModelRollout, revision: Revision) -> dict[str, Any]:
    wanted = revision.parsed()["service"]
    port = {
        "name": PORT_NAME,
        "port": wanted["port"],
        "targetPort": wanted.get("targetPort", wanted["port"]),
        "protocol": "TCP",
    }
    if wanted.get("appProtocol"):
        port["appProtocol"] = wanted["appProtocol"]
    return {"selector": selector(rollout.key.name, revision.hash), "ports": [port]}
