"""One rule of an HTTPRoute that somebody else owns: how it stands, and what it has to become. Pure.

At rest it names Service `<name>`, as its owner wrote it: whoever applies it again gives stable all requests. While
traffic moves it names Services of revisions. A rule that names anything else is its owner's decision, and stays so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from modelrollout.engine.revisions import object_name
from modelrollout.engine.split import FULL, Split
from modelrollout.kube.resources import Object
from modelrollout.kube.route import RouteView

REVISION_SERVICE: Final = re.compile(r"-r[a-z2-7]{9}$")
_IDENTITY: Final = frozenset({"name", "namespace", "port", "weight"})


class Standing(Enum):
    """What a rule's backendRefs are."""

    REST = auto()
    MOVED = auto()
    FOREIGN = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the API server has it.

    Attributes:
        index: position in the route.
        backends, filters: as in HTTPRoute; None where the rule has none.
    """

    index: int
    name: str
    backends: Sequence[Object] | None
    filters: Sequence[Object] | None


@dataclass(frozen=True, slots=True)
class Names:
    """Whose Services are whose.

    Attributes:
        rollout: the ModelRollout's name, which is that of the Service that follows the stable revision.
        port: of that Service.
        is_revision: whether a Service is that of a revision of the ModelRollout.
    """

    rollout: str
    port: int
    is_revision: Callable[[str], bool]


def rules_of(view: RouteView) -> tuple[Rule, ...]:
    """All rules of a route."""
    rules = json.loads(view.spec).get("rules") or ()
    return tuple(
        Rule(index, rule.get("name", ""), rule.get("backendRefs"), rule.get("filters"))
        for index, rule in enumerate(rules)
    )


def looks_like_revision(service: str, rollout: str) -> bool:
    """Whether a Service is named as one of a revision."""
    return service.startswith(f"{rollout}-r") and REVISION_SERVICE.fullmatch(service.removeprefix(rollout)) is not None


def standing(rule: Rule, names: Names) -> Standing:
    """How a rule stands."""
    backends = rule.backends or ()
    if not backends or not all(_is_plain(backend) for backend in backends):
        return Standing.FOREIGN
    if all(names.is_revision(backend["name"]) for backend in backends):
        return Standing.MOVED
    only = backends[0]
    rests = len(backends) == 1 and bool(only.get("weight", 1))
    is_stable: bool = (only["name"], only.get("port")) == (names.rollout, names.port)
    return Standing.REST if rests and is_stable else Standing.FOREIGN


def mirrors_of(rule: Rule, names: Names) -> tuple[Object, ...]:
    """Those of its mirror filters that are ours."""
    return tuple(entry for entry in rule.filters or () if _is_our_mirror(entry, names))


def at_rest(rule: Rule, names: Names) -> Rule:
    """The rule with all requests to the Service that follows stable, and no mirror of ours."""
    backends = rule.backends
    if standing(rule, names) is not Standing.REST:
        backends = [_like(rule, {"name": names.rollout, "port": names.port, "weight": 1})]
    return Rule(rule.index, rule.name, backends, _filters(rule, names, None))


def moved(rule: Rule, names: Names, split: Split, port_of: Callable[[str], int]) -> Rule:
    """The rule with a split.

    Args:
        port_of: port of a revision's Service, by hash.
    """

    def service(revision: str) -> dict[str, Any]:
        return {"name": object_name(names.rollout, revision), "port": port_of(revision)}

    backends = [_like(rule, service(revision) | {"weight": weight}) for revision, weight in split.weights]
    mirror: Object | None = None
    if split.mirror is not None:
        content: dict[str, Any] = {"backendRef": service(split.mirror.revision)}
        if split.mirror.percent < FULL:
            content["percent"] = split.mirror.percent
        mirror = {"type": "RequestMirror", "requestMirror": content}
    return Rule(rule.index, rule.name, backends, _filters(rule, names, mirror))


def is_same(one: Rule, other: Rule) -> bool:
    """Whether two versions of a rule say the same, defaults filled in or not."""
    return bool(_plain([one.backends or [], one.filters or []]) == _plain([other.backends or [], other.filters or []]))


def operations(before: Rule, after: Rule) -> list[Object]:
    """A JSON patch from one version of a rule to another, guarded by what it rests on."""
    path = f"/spec/rules/{before.index}"
    made: list[Object] = [{"op": "test", "path": f"{path}/name", "value": before.name}]
    for field, old, new in (
        ("backendRefs", before.backends, after.backends),
        ("filters", before.filters, after.filters),
    ):
        if _plain(old or []) == _plain(new or []):
            continue
        if old is not None:
            made.append({"op": "test", "path": f"{path}/{field}", "value": old})
        if new:
            made.append({"op": "add", "path": f"{path}/{field}", "value": new})
        else:
            made.append({"op": "remove", "path": f"{path}/{field}"})
    return made


def _like(rule: Rule, backend: Object) -> Object:
    """A backend with whatever the owner gave to the one that was there, such as filters of its own."""
    first = (rule.backends or ({},))[0]
    return {key: value for key, value in first.items() if key not in _IDENTITY} | backend


def _filters(rule: Rule, names: Names, mirror: Object | None) -> Sequence[Object] | None:
    """The owner's filters, in order, and our mirror after them."""
    ours = mirrors_of(rule, names)
    if not ours and mirror is None:
        return rule.filters
    return [entry for entry in rule.filters or () if entry not in ours] + ([mirror] if mirror is not None else [])


def _is_our_mirror(entry: Mapping[str, Any], names: Names) -> bool:
    if entry["type"] != "RequestMirror":
        return False
    target: Mapping[str, Any] = entry["requestMirror"]["backendRef"]
    return _is_plain(target) and names.is_revision(target["name"])


def _is_plain(reference: Mapping[str, Any]) -> bool:
    """Whether it names a Service, of the route's own namespace."""
    is_service = not reference.get("group") and reference.get("kind", "Service") == "Service"
    return is_service and "namespace" not in reference


def _plain(value: Any) -> Any:
    """Without what the API server fills in."""
    if isinstance(value, Mapping):
        defaults = {"group": "", "kind": "Service"}
        return {key: _plain(each) for key, each in value.items() if defaults.get(key) != each}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
