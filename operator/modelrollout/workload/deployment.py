"""Revisions as Deployments."""

from __future__ import annotations

import json
from typing import Any

from modelrollout.api.errors import TakenName, TerminalError
from modelrollout.api.names import preview_name
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.revisions import FALLBACK, Revision, object_name
from modelrollout.engine.scale import Bounds
from modelrollout.kube.apply import Applier, Drift
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.errors import ConflictError, NameTakenError
from modelrollout.kube.resources import AUTOSCALER, CONTROLLER_REVISION, DEPLOYMENT, SERVICE, Object, Resource
from modelrollout.kube.views import ControllerRevisionView, controller_revision_view
from modelrollout.workload import pods, render
from modelrollout.workload.adopt import adoption_problems, stop_adopted
from modelrollout.workload.dry_run import DryRun
from modelrollout.workload.stand_in import service_of_stand_in
from modelrollout.workload.template import template_problems


class DeploymentWorkload:
    """One ControllerRevision, Deployment and Service per revision, and Service `<name>`.

    Scaling is the same server-side apply as making: with the stored template nothing but `replicas` differs, so no pod
    is rolled, one manager goes on owning every field, and a change by hand to any of them shows.
    """

    def __init__(self, client: KubeClient, cache: Cache, applier: Applier) -> None:
        self._client = client
        self._cache = cache
        self._applier = applier
        self._dry_run = DryRun(client)

    async def ensure(self, rollout: ModelRollout, revision: Revision, replicas: int) -> tuple[Drift, ...]:
        """As in WorkloadProvider. The record comes first: what exists can always be explained and collected."""
        stored = await self._stored(rollout, revision.hash) or await self._store(rollout, revision)
        if stored.revision.input != revision.input:
            raise TerminalError(
                "HashCollision",
                f"{CONTROLLER_REVISION.kind} {stored.meta.name} records another input of the same hash:"
                " change anything in spec.workload.deployment.template, such as an annotation",
            )
        await self._applier.take(rollout, CONTROLLER_REVISION, stored.meta.name)
        return (
            *await self._write_deployment(rollout, stored, replicas),
            *await self._write(rollout, SERVICE, render.revision_service(rollout, stored.revision)),
        )

    async def scale(self, rollout: ModelRollout, revision: str, replicas: int) -> tuple[Drift, ...]:
        """As in WorkloadProvider."""
        if not replicas:
            await self.autoscale(rollout, revision, None)
        stored = await self._stored(rollout, revision)
        if stored is None:
            await self._scale_without_record(rollout, object_name(rollout.key.name, revision), replicas)
            return ()
        return await self._write_deployment(rollout, stored, replicas)

    async def autoscale(self, rollout: ModelRollout, revision: str, bounds: Bounds | None) -> tuple[Drift, ...]:
        """As in WorkloadProvider."""
        if bounds is not None:
            return await self._write(rollout, AUTOSCALER, render.autoscaler(rollout, revision, bounds))
        name = object_name(rollout.key.name, revision)
        if self._cache.meta(AUTOSCALER, rollout.key.namespace, name) is not None:
            await self._applier.delete(rollout, AUTOSCALER, name)
        return ()

    async def serve(self, rollout: ModelRollout, revision: str) -> tuple[Drift, ...]:
        """As in WorkloadProvider."""
        if revision == FALLBACK:
            body = await service_of_stand_in(self._client, rollout)
            return () if body is None else await self._write(rollout, SERVICE, body)
        stored = await self._stored(rollout, revision)
        if stored is None:
            name = object_name(rollout.key.name, revision)
            raise ConflictError("Conflict", f"ControllerRevision {name}, which tells the Service's port, is missing")
        return await self._write(rollout, SERVICE, render.stable_service(rollout, stored.revision))

    async def preview(self, rollout: ModelRollout, revision: str | None) -> tuple[Drift, ...]:
        """As in WorkloadProvider."""
        name = preview_name(rollout.key.name)
        if revision is None:
            if self._cache.service(rollout.key.namespace, name) is not None:
                await self._applier.delete(rollout, SERVICE, name)
            return ()
        stored = await self._stored(rollout, revision)
        if stored is None:
            raise ConflictError("Conflict", f"ControllerRevision {object_name(rollout.key.name, revision)} is missing")
        return await self._write(rollout, SERVICE, render.preview_service(rollout, stored.revision))

    async def stop(self, rollout: ModelRollout, deployment: str) -> None:
        """As in WorkloadProvider."""
        await stop_adopted(self._client, rollout, deployment)

    async def collect(self, rollout: ModelRollout, revision: str) -> None:
        """As in WorkloadProvider. The record goes last, so that an interrupted collection is taken up again."""
        await self.autoscale(rollout, revision, None)
        name = object_name(rollout.key.name, revision)
        for resource in (DEPLOYMENT, SERVICE, CONTROLLER_REVISION):
            await self._applier.delete(rollout, resource, name)

    def observe(self, rollout: ModelRollout, revision: Revision) -> RevisionState:
        """As in WorkloadProvider."""
        name = revision.object_name(rollout.key.name)
        deployment = self._cache.deployment(rollout.key.namespace, name)
        own_pods = self._cache.pods(rollout.key, revision.hash)
        record = self._cache.revision(rollout.key.namespace, name)
        return RevisionState(
            revision=revision,
            replicas=deployment.replicas if deployment else None,
            ready_endpoints=self._cache.ready_endpoints(rollout.key.namespace, name),
            crashing=pods.crashing(own_pods),
            created_at=deployment.meta.created_at if deployment else None,
            waiting=pods.waiting(own_pods),
            left=record is not None and record.meta.left,
        )

    def served(self, rollout: ModelRollout) -> str | None:
        """As in WorkloadProvider."""
        service = self._cache.service(rollout.key.namespace, rollout.key.name)
        return None if service is None else service.revision

    def revisions(self, rollout: ModelRollout) -> tuple[Revision, ...]:
        """As in WorkloadProvider."""
        views = self._cache.revisions(rollout.key)
        return tuple(view.revision for view in views if view.meta.belongs_to(rollout.key.name, rollout.uid))

    def objections(self, rollout: ModelRollout, desired: Revision) -> tuple[str, ...]:
        """As in WorkloadProvider: the caches tell nothing of what is still to be made."""
        return ()

    async def problems(self, rollout: ModelRollout, revision: Revision) -> tuple[str, ...]:
        """As in WorkloadProvider. The API server is asked only about what it has not accepted yet."""
        found = [*template_problems(revision), *await adoption_problems(self._client, rollout)]
        name = revision.object_name(rollout.key.name)
        scaler = rollout.spec.workload.autoscaling
        wanted = [(CONTROLLER_REVISION, name), (DEPLOYMENT, name), (SERVICE, name), (SERVICE, rollout.key.name)]
        wanted += [(AUTOSCALER, name)] if scaler is not None else []
        if any(stage.preview is not None for stage in rollout.spec.stages):
            wanted.append((SERVICE, preview_name(rollout.key.name)))
        missing: set[tuple[Resource, str]] = set()
        for resource, object_name_ in wanted:
            try:
                if await self._applier.find(rollout, resource, object_name_) is None:
                    missing.add((resource, object_name_))
            except NameTakenError as error:
                found.append(TakenName(error.message))
        if (DEPLOYMENT, name) in missing:
            template = render.pod_template(rollout, revision)
            replicas = rollout.spec.workload.replicas
            body = render.deployment(rollout, revision, template, replicas)
            found += await self._dry_run.problems(DEPLOYMENT, body)
        if (SERVICE, name) in missing:
            found += await self._dry_run.problems(SERVICE, render.revision_service(rollout, revision))
        if scaler is not None:
            # Also of one that exists: unlike a template, its spec may be edited.
            body = render.autoscaler(rollout, revision.hash, Bounds(scaler.min_replicas, scaler.max_replicas))
            found += await self._dry_run.problems(AUTOSCALER, body)
        return tuple(found)

    async def _write(
        self, rollout: ModelRollout, resource: Resource, body: Object, seen_version: str | None = None
    ) -> tuple[Drift, ...]:
        drift = await self._applier.write(rollout, resource, body, seen_version=seen_version)
        return () if drift is None else (drift,)

    async def _write_deployment(
        self, rollout: ModelRollout, stored: ControllerRevisionView, replicas: int
    ) -> tuple[Drift, ...]:
        """With replicas, unless its autoscaler has set them: then they are left out, and so stay what they are.

        Where load decides, a number of ours rests on the one that was seen: it must not undo what came after.
        """
        namespace, name = rollout.key.namespace, object_name(rollout.key.name, stored.revision.hash)
        known = self._cache.deployment(namespace, name)
        autoscaler = self._cache.meta(AUTOSCALER, namespace, name)
        ours = autoscaler is not None and autoscaler.is_controlled_by(rollout.uid)
        if replicas and ours and known is not None and known.scaled_by_others:
            return await self._write(rollout, DEPLOYMENT, _deployment(rollout, stored, None))
        loaded = replicas and known is not None and rollout.spec.workload.autoscaling is not None
        version = known.meta.resource_version if known is not None and loaded else None
        return await self._write(rollout, DEPLOYMENT, _deployment(rollout, stored, replicas), version)

    async def _store(self, rollout: ModelRollout, revision: Revision) -> ControllerRevisionView:
        number = 1 + max((view.number for view in self._cache.revisions(rollout.key)), default=0)
        body = render.controller_revision(rollout, revision, number)
        return controller_revision_view(await self._applier.create(rollout, CONTROLLER_REVISION, body))

    async def _stored(self, rollout: ModelRollout, revision: str) -> ControllerRevisionView | None:
        """The record of a revision: live where the cache has none yet. Once made, it is only ever read."""
        name = object_name(rollout.key.name, revision)
        if await self._applier.find(rollout, CONTROLLER_REVISION, name) is None:
            return None
        cached = self._cache.revision(rollout.key.namespace, name)
        if cached is not None:
            return cached
        live = await self._client.get(CONTROLLER_REVISION, rollout.key.namespace, name)
        return None if live is None else controller_revision_view(live)

    async def _scale_without_record(self, rollout: ModelRollout, name: str, replicas: int) -> None:
        """Somebody deleted the record of a revision that may still have pods: these can be scaled, not rendered."""
        known = await self._applier.find(rollout, DEPLOYMENT, name)
        cached = self._cache.deployment(rollout.key.namespace, name)
        if known is None or (cached is not None and cached.replicas == replicas):
            return
        body = {"metadata": {"uid": known.uid}, "spec": {"replicas": replicas}}
        await self._client.patch(DEPLOYMENT, rollout.key.namespace, name, body, PatchType.MERGE)


def _deployment(rollout: ModelRollout, stored: ControllerRevisionView, replicas: int | None) -> Object:
    template: dict[str, Any] = json.loads(stored.template)
    return render.deployment(rollout, stored.revision, template, replicas)
