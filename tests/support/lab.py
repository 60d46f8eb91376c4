"""Our way to the API server, with a cache that a test fills when it wants to, in a namespace of the test's own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from kubernetes.aio import config

from modelrollout.api.resource import Key, ModelRollout
from modelrollout.kube.apply import Applier
from modelrollout.kube.caches import Cache, name_of
from modelrollout.kube.client import KubeClient, Request
from modelrollout.kube.resources import MODEL_ROLLOUT, Resource
from modelrollout.kube.status import read_rollout
from modelrollout.traffic.gateway_api import GatewayAPITraffic
from modelrollout.workload.deployment import DeploymentWorkload
from tests.support.api_server import ApiServer
from tests.support.objects import manifest


@dataclass
class Lab:
    """The real API server as the operator reaches it."""

    server: ApiServer
    client: KubeClient
    namespace: str
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget everything that a restart of the operator forgets."""
        self.cache = Cache()
        self.applier = Applier(self.client, self.cache)
        self.workload = DeploymentWorkload(self.client, self.cache, self.applier)
        self.traffic = GatewayAPITraffic(self.client, self.cache, self.applier)

    async def refresh(self) -> None:
        """Let the cache see what is there."""
        for watched in Cache.resources():
            namespace = self.namespace if watched.resource.namespaced else None
            listing = await self.client.list(watched.resource, namespace, label_selector=watched.label_selector)
            for raw in listing.items:
                self.cache.apply_event(watched.resource, None, raw)
            self.cache.retain(watched.resource, {name_of(raw) for raw in listing.items}, listing.resource_version)

    async def rollout(self, name: str = "digits", **spec: Any) -> ModelRollout:
        """Make a ModelRollout; keywords are a merge patch on the spec of `tests.support.objects.ROLLOUT`."""
        await self.client.create(MODEL_ROLLOUT, manifest(name, self.namespace, **spec))
        found = await read_rollout(self.client, Key(self.namespace, name))
        assert found is not None
        return found

    def make(self, resource: Resource, name: str, **content: Any) -> None:
        """Make an object as a user does."""
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}} | content
        self.kubectl("create", "--filename", "-", stdin=json.dumps(body))

    def edit(self, resource: Resource, name: str, patch: dict[str, Any], *options: str) -> None:
        """Change an object as a user does: a merge patch."""
        self.kubectl("patch", resource.full_name, name, "--type=merge", f"--patch={json.dumps(patch)}", *options)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl, in the namespace of the test."""
        return self.server.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    async def live(self, resource: Resource, name: str) -> dict[str, Any]:
        """An object that must be there."""
        found = await self.client.get(resource, self.namespace, name)
        assert found is not None, f"{resource.kind} {name} is missing"
        return found

    def writes(self) -> list[tuple[str, str]]:
        """(verb, kind) of all requests so far that were not reads; and forget them."""
        made = [
            (request.verb, request.resource.kind) for request in self.requests if request.verb not in {"get", "list"}
        ]
        self.requests.clear()
        return made


@pytest.fixture
async def lab(api_server: ApiServer, namespace: str) -> AsyncIterator[Lab]:
    """A lab in a fresh namespace."""
    requests: list[Request] = []
    async with await config.new_client_from_config(str(api_server.kubeconfig)) as api:
        yield Lab(api_server, KubeClient(api, on_request=requests.append), namespace, requests)
