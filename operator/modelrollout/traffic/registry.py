"""Which provider serves which member of `spec.traffic`.

A new one is a file with a class that fits `TrafficProvider`, its member in `api/traffic.py`, and a row here.
"""

from __future__ import annotations

from modelrollout.api.resource import ModelRollout
from modelrollout.kube.apply import Applier
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient
from modelrollout.traffic.gateway_api import GatewayAPITraffic
from modelrollout.traffic.protocol import TrafficProvider


class Traffics:
    """All that can carry traffic."""

    def __init__(self, client: KubeClient, cache: Cache, applier: Applier) -> None:
        self._by_member: dict[str, TrafficProvider] = {"gatewayAPI": GatewayAPITraffic(client, cache, applier)}

    def of(self, rollout: ModelRollout) -> TrafficProvider:
        """The provider that a ModelRollout asks for; the schema demands exactly one member."""
        return next(self._by_member[member] for member in rollout.raw_spec["traffic"] if member in self._by_member)
