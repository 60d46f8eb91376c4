"""The role of a model as a request header: set or removed, never added to what a client claims. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelrollout.api.names import ROLE_HEADER
from modelrollout.api.stages import ModelRole
from modelrollout.kube.resources import Object

MODIFIER: Final = "RequestHeaderModifier"
FIELD: Final = "requestHeaderModifier"


def role_filter(role: ModelRole | None) -> Object:
    """A filter that tells a role, or that tells none whatever the client says."""
    return {"type": MODIFIER, FIELD: _change(role)}


def with_role(filters: Sequence[Object], role: ModelRole | None) -> list[Object]:
    """Filters of a rule that tell a role too. A rule has one such filter at most, so ours is part of the user's."""
    if not any(entry["type"] == MODIFIER for entry in filters):
        return [*filters, role_filter(role)]
    return [_merged(entry, role) if entry["type"] == MODIFIER else entry for entry in filters]


def without_role(filters: Sequence[Object]) -> list[Object]:
    """Filters of a rule without what we put into them."""
    kept = (_stripped(entry) if _tells(entry) else entry for entry in filters)
    return [entry for entry in kept if entry["type"] != MODIFIER or entry in filters or entry[FIELD]]


def tells_role(filters: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any of the filters changes the header."""
    return any(_tells(entry) for entry in filters)


def _change(role: ModelRole | None) -> Object:
    return {"remove": [ROLE_HEADER]} if role is None else {"set": [{"name": ROLE_HEADER, "value": role.value}]}


def _merged(entry: Object, role: ModelRole | None) -> Object:
    content = dict(entry[FIELD])
    for field, ours in _change(role).items():
        content[field] = [*(content.get(field) or ()), *ours]
    return {**entry, FIELD: content}


def _stripped(entry: Object) -> Object:
    content = {
        field: kept
        for field, values in entry[FIELD].items()
        if (kept := [value for value in values if _name(value) != ROLE_HEADER])
    }
    return {**entry, FIELD: content}


def _tells(entry: Mapping[str, Any]) -> bool:
    values = (value for part in (entry.get(FIELD) or {}).values() for value in part or ())
    return entry["type"] == MODIFIER and any(_name(value) == ROLE_HEADER for value in values)


def _name(value: Any) -> str:
    """Of a header that is set or added, an object, or removed, a name."""
    return str(value["name"] if isinstance(value, Mapping) else value).lower()
