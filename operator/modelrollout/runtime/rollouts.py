"""All ModelRollouts as last seen, parsed once per change."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from modelrollout.api.resource import Key, ModelRollout, SpecError, deleted_at, parse
from modelrollout.api.spec import DeletionPolicy
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.neighbours import Neighbour, neighbour_of, reached
from modelrollout.kube.resources import GATEWAY, HTTP_ROUTE, MODEL_ROLLOUT, SERVICE, Resource
from modelrollout.runtime.logs import logger

_Object = tuple[Resource, str, str]
"""Kind, namespace and name."""
AT_HAND: Final = 1024
"""How many are kept as they were read, with 40 kB each: those that were looked at last."""


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


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is at hand of each.

    Attributes:
        wishes: digest of what only users change.
        refers: objects that are not its own, and that it depends on.
        moves: whether it is between two versions.
        standing: what others see of it.
        text: all that is read of it, as JSON.
    """

    uid: str
    resource_version: str
    wishes: bytes
    refers: frozenset[_Object]
    moves: bool
    standing: Neighbour
    text: str


class Rollouts:
    """What the watch and our own writes showed; the newest counts.

    Most of very many do nothing for weeks. They are kept as text, which is a tenth of the size, and read again when
    somebody looks at them.
    """

    def __init__(self, wake: Callable[[Key], None] | None = None) -> None:
        """Begin with none.

        Args:
            wake: called with those that look at a rollout of which others see something new.
        """
        self._wake = wake
        self._kept: dict[Key, _Kept] = {}
        self._at_hand: OrderedDict[Key, ModelRollout | Unreadable] = OrderedDict()
        self._by_object: dict[_Object, set[Key]] = {}

    def get(self, key: Key) -> ModelRollout | Unreadable | None:
        """The newest that is known."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        found = self._at_hand.get(key)
        return self._hold(key, _parsed(json.loads(kept.text)) if found is None else found)

    def known(self) -> tuple[Key, ...]:
        """All of them."""
        return tuple(self._kept)

    def version(self, key: Key) -> int | None:
        """The resourceVersion that is known."""
        kept = self._kept.get(key)
        return None if kept is None else int(kept.resource_version)

    def moves(self, key: Key) -> bool:
        """Whether it is between two versions."""
        kept = self._kept.get(key)
        return kept is not None and kept.moves

    def standing(self, key: Key) -> Neighbour | None:
        """What others see of it; None where there is no such rollout."""
        kept = self._kept.get(key)
        return None if kept is None else kept.standing

    def of_service(self, namespace: str, service: str) -> frozenset[Key]:
        """Those whose traffic goes to a Service that is not theirs."""
        return frozenset(self._by_object.get((SERVICE, namespace, service), ()))

    def of_route(self, namespace: str, route: str) -> frozenset[Key]:
        """Those that have a rule of an HTTPRoute that is not theirs."""
        return frozenset(self._by_object.get((HTTP_ROUTE, namespace, route), ()))

    def of_gateway(self, namespace: str, gateway: str) -> frozenset[Key]:
        """Those whose own route attaches to a Gateway."""
        return frozenset(self._by_object.get((GATEWAY, namespace, gateway), ()))

    def foreign_routes(self) -> tuple[tuple[str, str], ...]:
        """Namespaces and names of HTTPRoutes that are not theirs, and of which they have a rule."""
        return tuple((namespace, name) for kind, namespace, name in self._by_object if kind == HTTP_ROUTE)

    def put(self, raw: Mapping[str, Any]) -> Key | None:
        """Take in an object; its key if a user changed it, None if it is only our own status coming back."""
        metadata = raw["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        old = self._kept.get(key)
        # A list of all that there are must not keep the event loop from all else, such as renewing the Lease, for as
        # long as parsing all of them takes.
        if old is not None and (old.uid, old.resource_version) == (metadata["uid"], metadata["resourceVersion"]):
            return None
        try:
            new = _parsed(raw)
        except ValidationError as error:
            # Status is our memory: without it nothing can be decided, and writing one would lose what it tells.
            logger().error("left alone: its status cannot be read", rollout=str(key), error=str(error))
            self.remove(key)
            return None
        if old is not None and old.uid == new.uid and int(new.resource_version) < int(old.resource_version):
            return None
        kept = self._keep(new, raw)
        return None if old is not None and old.wishes == kept.wishes else key

    def remove(self, key: Key) -> ModelRollout | Unreadable | None:
        """Forget one that is gone."""
        gone = self.get(key)
        kept = self._kept.pop(key, None)
        self._at_hand.pop(key, None)
        self._refer(key, frozenset() if kept is None else kept.refers, frozenset())
        if kept is not None:
            self._tell(key)
        return gone

    def wrote(self, key: Key, status: ModelRolloutStatus, resource_version: str) -> None:
        """Take in a status that was just written, before the watch shows it."""
        kept, known = self._kept.get(key), self.get(key)
        # The watch may have shown what came after our write before its answer got here.
        if kept is None or known is None or int(known.resource_version) >= int(resource_version):
            return
        raw = json.loads(kept.text)
        raw["metadata"]["resourceVersion"] = resource_version
        self._keep(replace(known, status=status, resource_version=resource_version), raw | {"status": status.dump()})

    def _keep(self, new: ModelRollout | Unreadable, raw: Mapping[str, Any]) -> _Kept:
        metadata = {name: value for name, value in raw["metadata"].items() if name != "managedFields"}
        text = json.dumps({"metadata": metadata, "spec": raw.get("spec", {}), "status": raw.get("status", {})})
        moves = new.status.attempt is not None
        standing = neighbour_of(new.key.name, new.status, new.spec if isinstance(new, ModelRollout) else None)
        kept = _Kept(new.uid, new.resource_version, _wishes(new), _refers(new), moves, standing, text)
        old = self._kept.get(new.key)
        self._refer(new.key, frozenset() if old is None else old.refers, kept.refers)
        self._kept[new.key] = kept
        self._hold(new.key, new)
        if old is None or old.standing != standing:
            self._tell(new.key)
        return kept

    def _tell(self, key: Key) -> None:
        """Wake those that look at it."""
        if self._wake is not None:
            for other in tuple(self._by_object.get((MODEL_ROLLOUT, key.namespace, key.name), ())):
                self._wake(other)

    def _hold(self, key: Key, found: ModelRollout | Unreadable) -> ModelRollout | Unreadable:
        self._at_hand[key] = found
        self._at_hand.move_to_end(key)
        if len(self._at_hand) > AT_HAND:
            self._at_hand.popitem(last=False)
        return found

    def _refer(self, key: Key, before: frozenset[_Object], now: frozenset[_Object]) -> None:
        """Keep the index of objects that are not theirs true."""
        for named in before - now:
            keys = self._by_object.get(named, set())
            keys.discard(key)
            if not keys:
                self._by_object.pop(named, None)
        for named in now - before:
            self._by_object.setdefault(named, set()).add(key)


def _refers(rollout: ModelRollout | Unreadable) -> frozenset[_Object]:
    if not isinstance(rollout, ModelRollout):
        return frozenset()
    namespace, api = rollout.key.namespace, rollout.spec.traffic.gateway_api
    kept = rollout.status.fallback
    names = rollout.spec.foreign_services | ({kept.service.name} if kept and kept.service else set())
    names |= {entry.service for entry in rollout.status.services}
    found: set[_Object] = {(SERVICE, namespace, name) for name in names}
    found |= {(GATEWAY, parent.namespace or namespace, parent.name) for parent in api.parents}
    found |= {(MODEL_ROLLOUT, namespace, name) for name in reached(rollout.spec)}
    if api.http_route_ref is not None:
        found.add((HTTP_ROUTE, namespace, api.http_route_ref.name))
    return frozenset(found)


def _wishes(rollout: ModelRollout | Unreadable) -> bytes:
    annotations = () if isinstance(rollout, Unreadable) else sorted(rollout.annotations.items())
    return hashlib.sha256(repr((rollout.uid, rollout.generation, rollout.deleting, annotations)).encode()).digest()


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
