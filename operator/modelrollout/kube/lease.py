"""The Lease that operators agree by, as an object: read, made, taken, renewed, released."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.election import Record
from modelrollout.kube.resources import LEASE, Object


@dataclass(frozen=True, slots=True)
class LeaseStore:
    """One Lease of `coordination.k8s.io/v1`.

    Every write names the version that it rests on: of two that write at once, one gets a ConflictError. All methods
    raise as `KubeClient` does.

    Attributes:
        me: how this process calls itself in it.
        duration: seconds that others are asked to wait.
        now: wall clock, for people who look at the Lease.
    """

    client: KubeClient
    namespace: str
    name: str
    me: str
    duration: float
    now: Callable[[], datetime]

    async def read(self) -> Record | None:
        """The Lease, live, or None."""
        found = await self.client.get(LEASE, self.namespace, self.name)
        return None if found is None else record_of(found)

    async def create(self) -> Record:
        """Make it, ours; ConflictError if there is one."""
        body: Object = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": self._held(0) | {"acquireTime": _micro(self.now())},
        }
        return record_of(await self.client.create(LEASE, body))

    async def take(self, known: Record) -> Record:
        """Make it ours, as a term of its own; ConflictError if it changed, NotFoundError if it is gone."""
        term = known.transitions + (known.holder != self.me)
        return await self._patch(known, self._held(term) | {"acquireTime": _micro(self.now())})

    async def renew(self, known: Record) -> Record:
        """Go on holding it; ConflictError if it changed, NotFoundError if it is gone."""
        return await self._patch(known, self._held(known.transitions))

    async def release(self, known: Record) -> None:
        """Leave it to whoever comes first; ConflictError if it changed, NotFoundError if it is gone."""
        await self._patch(known, {"holderIdentity": None, "renewTime": _micro(self.now())})

    def _held(self, transitions: int) -> Object:
        return {
            "holderIdentity": self.me,
            "leaseDurationSeconds": math.ceil(self.duration),
            "renewTime": _micro(self.now()),
            "leaseTransitions": transitions,
        }

    async def _patch(self, known: Record, spec: Object) -> Record:
        body = {"metadata": {"resourceVersion": known.resource_version}, "spec": spec}
        return record_of(await self.client.patch(LEASE, self.namespace, self.name, body, PatchType.MERGE))


def record_of(raw: Mapping[str, Any]) -> Record:
    """Project a Lease."""
    spec = raw.get("spec") or {}
    return Record(
        holder=spec.get("holderIdentity") or "",
        renewed=spec.get("renewTime") or "",
        duration=float(spec.get("leaseDurationSeconds") or 0),
        transitions=int(spec.get("leaseTransitions") or 0),
        resource_version=raw["metadata"]["resourceVersion"],
    )


def _micro(moment: datetime) -> str:
    """RFC 3339 with microseconds in UTC, as MicroTime demands."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
