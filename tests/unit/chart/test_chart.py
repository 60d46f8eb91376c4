"""The chart's files agree with each other and with what they are about."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from modelrollout.runtime.settings import PREFIX, read_settings

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[3]
CHART = REPOSITORY / "charts" / "modelrollout"
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

FREE_OBJECTS = {
    "/global",
    "/affinity/nodeAffinity",
    "/affinity/podAffinity",
    "/affinity/podAntiAffinity",
    "/topologySpreadConstraints[]",
}


class Recorder(dict[str, str]):
    """An empty environment that notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def test_the_deployment_sets_exactly_the_variables_that_the_operator_reads() -> None:
    environment = Recorder()
    read_settings(environment)
    template = (CHART / "templates" / "deployment.yaml").read_text(encoding="utf-8")
    assert set(re.findall(rf"name: ({PREFIX}\w+)", template)) == environment.asked


def objects(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if schema.get("type") == "object":
        yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from objects(child, f"{path}/{name}")
    if "items" in schema:
        yield from objects(schema["items"], f"{path}[]")


def test_a_misspelt_value_is_refused_at_every_level() -> None:
    open_objects = {path for path, schema in objects(SCHEMA, "") if "additionalProperties" not in schema}
    assert open_objects == FREE_OBJECTS
    assert all(
        schema["additionalProperties"] is not True
        for schema in SCHEMA["definitions"].values()
        if "properties" in schema
    )


def test_the_schema_knows_every_value_and_no_other() -> None:
    def names(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
        for name, value in values.items():
            yield f"{path}/{name}"
            if isinstance(value, dict):
                yield from names(value, f"{path}/{name}")

    def known(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
        for name, child in schema.get("properties", {}).items():
            yield f"{path}/{name}"
            yield from known(child, f"{path}/{name}")

    free = {"/resources", "/global", "/affinity"}
    documented = {name for name in names(VALUES) if not any(name.startswith(f"{prefix}/") for prefix in free)}
    described = {name for name in known(SCHEMA) if not any(name.startswith(f"{prefix}/") for prefix in free)}
    assert documented == described - {"/global"}


def test_the_defaults_are_valid() -> None:
    jsonschema.validate(VALUES, SCHEMA)


@pytest.mark.parametrize(
    "values",
    [
        {"log": {"format": "text"}},
        {"reconcile": {"workers": 0}},
        {"reconcile": {"resync": "10"}},
        {"http": {"port": 80}},
        {"prometheus": {"url": "prometheus:9090"}},
        {"watch": {"namespaces": "team-a"}},
        {"image": {"repository": "a", "digest": "latest"}},
        {"replicas": -1},
        {"lease": {"duration": "15"}},
        {"podDisruptionBudget": {"maxUnavailable": 0}},
    ],
    ids=str,
)
def test_a_value_that_cannot_work_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**VALUES, **values}, SCHEMA)


def test_the_versions_are_the_package_s() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (project["version"], project["version"])
