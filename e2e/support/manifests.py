"""The ModelRollout of the digits example, with stages of seconds."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from e2e.support.kube import Object

REPOSITORY = Path(__file__).resolve().parents[2]
NAME = "digits"
GATEWAY_NAMESPACE = "e2e-gateway"
GATEWAY_NAME = "shared"

STAGES = [
    {"name": "shadow", "shadow": {"percent": 100}, "duration": "2s"},
    {"name": "canary", "weight": 20, "duration": "3s"},
    {"name": "ramp", "ramp": {"to": 50, "step": 15, "every": "3s"}},
    {"name": "full", "weight": 100, "duration": "3s"},
]
LADDER = [20, 35, 50, 100]
"""The weights that these stages give to a candidate, in order."""
QUICK_SECONDS = 4
QUICK_STAGES = [
    {"name": "shadow", "shadow": {"percent": 100}, "duration": f"{QUICK_SECONDS}s"},
    {"name": "canary", "weight": 20, "duration": f"{QUICK_SECONDS}s"},
    {"name": "ramp", "ramp": {"to": 50, "step": 30, "every": f"{QUICK_SECONDS}s"}},
    {"name": "full", "weight": 100, "duration": f"{QUICK_SECONDS}s"},
]
"""One step of each kind."""
QUICK_STEPS = [("shadow", 0), ("canary", 20), ("ramp", 50), ("full", 100)]
METRICS = [
    {
        "name": "error-rate",
        "category": "Software",
        "ratio": {
            "events": 'model_http_requests_total{$selector,code=~"5.."}',
            "total": "model_http_requests_total{$selector}",
        },
        "check": {"max": "0.01", "noWorseThan": {"ratio": "1.5", "difference": "0.005"}},
        # Each of the users asks once, so two errors among the first answers are two errors.
        "clusters": {"by": "Request"},
        "interval": "1s",
        "minSamples": 30,
    },
    {
        "name": "upper-half",
        "category": "Output",
        "ratio": {
            "events": 'ml_predictions_total{$selector,prediction=~"[5-9]"}',
            "total": "ml_predictions_total{$selector}",
        },
        "check": {"min": "0.3"},
        "clusters": {"by": "Request"},
        "interval": "1s",
        "minSamples": 30,
    },
]


def host(namespace: str) -> str:
    """The host that a scenario's users ask for."""
    return f"{namespace}.example.com"


def digits(namespace: str, version: str, changes: Mapping[str, object] | None = None) -> Object:
    """A ModelRollout of one of the example's versions.

    Args:
        changes: what differs, by path from `spec`, such as `traffic.settle` or `stages.0.duration`; None removes.
    """
    text = (REPOSITORY / "examples" / "digits" / "manifests" / "rollout.yaml").read_text(encoding="utf-8")
    manifest: Object = yaml.safe_load(text)
    manifest["metadata"] = {"name": NAME, "namespace": namespace}
    container = "workload.deployment.template.spec.containers.0"
    usual: dict[str, object] = {
        "model.version": version,
        "workload.deployment.drain": "2s",
        "workload.deployment.progressDeadline": "3m",
        f"{container}.env.0.value": version,
        # On a busy machine a probe is late; what is unready for a test says so by a probe of its own.
        f"{container}.readinessProbe.timeoutSeconds": 5,
        f"{container}.readinessProbe.failureThreshold": 10,
        f"{container}.livenessProbe": None,
        f"{container}.lifecycle.preStop.sleep.seconds": 3,
        "traffic.gatewayAPI.parentRefs": [{"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE}],
        "traffic.gatewayAPI.hostnames": [host(namespace)],
        # Where counts show the share this costs nothing; on a busy machine the proxies learn of a route late.
        "traffic.settle": "5s",
        "metrics": copy.deepcopy(METRICS),
        "stages": copy.deepcopy(STAGES),
        "rollbackWindow": "1s",
    }
    for path, value in (usual | dict(changes or {})).items():
        _put(manifest["spec"], path.split("."), value)
    return manifest


def _put(where: Any, path: list[str], value: object) -> None:
    *parents, last = path
    for part in parents:
        where = where[int(part)] if isinstance(where, list) else where.setdefault(part, {})
    key = int(last) if isinstance(where, list) else last
    if value is None:
        del where[key]
    elif key == len(where) and isinstance(where, list):
        where.append(value)
    else:
        where[key] = value
