"""One ModelRollout in a namespace of its own: the user's hand, and everything around the operator but the operator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.aio import config

from modelrollout.api.names import LABEL_REVISION
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.revisions import revision_of
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.resources import (
    DEPLOYMENT,
    EVENT,
    GATEWAY,
    GATEWAY_CLASS,
    HTTP_ROUTE,
    MODEL_ROLLOUT,
    Object,
    Resource,
)
from modelrollout.kube.status import read_rollout
from modelrollout.runtime.settings import Settings
from tests.support.api_server import ApiServer
from tests.support.exporter import Exporter
from tests.support.objects import manifest, merged
from tests.support.operators import settings_of
from tests.support.players import CONTROLLER, Players, Server
from tests.support.prometheus import RealPrometheus
from tests.support.waiting import eventually

VERSIONS = ("1", "2", "3")
QUICK: dict[str, Any] = {
    "workload": {"deployment": {"replicas": 1, "drain": "1s"}},
    "traffic": {"settle": "1s"},
    "metrics": [
        {
            "name": "error-rate",
            "ratio": {"events": "errors{$selector}", "total": "requests{$selector}"},
            "check": {"max": "0.05"},
            "interval": "1s",
            "minSamples": 20,
        }
    ],
    "stages": [
        {"name": "shadow", "shadow": {"percent": 50}, "duration": "1s"},
        {"name": "canary", "weight": 20, "duration": "2s"},
        {"name": "full", "weight": 100, "duration": "1s"},
    ],
}
"""A rollout of about fifteen seconds."""


def spec_patch(version: str, **changes: Any) -> dict[str, Any]:
    """What is different from `tests.support.objects.ROLLOUT` in a quick rollout to a version."""
    return merged(merged(QUICK, {"model": {"version": version}}), changes)


@dataclass
class Playground:
    """What a test of the whole loop needs.

    Attributes:
        servers: what the pods of each version do; by version.
        prometheus: the test's own; it scrapes the servers of all versions from the beginning.
    """

    server: ApiServer
    client: KubeClient
    prometheus: RealPrometheus
    players: Players
    servers: dict[str, Server]
    hashes: dict[str, str]
    directory: Path
    playing: asyncio.Task[None]

    @property
    def namespace(self) -> str:
        return self.players.namespace

    @property
    def key(self) -> Key:
        return Key(self.namespace, self.players.name)

    @property
    def settings(self) -> Settings:
        """Of an operator that serves this namespace only."""
        return settings_of(self.prometheus.url, self.namespace)

    async def apply(self, version: str, **changes: Any) -> None:
        """Apply the ModelRollout as a user does, with kubectl."""
        body = manifest(self.players.name, self.namespace, **spec_patch(version, **changes))
        await asyncio.to_thread(self.kubectl, "apply", "--filename", "-", stdin=json.dumps(body))

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl in this namespace."""
        return self.server.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    async def edit(self, resource: Resource, name: str, patch: Object) -> None:
        """Change an object as a user does with kubectl edit: by another manager than the operator."""
        arguments = ["patch", resource.full_name, name, "--type=merge", f"--patch={json.dumps(patch)}"]
        await asyncio.to_thread(self.kubectl, *arguments)

    async def make_gateway(self) -> None:
        """The Gateway that the route attaches to, of a class of its own."""
        name = f"class-{self.namespace}"
        await self.make(GATEWAY_CLASS, name, spec={"controllerName": CONTROLLER})
        listeners = [{"name": "web", "port": 80, "protocol": "HTTP"}]
        await self.make(GATEWAY, "gateway", spec={"gatewayClassName": name, "listeners": listeners})

    async def make(self, resource: Resource, name: str, **content: Any) -> None:
        """Make an object as somebody else."""
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": name}} | content
        arguments = ["create", "--filename", "-"]
        await asyncio.to_thread(self.kubectl, *arguments, stdin=json.dumps(body))

    async def rollout(self) -> ModelRollout:
        """The ModelRollout, live."""
        found = await read_rollout(self.client, self.key)
        assert found is not None
        return found

    async def touch(self) -> None:
        """Make the operator look, as a person does."""
        name = f"{self.players.name}"
        stamp = f"touched={asyncio.get_running_loop().time()}"
        await asyncio.to_thread(self.kubectl, "annotate", MODEL_ROLLOUT.full_name, name, "--overwrite", stamp)

    async def deployments(self) -> dict[str, int]:
        """{revision hash: replicas} of all Deployments, live."""
        items = (await self.client.list(DEPLOYMENT, self.namespace)).items
        return {each["metadata"]["labels"][LABEL_REVISION]: each["spec"]["replicas"] for each in items}

    async def status(self) -> ModelRolloutStatus:
        """Its status, live."""
        return (await self.rollout()).status

    async def route(self) -> Object:
        """The HTTPRoute, live."""
        found = await self.client.get(HTTP_ROUTE, self.namespace, self.players.route_name or self.players.name)
        assert found is not None
        return found

    async def weights(self) -> dict[str, int]:
        """{version: weight} in the route, live."""
        versions = {revision: version for version, revision in self.hashes.items()} | {self.players.name: "stable"}
        backends = (await self.route())["spec"]["rules"][0]["backendRefs"]
        prefix = f"{self.players.name}-"
        return {versions[entry["name"].removeprefix(prefix)]: entry.get("weight", 1) for entry in backends}

    async def until(self, what: str, *, seconds: float = 60.0, **expected: Any) -> ModelRolloutStatus:
        """Wait until status has these values: fields of it, or what `_value` knows besides."""

        async def reached() -> ModelRolloutStatus | None:
            status = await self.status()
            return status if all(_value(status, name) == value for name, value in expected.items()) else None

        try:
            return await eventually(what, reached, seconds)
        except TimeoutError as error:
            status = await self.status()
            shown = status.model_dump_json(indent=1, exclude_none=True)
            raise TimeoutError(f"{error}; route {self.players.routes[-3:]}; status {shown}") from error

    async def serving(self, version: str = "1") -> None:
        """The first version serves, and its metrics are scraped."""
        await self.apply(version)
        await self.until("the first version serves", stable=version, phase="Succeeded", applied=True)

    async def stop_players(self) -> None:
        """From now on nobody but the operator asks the API server for anything."""
        self.playing.cancel()
        await asyncio.gather(self.playing, return_exceptions=True)

    def is_promoted_to(self, version: str) -> Callable[[], Awaitable[bool]]:
        """Whether a version has become stable."""

        async def ask() -> bool:
            status = await self.status()
            return status.stable is not None and status.stable.version == version

        return ask

    async def events(self) -> list[tuple[str, str]]:
        """(reason, note) of all events, oldest first."""
        items = (await self.client.list(EVENT, self.namespace)).items
        return [(each["reason"], each["note"]) for each in sorted(items, key=lambda item: str(item["eventTime"]))]

    async def told(self, reason: str, words: str = "") -> list[str]:
        """Wait for an event: it follows the status that it tells of. The notes of all that have these words."""

        async def notes() -> list[str]:
            return [note for each, note in await self.events() if each == reason and words in note]

        return await eventually(f"an event {reason} says {words or 'so'}", notes)

    async def delete(self, resource: Resource, name: str) -> None:
        """Delete an object as somebody else."""
        await asyncio.to_thread(self.kubectl, "delete", resource.full_name, name, "--wait=false")

    async def mark(self, resource: Resource, name: str, patch: Object) -> None:
        """Write a status as its controller does."""
        await self.client.patch(resource, self.namespace, name, patch, PatchType.MERGE, subresource="status")

    def decisions(self, status: ModelRolloutStatus) -> list[str]:
        """What was decided, as a short line each."""
        return [f"{entry.action} {entry.stage or '-'} {entry.weight}" for entry in status.log]


