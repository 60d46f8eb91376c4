"""The CRD: as generated, small enough for a plain `kubectl apply`, and without defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.api.crd import FILES, custom_resource_definition, root_schema, to_yaml

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_the_committed_file_is_what_the_models_give(file: Path) -> None:
    assert (REPOSITORY / file).read_text(encoding="utf-8") == to_yaml(), "run `make generate`"


def test_the_yaml_is_the_manifest() -> None:
    assert yaml.safe_load(to_yaml()) == custom_resource_definition()


def test_it_fits_into_the_annotation_of_a_plain_apply() -> None:
    # `kubectl apply` keeps the manifest as compact JSON in an annotation; the API server takes 262,144 bytes of those.
    assert len(json.dumps(custom_resource_definition(), separators=(",", ":")).encode()) < 100_000


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            yield from nodes(schema[keyword], f"{path}[]")


def test_no_field_has_a_default_in_the_schema() -> None:
    assert [path for path, node in nodes(root_schema(), "") if "default" in node] == []


def test_every_field_is_described() -> None:
    fields = [path for path, node in nodes(root_schema(), "") if "description" not in node and not path.endswith("[]")]
    assert fields == [".metadata"]


def test_a_default_ends_its_description() -> None:
    told = [node["description"] for _, node in nodes(root_schema(), "") if "Default:" in node.get("description", "")]
    assert told
    assert [text for text in told if not text.endswith(".") or text.count("Default:") != 1] == []


def test_whatever_rules_look_at_is_bounded() -> None:
    """Else a later rule, or a longer list, would exceed the API server's budget for CEL."""
    unbounded = [
        path
        for path, node in nodes(root_schema()["properties"]["spec"], "spec")
        if (node.get("type") == "array" and "maxItems" not in node)
        or (node.get("type") == "string" and "enum" not in node and "maxLength" not in node)
    ]
    assert unbounded == []


def test_printer_columns() -> None:
    columns = custom_resource_definition()["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [column["name"] for column in columns if "priority" not in column] == [
        "Version",
        "Stable",
        "Phase",
        "Stage",
        "Weight",
        "Verdict",
        "Age",
    ]


def test_printer_columns_name_fields_that_exist() -> None:
    known = {path for path, _ in nodes(root_schema(), "")} | {".metadata.creationTimestamp"}
    columns = custom_resource_definition()["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [column["jsonPath"] for column in columns if column["jsonPath"] not in known] == []
