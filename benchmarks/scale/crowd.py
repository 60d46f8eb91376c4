"""Makes the ModelRollouts, and plays who acts around the operator where there are no nodes.

A kubelet gives Deployments ready endpoints, a gateway accepts HTTPRoutes, and clients send requests by their weights.
All three follow watches, as their models do: they cost the API server what real ones cost it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from kubernetes.aio import watch
from kubernetes.aio.client import ApiClient, ApiException, CustomObjectsApi

from benchmarks.scale.subject import PER_NAMESPACE, Pod, manifest, namespace_of
from modelrollout.api.names import LABEL_MANAGED_BY, LABEL_NAME, LABEL_REVISION, MANAGED_BY
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.errors import ConflictError, NotFoundError, UnavailableError
from modelrollout.kube.resources import (
    DEPLOYMENT,
    ENDPOINT_SLICE,
    GATEWAY,
    GATEWAY_CLASS,
    HTTP_ROUTE,
    MODEL_ROLLOUT,
    Object,
    Resource,
)

CONTROLLER: Final = "gateway.envoyproxy.io/gatewayclass-controller"
NAMESPACE: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
AT_ONCE: Final = 16
"""Requests that are under way at a time."""
ON_THE_WAY: Final = 400
"""Rollouts that are on their way to a version at a time."""
_MOMENT: Final = "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Seen:
    """A ModelRollout as last seen.

    Attributes:
        step: its number, and when it started, was accepted and in force.
    """

    phase: str
    step: tuple[int | None, str | None, str | None, str | None]
    version: str

    @property
    def in_force(self) -> bool:
        """Whether it is in a step that requests follow."""
        return self.step[3] is not None


class Crowd:
    """All that is around the operator."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self.client = KubeClient(api)
        self.pods: dict[str, Pod] = {}
        self.seen: dict[str, Seen] = {}

    async def make_places(self, rollouts: int) -> None:
        """Namespaces, and one Gateway for all."""
        for number in range(0, rollouts, PER_NAMESPACE):
            await self.client.create(NAMESPACE, _object(NAMESPACE, None, namespace_of(number)))
        spec: Object = {"controllerName": CONTROLLER}
        await self.client.create(GATEWAY_CLASS, _object(GATEWAY_CLASS, None, "scale") | {"spec": spec})
        routes = {"namespaces": {"from": "All"}}
        listener = {"name": "web", "port": 80, "protocol": "HTTP", "allowedRoutes": routes}
        spec = {"gatewayClassName": "scale", "listeners": [listener]}
        await self.client.create(GATEWAY, _object(GATEWAY, namespace_of(0), "gateway") | {"spec": spec})

    async def apply(self, numbers: Iterable[int], version: str, done: Callable[[], int]) -> None:
        """Bring rollouts to a version, as users do: not all of them in one moment.

        Args:
            done: how many of them have got there.
        """

        async def one(number: int) -> None:
            await self.client.apply(MODEL_ROLLOUT, manifest(number, version), force=True)

        rest, begun, room = iter(numbers), 0, ON_THE_WAY
        while some := list(itertools.islice(rest, room)):
            await _each(some, one)
            begun += len(some)
            while (room := ON_THE_WAY - begun + done()) < 1:  # noqa: ASYNC110 - the count changes in many places
                await asyncio.sleep(0.5)

    async def play(self) -> None:
        """Act, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_follow(self._watch(DEPLOYMENT), self._act_as_kubelet))
            group.create_task(_follow(self._watch(HTTP_ROUTE), self._act_as_gateway))
            group.create_task(_follow(self._watch(MODEL_ROLLOUT), self._look))

    async def serve_counters(self, port: int) -> web.AppRunner:
        """Answer scrapes of all pods: `/<pod>`."""

        async def page(request: web.Request) -> web.Response:
            pod = self.pods.get(request.match_info["pod"])
            return web.Response(text=pod.exposition()) if pod is not None else web.Response(status=404)

        app = web.Application()
        app.router.add_get("/{pod}", page)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner

    async def _watch(self, resource: Resource) -> AsyncIterator[Object]:
        objects = CustomObjectsApi(self._api).list_cluster_custom_object
        while True:
            try:
                async with watch.Watch() as stream:
                    async for event in stream.stream(objects, resource.group, resource.version, resource.plural):
                        if event["type"] in ("ADDED", "MODIFIED"):
                            yield event["raw_object"]
            except ApiException as error:
                if error.status not in (HTTPStatus.GONE, HTTPStatus.TOO_MANY_REQUESTS):
                    raise
                await asyncio.sleep(0.2)  # as it says while it gets a new kind ready

    async def _look(self, rollout: Object) -> None:
        status = rollout.get("status") or {}
        step = (status.get("attempt") or {}).get("step") or {}
        self.seen[rollout["metadata"]["name"]] = Seen(
            phase=status.get("phase", "Pending"),
            step=(step.get("number"), step.get("startedAt"), step.get("acceptedAt"), step.get("inForceAt")),
            version=rollout["metadata"]["resourceVersion"],
        )

    async def _act_as_kubelet(self, deployment: Object) -> None:
        metadata, ready = deployment["metadata"], deployment["spec"]["replicas"]
        if LABEL_REVISION not in metadata.get("labels", {}):
            return
        name = metadata["name"]
        self.pods.setdefault(name, Pod())
        labels = {"kubernetes.io/service-name": name, LABEL_MANAGED_BY: MANAGED_BY}
        labels |= {key: metadata["labels"][key] for key in (LABEL_NAME, LABEL_REVISION)}
        body = _object(ENDPOINT_SLICE, metadata["namespace"], name) | {
            "addressType": "IPv4",
            "endpoints": [
                {
                    "addresses": [f"10.1.0.{number + 1}"],
                    "conditions": {"ready": True},
                    "targetRef": {"kind": "Pod", "name": f"{name}-{number}"},
                }
                for number in range(ready)
            ],
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        }
        body["metadata"]["labels"] = labels
        await self.client.apply(ENDPOINT_SLICE, body, force=True)

    async def _act_as_gateway(self, route: Object) -> None:
        metadata, rule = route["metadata"], route["spec"]["rules"][0]
        for reference in rule["backendRefs"]:
            self.pods.setdefault(reference["name"], Pod()).take(reference.get("weight", 1) / 100)
        parents = (route.get("status") or {}).get("parents") or ()
        if [entry["conditions"][0]["observedGeneration"] for entry in parents] == [metadata["generation"]]:
            return
        conditions = [
            {
                "type": kind,
                "status": "True",
                "reason": kind,
                "message": "",
                "observedGeneration": metadata["generation"],
                "lastTransitionTime": _MOMENT,
            }
            for kind in ("Accepted", "ResolvedRefs")
        ]
        parent = {"controllerName": CONTROLLER, "parentRef": route["spec"]["parentRefs"][0], "conditions": conditions}
        patch = {"status": {"parents": [parent]}}
        where = (metadata["namespace"], metadata["name"])
        try:
            await self.client.patch(HTTP_ROUTE, *where, patch, PatchType.MERGE, subresource="status")
        except (ConflictError, NotFoundError):
            return  # it has changed in this moment; the watch brings what it has become


async def _follow(objects: AsyncIterator[Object], act: Callable[[Object], Awaitable[None]]) -> None:
    """Act on each object, some at a time."""
    under_way = asyncio.Semaphore(AT_ONCE)

    async def one(found: Object) -> None:
        try:
            await act(found)
        finally:
            under_way.release()

    async with asyncio.TaskGroup() as group:
        async for found in objects:
            await under_way.acquire()
            group.create_task(one(found))


async def _each(numbers: Iterable[int], act: Callable[[int], Awaitable[None]]) -> None:
    rest = iter(numbers)

    async def worker() -> None:
        for number in rest:
            for attempt in range(5):
                try:
                    await act(number)
                    break
                except UnavailableError:
                    if attempt == 4:
                        raise

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())


def _object(resource: Resource, namespace: str | None, name: str) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
