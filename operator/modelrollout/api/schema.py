"""From pydantic models to structural schemas, as the API server accepts them.

What has no equivalent raises instead of being dropped. Rules: `pkg/apis/apiextensions/validation` and
`pkg/apiserver/schema` of kubernetes/apiextensions-apiserver.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from modelrollout.api.model import APIModel

Schema = dict[str, Any]
"""A JSON document under construction: it is written out as it is, and nothing reads it as anything else."""

DEFAULT_MARK: Final = " Default: "
"""Where a description ends and the default begins, whether a model's author or this module wrote it."""

_KEYWORDS: Final = (
    "type",
    "format",
    "description",
    "enum",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "required",
    "properties",
    "items",
    "additionalProperties",
)
"""All that may appear, in the order in which it is written."""
_DROPPED: Final = ("title", "examples", "default")
_EXTENSION: Final = "x-kubernetes-"
_UNTYPED: Final = ("x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields")


class NotStructuralError(TypeError):
    """A model says something that a CRD cannot say; the message names the field."""


def structural_schema(model: type[APIModel], *, path: str, tell_defaults: bool) -> Schema:
    """The structural schema of a model.

    Defaults are told in descriptions and never set: the operator applies them, so that a stored object is what its user
    wrote and a newer default needs no migration.

    Args:
        path: name of the root in error messages, such as `spec`.
        tell_defaults: whether descriptions end in `Default: X.`.

    Raises:
        NotStructuralError: the model uses something that has no equivalent, such as a union.
    """
    # Serialization mode writes defaults as users would: "10s", not ISO 8601.
    root = model.model_json_schema(by_alias=True, mode="serialization")
    walker = _Walker(root.pop("$defs", {}), tell_defaults=tell_defaults)
    return walker.convert(root, path)


class _Walker:
    def __init__(self, definitions: Mapping[str, Schema], *, tell_defaults: bool) -> None:
        self._definitions = definitions
        self._tell_defaults = tell_defaults

    def convert(self, source: Schema, path: str) -> Schema:
        """Convert one node and all below it."""
        node = self._flatten(source, path)
        if self._tell_defaults:
            _tell_default(node)
        for keyword in _DROPPED:
            node.pop(keyword, None)
        if node.get("additionalProperties") is True:
            del node["additionalProperties"]
            node["x-kubernetes-preserve-unknown-fields"] = True
        if isinstance(node.get("additionalProperties"), dict):
            node["additionalProperties"] = self.convert(node["additionalProperties"], f"{path}.*")
        if "items" in node:
            node["items"] = self.convert(node["items"], f"{path}[]")
        if "properties" in node:
            node["properties"] = {
                name: self.convert(child, f"{path}.{name}") for name, child in node["properties"].items()
            }
        _translate_bounds(node)
        _verify(node, path)
        return _ordered(node)

    def _flatten(self, source: Schema, path: str) -> Schema:
        """A copy without references, and without the null that stands for absence."""
        node = dict(source)
        if "$ref" in node:
            name = node.pop("$ref").removeprefix("#/$defs/")
            node = self._flatten(self._definitions[name], path) | node
        if "anyOf" in node:
            members = [member for member in node.pop("anyOf") if member.get("type") != "null"]
            if len(members) != 1:
                raise NotStructuralError(f"{path}: a union is not structural; use optional members and a CEL rule")
            node = self._flatten(members[0], path) | node
        return node


def _translate_bounds(node: Schema) -> None:
    """A number in JSON Schema 2020, a flag beside `minimum` in OpenAPI 3.0."""
    for inclusive, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in node:
            node[inclusive], node[exclusive] = node[exclusive], True


def _tell_default(node: Schema) -> None:
    value = node.get("default")
    description = node.get("description", "")
    if value is None or isinstance(value, (dict, list)) or DEFAULT_MARK in description:
        return
    text = value if isinstance(value, str) else json.dumps(value)
    node["description"] = f"{description}{DEFAULT_MARK}{text}."


def _verify(node: Schema, path: str) -> None:
    unknown = [key for key in node if key not in _KEYWORDS and not key.startswith(_EXTENSION)]
    if unknown:
        raise NotStructuralError(f"{path}: {', '.join(sorted(unknown))} has no equivalent in a CRD")
    if "type" not in node and not any(node.get(key) for key in _UNTYPED):
        raise NotStructuralError(f"{path}: the type is missing")
    for key in node.get("x-kubernetes-list-map-keys", ()):
        if key not in node["items"].get("required", ()):
            raise NotStructuralError(f"{path}: entries are told apart by {key}, which must therefore be required")


def _ordered(node: Schema) -> Schema:
    rank = {keyword: position for position, keyword in enumerate(_KEYWORDS)}
    return dict(sorted(node.items(), key=lambda item: rank.get(item[0], len(rank))))
