"""The manifests that users copy from are read as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from modelrollout.api.metrics import Metric
from modelrollout.api.model import APIModel
from modelrollout.api.resource import parse_spec
from modelrollout.api.stages import Stage
from modelrollout.engine.validate import problems_of

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parents[3] / "examples"
MANIFESTS = [EXAMPLES / "minimal.yaml", EXAMPLES / "full.yaml", EXAMPLES / "digits/manifests/rollout.yaml"]
MANIFESTS += [EXAMPLES / "services.yaml", EXAMPLES / "fraud.yaml", EXAMPLES / "llm.yaml"]


def unread(written: object, read: object, path: str) -> list[str]:
    """Fields of a manifest that the models do not know: they ignore those, so that a typo would go unseen."""
    if isinstance(written, Mapping) and isinstance(read, Mapping):
        return [
            field
            for key, value in written.items()
            for field in (unread(value, read[key], f"{path}.{key}") if key in read else [f"{path}.{key}"])
        ]
    if isinstance(written, Sequence) and isinstance(read, Sequence) and not isinstance(written, str):
        return [field for one, other in zip(written, read, strict=True) for field in unread(one, other, f"{path}[]")]
    return []


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_every_field_of_an_example_is_valid_and_known(file: Path) -> None:
    spec = yaml.safe_load(file.read_text())["spec"]

    assert unread(spec, parse_spec(spec).dump(), "spec") == []
    assert problems_of(parse_spec(spec)) == ()


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda file: file.name)
def test_pods_wait_until_gateways_know_before_they_refuse(file: Path) -> None:
    """Servers refuse new connections at once when they are told to stop, and no metric of theirs shows it."""
    for document in yaml.safe_load_all(file.read_text()):
        if document["kind"] == "ModelRollout" and (deployment := document["spec"]["workload"].get("deployment")):
            for container in deployment["template"]["spec"]["containers"]:
                assert container["lifecycle"]["preStop"]["sleep"]["seconds"] >= 5


@pytest.mark.parametrize(("field", "model"), [("metrics", Metric), ("stages", Stage)])
def test_the_full_manifest_shows_every_field(field: str, model: type[APIModel]) -> None:
    items = yaml.safe_load((EXAMPLES / "full.yaml").read_text())["spec"][field]

    assert {key for item in items for key in item} == {info.alias for info in model.model_fields.values()}


def test_another_version_is_another_word_in_two_places() -> None:
    text = (EXAMPLES / "digits/manifests/rollout.yaml").read_text()
    spec = yaml.safe_load(text.replace('"v1"', '"v5"'))["spec"]

    assert spec["model"]["version"] == "v5"
    assert spec["workload"]["deployment"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "v5"
