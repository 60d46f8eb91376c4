"""What the demo applies is valid, and the examples' but for what it says."""

from __future__ import annotations

import json

import pytest
import yaml

from e2e.demo import manifests
from e2e.demo.settings import ROOT, Settings
from modelrollout.api.resource import parse_spec

pytestmark = pytest.mark.unit

EXAMPLE = yaml.safe_load((ROOT / "examples" / "digits" / "manifests" / "rollout.yaml").read_text())
STAGES = [stage["name"] for stage in EXAMPLE["spec"]["stages"]]


def test_version_1_is_the_example_but_for_where_errors_are_judged() -> None:
    document = json.loads(manifests.rollout("v1", manifests.DIGITS_IMAGE))
    errors = next(metric for metric in document["spec"]["metrics"] if metric["name"] == "error-rate")
    assert errors.pop("stages") == [stage for stage in STAGES if stage != "shadow"]
    assert document == EXAMPLE


def test_another_version_is_another_revision_of_a_valid_spec() -> None:
    spec = json.loads(manifests.rollout("v5", "registry.example.com/digits:2"))["spec"]
    container = spec["workload"]["deployment"]["template"]["spec"]["containers"][0]
    assert parse_spec(spec).model.version == "v5"
    assert container["env"] == [{"name": "MODEL_VERSION", "value": "v5"}]
    assert container["image"] == "registry.example.com/digits:2"


def test_the_load_is_told_where_to_send_and_how_much() -> None:
    pod = yaml.safe_load(manifests.load("http://gateway:80", "localhost/digits:1", Settings(rate=30, load_seconds=60)))
    arguments = pod["spec"]["containers"][0]["args"]
    assert arguments[0] == "http://gateway:80"
    assert {"--host=digits.example.com", "--rate=30", "--duration=60"} <= set(arguments)


def test_the_gateway_has_the_class_that_the_settings_name() -> None:
    assert json.loads(manifests.gateway("cilium"))["spec"]["gatewayClassName"] == "cilium"


def test_the_image_of_a_registry_with_a_port_keeps_it() -> None:
    values = json.loads(manifests.values("registry.example.com:5000/team/modelrollout:7", "abc", Settings()))
    assert values["image"] == {"repository": "registry.example.com:5000/team/modelrollout", "tag": "7"}
    assert values["podAnnotations"] == {"modelrollout.io/built-from": "abc"}
