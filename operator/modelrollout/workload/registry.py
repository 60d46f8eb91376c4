"""Which provider serves which member of `spec.workload`.

A new kind is one file with a class that fits `WorkloadProvider`, its member in `api/workload.py`, and a row here.
"""

from __future__ import annotations

from modelrollout.api.resource import ModelRollout
from modelrollout.kube.apply import Applier
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient
from modelrollout.workload.deployment import DeploymentWorkload
from modelrollout.workload.protocol import WorkloadProvider
from modelrollout.workload.services import ServicesWorkload


class Workloads:
    """All kinds of workload."""

    def __init__(self, client: KubeClient, cache: Cache, applier: Applier) -> None:
        self._by_member: dict[str, WorkloadProvider] = {
            "deployment": DeploymentWorkload(client, cache, applier),
            "services": ServicesWorkload(client, cache, applier),
        }

    def of(self, rollout: ModelRollout) -> WorkloadProvider:
        """The provider that a ModelRollout asks for; the schema demands exactly one member."""
        asked = rollout.raw_spec["workload"]
        return next(kind for member, kind in self._by_member.items() if asked.get(member) is not None)
