"""Who acts around the operator where there are no nodes: a kubelet, a gateway, and clients, played by one task.

They read and write the real API server every moment: Deployments get ready endpoints, HTTPRoutes get conditions, and
requests flow by the weights of the route as it is, into the counters of exporters that a real Prometheus scrapes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from modelrollout.api.names import LABEL_MANAGED_BY, LABEL_NAME, LABEL_REVISION, MANAGED_BY
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.errors import ConflictError, NotFoundError
from modelrollout.kube.resources import DEPLOYMENT, ENDPOINT_SLICE, HTTP_ROUTE, SERVICE, Object
from tests.support.exporter import Exporter

CONTROLLER: Final = "gateway.envoyproxy.io/gatewayclass-controller"
REQUESTS_PER_SECOND: Final = 200
_PAUSE_SECONDS: Final = 0.1
_MOMENT: Final = "2026-11-21T10:00:00Z"


@dataclass
class Server:
    """What the pods of one revision do.

    Attributes:
        ready: whether its endpoints become ready.
        error_rate: share of its answers that are errors.
        silent: takes requests and answers none.
        answered: live requests that it answered.
        mirrored: copies that it answered.
    """

    exporter: Exporter
    ready: bool = True
    error_rate: float = 0.0
    silent: bool = False
    answered: int = 0
    mirrored: int = 0
    _owed: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def serve(self, live: float, mirrored: float) -> None:
        """Answer that many requests; fractions are kept for later."""
        if self.silent:
            return
        whole = {"live": self._whole("live", live), "mirrored": self._whole("mirrored", mirrored)}
        total = whole["live"] + whole["mirrored"]
        errors = self._whole("errors", total * self.error_rate)
        self.answered += whole["live"]
        self.mirrored += whole["mirrored"]
        if total:
            self.exporter.add(requests=total, errors=min(errors, total))

    def _whole(self, kind: str, amount: float) -> int:
        self._owed[kind] += amount
        whole = int(self._owed[kind])
        self._owed[kind] -= whole
        return whole


@dataclass
class Players:
    """All three, in one namespace, for ModelRollout `name`.

    Attributes:
        routes: what the HTTPRoute was seen to be: (generation, {revision hash: weight}), each once, in order.
        gateway_answers: whether the gateway looks at routes.
        route_name: of the HTTPRoute that clients come by; by default the operator's own.
        follows: hash of the revision that Service `<name>` was seen to select.
    """

    client: KubeClient
    namespace: str
    name: str = "digits"
    servers: dict[str, Server] = field(default_factory=dict)
    routes: list[tuple[int, dict[str, int]]] = field(default_factory=list)
    gateway_answers: bool = True
    errors_seen: int = 0
    route_name: str | None = None
    follows: str | None = None

    async def play(self) -> None:
        """Act, for ever."""
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            await self._act_as_kubelet()
            route = await self.client.get(HTTP_ROUTE, self.namespace, self.route_name or self.name)
            now = loop.time()
            if route is not None:
                self._act_as_clients(route, now - last)
                await self._act_as_gateway(route)
            last = now
            await asyncio.sleep(_PAUSE_SECONDS)

    async def act(self) -> Object | None:
        """Act once as the kubelet and as the gateway; the route, if there is one."""
        await self._act_as_kubelet()
        route = await self.client.get(HTTP_ROUTE, self.namespace, self.route_name or self.name)
        if route is not None:
            await self._act_as_gateway(route)
        return route

    def weights(self) -> dict[str, int]:
        """As last seen."""
        return self.routes[-1][1] if self.routes else {}

    async def _act_as_kubelet(self) -> None:
        listing = await self.client.list(DEPLOYMENT, self.namespace)
        for deployment in listing.items:
            revision = deployment["metadata"]["labels"][LABEL_REVISION]
            server = self.servers.get(revision)
            ready = deployment["spec"]["replicas"] if server is not None and server.ready else 0
            name = deployment["metadata"]["name"]
            await self._endpoints(name, revision, [f"{name}-{number}" for number in range(ready)])
        if self.route_name is not None:
            await self._follow_stable()

    async def _follow_stable(self) -> None:
        """The endpoints of Service `<name>`: those of the revision that it selects, one look after it does."""
        service = await self.client.get(SERVICE, self.namespace, self.name)
        follows, self.follows = self.follows, service["spec"]["selector"][LABEL_REVISION] if service else None
        pods = await self.client.get(ENDPOINT_SLICE, self.namespace, f"{self.name}-{follows}-slice")
        if follows is not None and pods is not None:
            names = [entry["targetRef"]["name"] for entry in pods["endpoints"] or ()]
            await self._endpoints(self.name, follows, names)

    async def _endpoints(self, service: str, revision: str, pods: list[str]) -> None:
        name = f"{service}-slice"
        old = await self.client.get(ENDPOINT_SLICE, self.namespace, name)
        if old is not None and [entry["targetRef"]["name"] for entry in old["endpoints"] or ()] == pods:
            return
        labels = {
            "kubernetes.io/service-name": service,
            LABEL_MANAGED_BY: MANAGED_BY,
            LABEL_NAME: self.name,
            LABEL_REVISION: revision,
        }
        body: Object = {
            "apiVersion": ENDPOINT_SLICE.api_version,
            "kind": ENDPOINT_SLICE.kind,
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
            "addressType": "IPv4",
            "endpoints": [
                {
                    "addresses": [f"10.1.0.{number}"],
                    "conditions": {"ready": True},
                    "targetRef": {"kind": "Pod", "name": pod},
                }
                for number, pod in enumerate(pods, 1)
            ],
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        }
        await self.client.apply(ENDPOINT_SLICE, body, force=True)

    async def _act_as_gateway(self, route: Object) -> None:
        generation = route["metadata"]["generation"]
        parents = (route.get("status") or {}).get("parents") or ()
        seen = [entry["conditions"][0]["observedGeneration"] for entry in parents]
        if not self.gateway_answers or seen == [generation] * len(route["spec"]["parentRefs"]):
            return
        rows = [("Accepted", "Accepted"), ("ResolvedRefs", "ResolvedRefs")]
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": reason,
                "message": "",
                "observedGeneration": generation,
                "lastTransitionTime": _MOMENT,
            }
            for kind, reason in rows
        ]
        answer = [
            {"controllerName": CONTROLLER, "parentRef": reference, "conditions": conditions}
            for reference in route["spec"]["parentRefs"]
        ]
        try:
            await self.client.patch(
                HTTP_ROUTE,
                self.namespace,
                route["metadata"]["name"],
                {"status": {"parents": answer}},
                PatchType.MERGE,
                subresource="status",
            )
        except (ConflictError, NotFoundError):
            return  # it has changed in this moment; the next look sees what it has become

    def _act_as_clients(self, route: Object, seconds: float) -> None:
        rule: dict[str, Any] = route["spec"]["rules"][0]
        weights = {self._revision(entry): entry.get("weight", 1) for entry in rule["backendRefs"]}
        if len(weights) == 1:
            weights = dict.fromkeys(weights, 100)
        seen = (route["metadata"]["generation"], weights)
        if self.routes[-1:] != [seen]:
            self.routes.append(seen)
        mirrors = [entry["requestMirror"] for entry in rule.get("filters") or () if entry["type"] == "RequestMirror"]
        copies = {self._revision(mirror["backendRef"]): mirror.get("percent", 100) for mirror in mirrors}
        requests = REQUESTS_PER_SECOND * min(seconds, 1.0)
        for revision, server in self.servers.items():
            server.serve(requests * weights.get(revision, 0) / 100, requests * copies.get(revision, 0) / 100)

    def _revision(self, reference: dict[str, Any]) -> str:
        if reference["name"] == self.name:
            return self.follows or ""
        return str(reference["name"]).removeprefix(f"{self.name}-")
