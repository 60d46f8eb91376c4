"""Revisions that somebody else deploys, each behind a Service of the user's. See docs/design/0008-services.md."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from modelrollout.api.errors import TerminalError
from modelrollout.api.names import KIND
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.revisions import Revision
from modelrollout.engine.scale import Bounds
from modelrollout.engine.services import FIELD, crowd_problems, first_of, services_problems, serving_of
from modelrollout.kube.apply import Applier, Drift
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient
from modelrollout.kube.resources import CONTROLLER_REVISION, SERVICE, Object
from modelrollout.kube.views import meta_of
from modelrollout.workload import render


class ServicesWorkload:
    """One ControllerRevision per revision, as its record, and nothing else: no pod and no Service is made or written.

    There is no Service `<name>` either, for it could not select pods without our labels: clients use the Gateway.
    """

    def __init__(self, client: KubeClient, cache: Cache, applier: Applier) -> None:
        self._client = client
        self._cache = cache
        self._applier = applier

    async def ensure(self, rollout: ModelRollout, revision: Revision, replicas: int) -> tuple[Drift, ...]:
        """As in WorkloadProvider: the record alone."""
        name = revision.object_name(rollout.key.name)
        known = self._cache.revision(rollout.key.namespace, name)
        if known is not None and known.revision.input != revision.input:
            text = f"{CONTROLLER_REVISION.kind} {name} records another input of the same hash: change spec.model"
            raise TerminalError("HashCollision", text)
        if await self._applier.find(rollout, CONTROLLER_REVISION, name) is None:
            number = 1 + max((view.number for view in self._cache.revisions(rollout.key)), default=0)
            body = render.controller_revision(rollout, revision, number)
            await self._applier.create(rollout, CONTROLLER_REVISION, body)
        await self._applier.take(rollout, CONTROLLER_REVISION, name)
        return ()

    async def scale(self, rollout: ModelRollout, revision: str, replicas: int) -> tuple[Drift, ...]:
        """As in WorkloadProvider: pods are not ours to scale."""
        return ()

    async def autoscale(self, rollout: ModelRollout, revision: str, bounds: Bounds | None) -> tuple[Drift, ...]:
        """As in WorkloadProvider: nor is their autoscaler."""
        return ()

    async def serve(self, rollout: ModelRollout, revision: str) -> tuple[Drift, ...]:
        """As in WorkloadProvider: there is no Service `<name>`."""
        return ()

    async def preview(self, rollout: ModelRollout, revision: str | None) -> tuple[Drift, ...]:
        """As in WorkloadProvider: smoke tests use the candidate's own Service."""
        return ()

    async def stop(self, rollout: ModelRollout, deployment: str) -> None:
        """As in WorkloadProvider: nothing is ever adopted."""

    async def collect(self, rollout: ModelRollout, revision: str) -> None:
        """As in WorkloadProvider: the record alone."""
        await self._applier.delete(rollout, CONTROLLER_REVISION, f"{rollout.key.name}-{revision}")

    def observe(self, rollout: ModelRollout, revision: Revision) -> RevisionState:
        """As in WorkloadProvider. Replicas are 0, as nothing is asked for; what there is are endpoints."""
        namespace = rollout.key.namespace
        record = self._cache.revision(namespace, revision.object_name(rollout.key.name))
        service = revision.service or revision.object_name(rollout.key.name)
        return RevisionState(
            revision=revision,
            replicas=None if record is None else 0,
            ready_endpoints=self._cache.ready_endpoints(namespace, service),
            created_at=None if record is None else record.meta.created_at,
            left=record is not None and record.meta.left,
            behind=self._cache.behind(namespace, service),
        )

    def served(self, rollout: ModelRollout) -> str | None:
        """As in WorkloadProvider: there is no Service `<name>`."""
        return None

    def revisions(self, rollout: ModelRollout) -> tuple[Revision, ...]:
        """As in WorkloadProvider, with what plays stable before a candidate is: it needs no record to be known."""
        stored = self._stored(rollout)
        first = first_of(rollout.spec, rollout.raw_spec, rollout.status)
        return stored if first is None or first in stored else (first, *stored)

    def objections(self, rollout: ModelRollout, desired: Revision) -> tuple[str, ...]:
        """As in WorkloadProvider: what contradicts what serves, and two Services with the same pods."""
        stored = self.revisions(rollout)
        found = list(services_problems(rollout.spec, desired, stored, rollout.status))
        namespace, wanted = rollout.key.namespace, desired.service or ""
        found += crowd_problems(wanted, self._cache.behind(namespace, wanted))
        other = self._other(rollout, stored)
        shared = self._cache.ready_names(namespace, wanted) & self._cache.ready_names(namespace, other)
        if other != wanted and shared:
            found.append(
                f"{FIELD}.candidate: Services {other} and {wanted} both lead to pod {min(shared)}: let each select its"
                " own version's pods"
            )
        return tuple(found)

    async def problems(self, rollout: ModelRollout, revision: Revision) -> tuple[str, ...]:
        """As in WorkloadProvider. Only what requests may be sent to is asked for."""
        services = rollout.spec.workload.services
        wanted = [revision.service or ""]
        if services is not None and rollout.status.stable is None:
            wanted = sorted(services.names)
        return tuple([problem for name in wanted async for problem in self._service_problems(rollout, name)])

    async def _service_problems(self, rollout: ModelRollout, name: str) -> AsyncIterator[str]:
        live = await self._client.get(SERVICE, rollout.key.namespace, name)
        services = rollout.spec.workload.services
        field = f"{FIELD}.{'stable' if services is not None and services.stable == name else 'candidate'}"
        for problem in _problems(live, rollout, name):
            yield f"{field}: {problem}"

    def _stored(self, rollout: ModelRollout) -> tuple[Revision, ...]:
        views = self._cache.revisions(rollout.key)
        return tuple(view.revision for view in views if view.meta.belongs_to(rollout.key.name, rollout.uid))

    def _other(self, rollout: ModelRollout, stored: tuple[Revision, ...]) -> str:
        """The Service that serves, or is to."""
        serving, services = serving_of(stored, rollout.status), rollout.spec.workload.services
        if serving is not None and serving.service is not None:
            return serving.service
        return services.stable if services is not None else ""


def _problems(live: Object | None, rollout: ModelRollout, name: str) -> Iterator[str]:
    """What is wrong with a Service of the user's, as the API server has it."""
    if live is None:
        yield f'no Service "{name}" in namespace "{rollout.key.namespace}"; create it or name another'
        return
    controller = meta_of(live).controller
    if controller is not None and controller.kind == KIND:
        yield f'Service "{name}" belongs to ModelRollout {controller.name}; name one of yours'
    if live["spec"].get("type") == "ExternalName":
        yield f'Service "{name}" is an ExternalName, whose readiness nobody tells; name another'
        return
    ports: list[Any] = [entry["port"] for entry in live["spec"].get("ports") or ()]
    if rollout.spec.service.port not in ports:
        have = ", ".join(str(port) for port in ports) or "none"
        yield f'Service "{name}" has no port {rollout.spec.service.port}; set spec.service.port to one of: {have}'
