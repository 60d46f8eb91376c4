"""Drift: which of the fields that we applied someone else has changed since.

Values cannot be compared: the API server normalises (`1000m` reads back as `1`) and fills in defaults. Ownership can:
when anyone changes or removes a field, the API server takes that field from the other managers' `managedFields`
(Kubernetes documentation, "Server-Side Apply"). So a field that we apply and no longer own has been changed by hand.
Nothing has to be remembered for it, so a restart of the operator loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def lost_fields(desired: Mapping[str, Any], managed: str) -> tuple[str, ...]:
    """Fields of a desired object that its manager no longer owns, such as `spec.replicas`.

    Args:
        desired: the object as it was applied; apiVersion, kind and the metadata that names it are not looked at.
        managed: fieldsV1 JSON of the manager's apply; empty when it owns nothing.
    """
    content = {key: value for key, value in desired.items() if key not in {"apiVersion", "kind", "metadata"}}
    if not managed:
        return tuple(content)
    named = ("labels", "annotations", "ownerReferences")
    metadata = {key: desired["metadata"][key] for key in named if key in desired["metadata"]}
    return tuple(_lost(content | {"metadata": metadata}, json.loads(managed), ""))


def _lost(value: object, owned: Mapping[str, Any], path: str) -> Iterator[str]:
    """Walk a value beside its fieldsV1 node. An empty node owns its value whole, as with atomic lists."""
    if not owned:
        return
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _lost_child(child, owned.get(f"f:{key}"), f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            key, node = _entry_of(item, owned)
            yield from _lost_child(item, node, f"{path}[{key}]")


def _lost_child(value: object, owned: Mapping[str, Any] | None, path: str) -> Iterator[str]:
    if value is None or value in ({}, []):
        return
    if owned is None:
        yield path
    else:
        yield from _lost(value, owned, path)


def _entry_of(item: object, owned: Mapping[str, Any]) -> tuple[str, Mapping[str, Any] | None]:
    """The node of a list entry: `k:{...}` by its key fields, `v:...` by its value."""
    for name, node in owned.items():
        if name.startswith("k:") and isinstance(item, Mapping):
            key: Mapping[str, Any] = json.loads(name[2:])
            # A key field that the item leaves out has been defaulted: protocol in ports.
            if all(item.get(part, wanted) == wanted for part, wanted in key.items()):
                return _text(key), node
        elif name.startswith("v:") and json.loads(name[2:]) == item:
            return str(item), node
    return _guess(item), None


def _text(key: Mapping[str, Any]) -> str:
    return ",".join(f"{part}={value}" for part, value in key.items())


def _guess(item: object) -> str:
    """A name for an entry that nobody owns any more."""
    if isinstance(item, Mapping):
        names: Sequence[str] = [part for part in ("uid", "name", "containerPort", "mountPath", "port") if part in item]
        return _text({part: item[part] for part in names[:1]})
    return str(item)