def _value(status: ModelRolloutStatus, name: str) -> object:
    match name:
        case "stage":
            return status.attempt.step.stage if status.attempt and status.attempt.step else None
        case "in_force":
            return bool(status.attempt and status.attempt.step and status.attempt.step.in_force_at)
        case "stable":
            return status.stable.version if status.stable else None
        case "candidate":
            return status.attempt.version if status.attempt else None
        case "reason":
            return next(
                (row.reason for row in status.conditions if row.type == "Stalled" and row.status == "True"), None
            )
        case "applied":
            return any(row.type == "TrafficApplied" and row.status == "True" for row in status.conditions)
        case "waits":
            return next((row.reason for row in status.conditions if row.type == "Reconciling"), None)
        case _:
            return getattr(status, name)


@asynccontextmanager
async def playground(
    server: ApiServer, binary: Path, directory: Path, versions: Iterable[str] = VERSIONS
) -> AsyncIterator[Playground]:
    """Everything but the operator, in a fresh namespace; Prometheus runs and has scraped all servers."""
    namespace = server.make_namespace()
    async with AsyncExitStack() as stack:
        client = KubeClient(
            await stack.enter_async_context(await config.new_client_from_config(str(server.kubeconfig)))
        )
        prometheus = RealPrometheus(binary, directory / "prometheus", scrape_seconds=0.25)
        players = Players(client, namespace)
        servers, hashes = {}, {}
        for version in versions:
            revision = revision_of(manifest(**spec_patch(version))["spec"])
            servers[version] = Server(stack.enter_context(Exporter()))
            servers[version].exporter.add(requests=0)
            hashes[version] = revision.hash
            pod = f"{players.name}-{revision.hash}-0"
            address = servers[version].exporter.address
            prometheus.set_target(pod, address, {"namespace": namespace, "pod": pod})
        players.servers.update({hashes[version]: each for version, each in servers.items()})
        stack.callback(prometheus.stop)
        await asyncio.to_thread(prometheus.start)
        playing = asyncio.create_task(players.play())
        here = Playground(server, client, prometheus, players, servers, hashes, directory, playing)
        try:
            await here.make_gateway()
            yield here
            if playing.done() and not playing.cancelled():
                playing.result()
        finally:
            await here.stop_players()
