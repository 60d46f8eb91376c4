"""Writes of owned objects: only when something differs, and never to an object that is not ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from modelrollout.api.names import (
    ANNOTATION_APPLIED,
    ANNOTATION_LEFT_BY,
    API_VERSION,
    KIND,
    LABEL_MANAGED_BY,
    LABEL_NAME,
    LABEL_REVISION,
    MANAGED_BY,
)
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.engine.revisions import canonical, short_hash
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.errors import ConflictError, NameTakenError, RefusedError
from modelrollout.kube.ownership import lost_fields
from modelrollout.kube.resources import Object, Resource
from modelrollout.kube.views import Meta, meta_of


@dataclass(frozen=True, slots=True)
class Drift:
    """What somebody else did to an object of ours.

    Attributes:
        fields: paths that were changed or removed; empty when the object itself was deleted.
        by: field managers that own something in its spec and so may have done it.
    """

    kind: str
    name: str
    fields: tuple[str, ...]
    by: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """In words, for an event."""
        what = f"{', '.join(self.fields)} changed" if self.fields else "deleted"
        return f"{self.kind} {self.name}: {what}" + (f" by {', '.join(self.by)}" if self.by else "")


def owned(
    rollout: ModelRollout,
    resource: Resource,
    name: str,
    content: Mapping[str, object],
    *,
    revision: str | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Object:
    """An object as the operator writes it: labelled, controlled by its ModelRollout, with the hash of all that.

    Args:
        content: `spec` or `data`.
        revision: hash for the label, on objects of one revision.
        annotations: what may change without a need to write: it is left out of the hash.
    """
    labels = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_NAME: rollout.key.name}
    if revision is not None:
        labels[LABEL_REVISION] = revision
    metadata: Object = {
        "name": name,
        "namespace": rollout.key.namespace,
        "labels": labels,
        "ownerReferences": [owner_reference(rollout)],
    }
    body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **content}
    metadata["annotations"] = {ANNOTATION_APPLIED: short_hash(canonical(body)), **(annotations or {})}
    return body


def owner_reference(rollout: ModelRollout) -> Object:
    """The ModelRollout as the owner of what is made for it."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": rollout.key.name,
        "uid": rollout.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def applied_hash(body: Object) -> str:
    """The hash that `owned` put into an object."""
    return str(body["metadata"]["annotations"][ANNOTATION_APPLIED])


def with_metadata(body: Object, **fields: str) -> Object:
    """The object with preconditions, such as its uid."""
    return body | {"metadata": body["metadata"] | fields}


def drift_of(meta: Meta, body: Object) -> Drift | None:
    """Fields of an object of ours that somebody else changed since it was applied.

    Only where the desired object is the one that was applied last: a field that is new in it was nobody's to change.
    """
    if meta.applied_hash != applied_hash(body):
        return None
    fields = lost_fields(body, meta.managed)
    return Drift(body["kind"], meta.name, fields, meta.others) if fields else None


