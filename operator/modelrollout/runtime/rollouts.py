"""All ModelRollouts as last seen, parsed once per change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from modelrollout.api.resource import Key, ModelRollout, SpecError, deleted_at, parse
from modelrollout.api.spec import DeletionPolicy
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.kube.resources import HTTP_ROUTE, SERVICE, Resource
from modelrollout.runtime.logs import logger

_Object = tuple[Resource, str, str]
"""Kind, namespace and name."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A ModelRollout whose spec this operator cannot read. Nothing of it is touched.

    Attributes:
        orphans: whether its spec says, as far as it can be read, that what serves stays when it is deleted.
    """

    key: Key
    uid: str
    resource_version: str
    generation: int
    status: ModelRolloutStatus
    problems: tuple[str, ...]
    finalizers: tuple[str, ...] = ()
    orphans: bool = False
    deleted_at: datetime | None = None

    @property
    def deleting(self) -> bool:
        """Whether its deletion was asked for."""
        return self.deleted_at is not None


class Rollouts:
    """What the watch and our own writes showed; the newest counts."""

    def __init__(self) -> None:
        self._known: dict[Key, ModelRollout | Unreadable] = {}
        self._by_object: dict[_Object, set[Key]] = {}

    def get(self, key: Key) -> ModelRollout | Unreadable | None:
        """The newest that is known."""
        return self._known.get(key)

    def known(self) -> tuple[Key, ...]:
        """All of them."""
        return tuple(self._known)

    def of_service(self, namespace: str, service: str) -> frozenset[Key]:
        """Those whose traffic goes to a Service that is not theirs."""
        return frozenset(self._by_object.get((SERVICE, namespace, service), ()))

    def of_route(self, namespace: str, route: str) -> frozenset[Key]:
        """Those that have a rule of an HTTPRoute that is not theirs."""
        return frozenset(self._by_object.get((HTTP_ROUTE, namespace, route), ()))

    def put(self, raw: Mapping[str, Any]) -> Key | None:
        """Take in an object; its key if a user changed it, None if it is only our own status coming back."""
        if self._has(raw["metadata"]):
            return None
        try:
            new = _parsed(raw)
        except ValidationError as error:
            # Status is our memory: without it nothing can be decided, and writing one would lose what it tells.
            metadata = raw["metadata"]
            key = Key(metadata["namespace"], metadata["name"])
            logger().error("left alone: its status cannot be read", rollout=str(key), error=str(error))
            self.remove(key)
            return None
        old = self._known.get(new.key)
        if old is not None and old.uid == new.uid and int(new.resource_version) < int(old.resource_version):
            return None
        self._refer(old, new)
        self._known[new.key] = new
        return None if old is not None and _wishes(old) == _wishes(new) else new.key

    def _has(self, metadata: Mapping[str, Any]) -> bool:
        """Whether it is known at this very version.

        A list of all that there are must not keep the event loop from all else, such as renewing the Lease, for as
        long as parsing all of them takes.
        """
        known = self._known.get(Key(metadata["namespace"], metadata["name"]))
        return known is not None and (known.uid, known.resource_version) == (
            metadata["uid"],
            metadata["resourceVersion"],
        )

    def remove(self, key: Key) -> ModelRollout | Unreadable | None:
        """Forget one that is gone."""
        self._refer(self._known.get(key), None)
        return self._known.pop(key, None)

    def wrote(self, key: Key, status: ModelRolloutStatus, resource_version: str) -> None:
        """Take in a status that was just written, before the watch shows it."""
        known = self._known.get(key)
        # The watch may have shown what came after our write before its answer got here.
        if known is not None and int(known.resource_version) < int(resource_version):
            new = replace(known, status=status, resource_version=resource_version)
            self._refer(known, new)
            self._known[key] = new

    def _refer(self, old: ModelRollout | Unreadable | None, new: ModelRollout | Unreadable | None) -> None:
        """Keep the index of objects that are not theirs true."""
        before, now = _foreign(old), _foreign(new)
        if before == now:
            return
        for named, key in before:
            keys = self._by_object.get(named, set())
            keys.discard(key)
            if not keys:
                self._by_object.pop(named, None)
        for named, key in now:
            self._by_object.setdefault(named, set()).add(key)


def _foreign(rollout: ModelRollout | Unreadable | None) -> frozenset[tuple[_Object, Key]]:
    if not isinstance(rollout, ModelRollout):
        return frozenset()
    kept = rollout.status.fallback
    names = rollout.spec.foreign_services | ({kept.service.name} if kept and kept.service else set())
    names |= {entry.service for entry in rollout.status.services}
    found: set[_Object] = {(SERVICE, rollout.key.namespace, name) for name in names}
    ref = rollout.spec.traffic.gateway_api.http_route_ref
    if ref is not None:
        found.add((HTTP_ROUTE, rollout.key.namespace, ref.name))
    return frozenset((named, rollout.key) for named in found)


def _wishes(rollout: ModelRollout | Unreadable) -> tuple[object, ...]:
    """What only users change."""
    if isinstance(rollout, Unreadable):
        return rollout.uid, rollout.generation, rollout.deleting
    return rollout.uid, rollout.generation, rollout.deleting, tuple(sorted(rollout.annotations.items()))


def _parsed(raw: Mapping[str, Any]) -> ModelRollout | Unreadable:
    try:
        return parse(raw)
    except SpecError as error:
        metadata = raw["metadata"]
        return Unreadable(
            key=Key(metadata["namespace"], metadata["name"]),
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            generation=metadata.get("generation", 0),
            status=ModelRolloutStatus.model_validate(raw.get("status", {})),
            problems=error.problems,
            finalizers=tuple(metadata.get("finalizers", ())),
            orphans=raw.get("spec", {}).get("deletionPolicy") == DeletionPolicy.ORPHAN,
            deleted_at=deleted_at(raw),
        )
