"""The reference of all fields: `python -m modelrollout.api.docs`, in a clone of the repository, writes docs/api.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelrollout.api.crd import ROOT, root_schema
from modelrollout.api.names import API_VERSION, KIND
from modelrollout.api.scalars import DECIMAL_MESSAGE, DURATION_MESSAGE
from modelrollout.api.schema import DEFAULT_MARK, Schema

FILE: Final = Path("docs/api.md")

_INTRODUCTION: Final = f"""\
<!-- Generated from operator/modelrollout/api by `make generate`. Do not edit. -->
# `{KIND}`, `{API_VERSION}`

Every field, as `kubectl explain modelrollout.spec --recursive` has it. Whole manifests are in
[examples/minimal.yaml](../examples/minimal.yaml) and [examples/full.yaml](../examples/full.yaml).

Types that are strings with a form of their own:

* **duration**: `10s`, `5m`, `1h30m`; units `ms`, `s`, `m`, `h`.
* **decimal**: `"0.01"`, in the unit of the metric, quoted. A suffix is refused: `500m` would be 0.5 to one reader and
  500 minutes to the next.

Defaults are applied by the operator when it reads an object; the stored object stays what its user wrote.
"""
_KINDS: Final = {DURATION_MESSAGE: "duration", DECIMAL_MESSAGE: "decimal"}
_SIZES: Final = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " entries"),
)


def reference() -> str:
    """The page, as Markdown."""
    root = root_schema()
    sections = [_INTRODUCTION, f"`metadata.name`: {_rules(root)[0].removeprefix('metadata.name ')}.\n"]
    for name in ("spec", "status"):
        sections += _sections(name, root["properties"][name])
    return "\n".join(sections)


def _sections(path: str, node: Schema) -> Iterator[str]:
    """A table for the object at `path`, then one for each object below it, in the order of their fields."""
    lines = [f"## `{path}`", "", node["description"], ""]
    lines += [f"* Rule: {rule}." for rule in _rules(node)]
    lines += [""] if _rules(node) else []
    lines += ["| field | type | default | meaning |", "|---|---|---|---|"]
    lines += [
        _row(name, child, required=name in node.get("required", ())) for name, child in node["properties"].items()
    ]
    yield "\n".join([*lines, ""])
    for name, child in node["properties"].items():
        if "properties" in child:
            yield from _sections(f"{path}.{name}", child)
        elif "properties" in child.get("items", {}):
            yield from _sections(f"{path}.{name}[]", child["items"])


def _row(name: str, node: Schema, *, required: bool) -> str:
    meaning, _, default = node["description"].partition(DEFAULT_MARK)
    cells = (
        f"`{name}`",
        _type(node),
        "**required**" if required else default.removesuffix("."),
        _meaning(meaning, node),
    )
    return "| " + " | ".join(cell.strip().replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _meaning(description: str, node: Schema) -> str:
    """The description, and the rules of a list or scalar: those of an object stand in its own section."""
    rules = [] if "properties" in node else [rule for rule in _rules(node) if rule not in _KINDS]
    return " ".join([description.strip(), *(f"Rule: {rule}." for rule in rules)])


def _type(node: Schema) -> str:
    if node.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if node.get("x-kubernetes-preserve-unknown-fields"):
        return "object, kept as given"
    if node["type"] == "array":
        return f"list{_size(node)}, of {_type(node['items'])}"
    if node["type"] == "string":
        return _string_type(node)
    return f"{node['type']}{_size(node)}"


def _string_type(node: Schema) -> str:
    kinds = [_KINDS[rule] for rule in _rules(node) if rule in _KINDS]
    if kinds:
        return kinds[0]
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if node.get("format") == "date-time":
        return "time"
    return f"string{_size(node)}"


def _size(node: Schema) -> str:
    for least, most, noun in _SIZES:
        low, high = node.get(least), node.get(most)
        if low is not None and high is not None:
            return f", {low} to {high}{noun}"
        if high is not None:
            return f", at most {high}{noun}"
        if low is not None:
            return f", at least {low}{noun}"
    return ""


def _rules(node: Schema) -> list[str]:
    return [rule["message"] for rule in node.get("x-kubernetes-validations", ())]


def main() -> None:
    """Write the page to its place."""
    (ROOT / FILE).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