class Applier:
    """Server-side apply of owned objects."""

    def __init__(self, client: KubeClient, cache: Cache) -> None:
        self._client = client
        self._cache = cache
        self._seen: dict[Key, set[tuple[Resource, str]]] = {}

    async def write(
        self, rollout: ModelRollout, resource: Resource, body: Object, *, seen_version: str | None = None
    ) -> Drift | None:
        """Make an object so; nothing is sent when it is so already.

        Args:
            body: from `owned`.
            seen_version: the resourceVersion that the body rests on: an object that has changed since is not written.

        Returns:
            what somebody else had changed, now restored.

        Raises:
            NameTakenError: an object of that name exists that this ModelRollout does not control.
            ModelRolloutError: as KubeClient does.
        """
        name = body["metadata"]["name"]
        known = await self.find(rollout, resource, name)
        if known is None:
            deleted = self.deleted(rollout.key, resource, name)
            await self.create(rollout, resource, body)
            return deleted
        self.remember(rollout.key, resource, name)
        drift = drift_of(known, body)
        guard = {"uid": known.uid} | ({"resourceVersion": seen_version} if seen_version is not None else {})
        if drift is not None:
            await self._restore(resource, with_metadata(body, uid=known.uid))
        elif known.applied_hash != applied_hash(body):
            await self.apply(resource, with_metadata(body, **guard))
        return drift

    async def find(self, rollout: ModelRollout, resource: Resource, name: str) -> Meta | None:
        """The object if it exists and is ours, or was left to us: from the cache, and live where the cache has none.

        A foreign object lacks our labels, so the watches do not show it.

        Raises:
            NameTakenError: it exists and is not ours.
            ConflictError: it belongs to a deleted ModelRollout of the same name and is about to be collected.
        """
        meta = self._cache.meta(resource, rollout.key.namespace, name)
        if meta is None:
            live = await self._client.get(resource, rollout.key.namespace, name)
            if live is None:
                return None
            meta = meta_of(live)
        if not meta.belongs_to(rollout.key.name, rollout.uid):
            raise _not_ours(rollout, resource, meta)
        return meta

    async def apply(self, resource: Resource, body: Object) -> Object:
        """Apply over an existing object of ours; the cache knows at once."""
        applied = await self._client.apply(resource, body, force=True)
        self._cache.apply_event(resource, None, applied.object)
        return applied.object

    async def take(self, rollout: ModelRollout, resource: Resource, name: str) -> None:
        """Own an object that an earlier ModelRollout of this name has left, and that is only ever read."""
        meta = self._cache.meta(resource, rollout.key.namespace, name)
        if meta is None or not meta.left:
            return
        metadata: Object = {
            "uid": meta.uid,
            "ownerReferences": [owner_reference(rollout)],
            "annotations": {ANNOTATION_LEFT_BY: None},
        }
        taken = await self._client.patch(resource, rollout.key.namespace, name, {"metadata": metadata}, PatchType.MERGE)
        self._cache.apply_event(resource, None, taken)

    async def create(self, rollout: ModelRollout, resource: Resource, body: Object) -> Object:
        """First write of an object that was not there a moment ago.

        Raises:
            ConflictError: somebody else made one of that name in this moment; what we added to it is taken back.
        """
        applied = await self._client.apply(resource, body, force=False)
        name = body["metadata"]["name"]
        if not applied.created and meta_of(applied.object).others:
            # An apply cannot be told to create only. The answer tells what it did, and applying nothing undoes it.
            bare = {part: body["metadata"][part] for part in ("name", "namespace")}
            empty = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": bare}
            await self._client.apply(resource, empty, force=True)
            raise ConflictError("Conflict", f"{resource.kind} {name} appeared while it was being made; looking again")
        self._cache.apply_event(resource, None, applied.object)
        self.remember(rollout.key, resource, name)
        return applied.object

    async def delete(self, rollout: ModelRollout, resource: Resource, name: str) -> None:
        """Delete an object of ours; what is gone, or not ours, is left as it is."""
        try:
            known = await self.find(rollout, resource, name)
        except NameTakenError:
            return
        self._seen.get(rollout.key, set()).discard((resource, name))
        if known is not None:
            await self._client.delete(resource, rollout.key.namespace, name, uid=known.uid)
            metadata = {"namespace": rollout.key.namespace, "name": name, "uid": known.uid}
            self._cache.apply_event(resource, "DELETED", {"metadata": metadata})

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a ModelRollout that is gone."""
        self._seen.pop(key, None)

    async def _restore(self, resource: Resource, body: Object) -> None:
        try:
            await self.apply(resource, body)
        except RefusedError as error:
            structlog.get_logger(__name__).info("refused as it stands; replacing its lists", error=error.message)
            # Entries that somebody put into a list with keys stand beside ours, and may contradict them: a port of the
            # same name. A merge patch replaces lists whole; the apply then makes all fields ours again.
            metadata = body["metadata"]
            content = {key: value for key, value in body.items() if key not in {"apiVersion", "kind", "metadata"}}
            patch = {"metadata": {"uid": metadata["uid"]}, **content}
            await self._client.patch(resource, metadata["namespace"], metadata["name"], patch, PatchType.MERGE)
            await self.apply(resource, body)

    def remember(self, key: Key, resource: Resource, name: str) -> None:
        """An object of ours is there: so one that vanishes is told from one that was never made."""
        self._seen.setdefault(key, set()).add((resource, name))

    def deleted(self, key: Key, resource: Resource, name: str) -> Drift | None:
        """What to say of an object of ours that is not there: None if this process has never seen it."""
        return Drift(resource.kind, name, ()) if (resource, name) in self._seen.get(key, ()) else None


def _not_ours(rollout: ModelRollout, resource: Resource, meta: Meta) -> NameTakenError | ConflictError:
    what = f"{resource.kind} {meta.namespace}/{meta.name}"
    if meta.controller is not None and meta.controller.is_earlier(rollout.key.name, rollout.uid):
        return ConflictError(
            "Conflict", f"{what} still belongs to a deleted ModelRollout of this name; waiting for it to go"
        )
    owner = f"{meta.controller.kind} {meta.controller.name}" if meta.controller else "nobody"
    return NameTakenError(
        "NameTaken",
        f"{what} exists and is controlled by {owner}, not by this ModelRollout: it is left as it is."
        f" Delete or rename it, or give the ModelRollout another name (metadata.name)",
    )
