"""Which provider serves which member of `spec.traffic`.

A new one is a file with a class that fits `TrafficProvider`, its member in `api/traffic.py`, and a row here.
"""

from __future__ import annotations

from modelrollout.api.resource import ModelRollout
from modelrollout.kube.apply import Applier
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient
from modelrollout.traffic.gateway_api import GatewayAPITraffic
from modelrollout.traffic.lent import Lent
from modelrollout.traffic.protocol import TrafficProvider
from modelrollout.traffic.route_ref import RouteRefTraffic


class Traffics:
    """All that can carry traffic."""

    def __init__(self, client: KubeClient, cache: Cache, applier: Applier) -> None:
        self._by_member: dict[str, TrafficProvider] = {"gatewayAPI": GatewayAPITraffic(client, cache, applier)}
        self._route_ref = RouteRefTraffic(client, cache)
        self._cache = cache
        self.lent = Lent(client, cache)

    def of(self, rollout: ModelRollout) -> TrafficProvider:
        """The provider that a ModelRollout asks for; the schema demands exactly one member."""
        if rollout.spec.traffic.gateway_api.http_route_ref is not None:
            return self._route_ref
        return next(self._by_member[member] for member in rollout.raw_spec["traffic"] if member in self._by_member)

    def has_own_route(self, rollout: ModelRollout) -> bool:
        """Whether there is a route that the operator made, from before the spec named one of somebody else's."""
        view = self._cache.route(rollout.key.namespace, rollout.key.name)
        return view is not None and view.meta.is_controlled_by(rollout.uid)
