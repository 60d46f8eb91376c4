"""The ModelRollouts that the crowd is made of, and what their pods count."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any, Final

REQUESTS_PER_SECOND: Final = 10.0
"""Of each rollout."""
PER_NAMESPACE: Final = 500
SHARES: Final = {"errors_total": 0.001, "slow_total": 0.005, "sure_total": 0.9, "class_low_total": 0.5}
"""Parts of the requests that each counter counts: the same in both versions, so that nothing is ever harmful."""
METRICS: Final[list[dict[str, Any]]] = [
    {"name": "error-rate", "events": "errors_total", "check": {"max": "0.05"}},
    {"name": "slow", "events": "slow_total", "check": {"max": "0.1", "noWorseThan": {"ratio": "2"}}},
    {"name": "sure", "events": "sure_total", "check": {"min": "0.5"}},
    {"name": "class-low", "events": "class_low_total", "check": {"min": "0.2"}},
]


def namespace_of(number: int) -> str:
    """Which namespace the n-th rollout is in."""
    return f"scale-{number // PER_NAMESPACE}"


def name_of(number: int) -> str:
    """What the n-th rollout is called."""
    return f"model-{number}"


def manifest(number: int, version: str) -> dict[str, Any]:
    """The n-th ModelRollout; a rollout to version 2 stays in its canary for as long as anybody measures."""
    container = {"name": "server", "image": "localhost/model:1", "ports": [{"name": "http", "containerPort": 8080}]}
    return {
        "apiVersion": "modelrollout.io/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": name_of(number), "namespace": namespace_of(number)},
        "spec": {
            "model": {"name": name_of(number), "version": version},
            "workload": {"deployment": {"replicas": 1, "template": {"spec": {"containers": [container]}}}},
            "service": {"port": 80, "targetPort": "http"},
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "gateway", "namespace": namespace_of(0)}]}},
            "metrics": [metric_of(**metric) for metric in METRICS],
            "stages": [{"name": "canary", "weight": 20, "duration": "6h"}, {"name": "full", "weight": 100}],
        },
    }


def metric_of(name: str, events: str, check: dict[str, Any]) -> dict[str, Any]:
    """A metric as a user writes it."""
    ratio = {"events": f"{events}{{$selector}}", "total": "requests_total{$selector}"}
    return {"name": name, "ratio": ratio, "check": check, "interval": "15s"}


@dataclass
class Pod:
    """The counters of one revision's pod: they grow with its share of the requests, as time goes on."""

    share: float = 0.0
    _counted: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def take(self, share: float) -> None:
        """Answer that part of the requests from now on, 0 to 1."""
        self._counted, self._since, self.share = self.requests(), time.monotonic(), share

    def requests(self) -> float:
        """Answered so far."""
        return self._counted + self.share * REQUESTS_PER_SECOND * (time.monotonic() - self._since)

    def exposition(self) -> str:
        """Its counters in Prometheus's text format."""
        requests = math.floor(self.requests())
        lines = [f"requests_total {requests}"]
        lines += [f"{name} {math.floor(requests * share)}" for name, share in SHARES.items()]
        return "\n".join(lines) + "\n"
