"""An object of the API server, read into values."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import yaml

from modelrollout.api.names import NAME_MAX
from modelrollout.api.resource import Key, SpecError, parse, parse_spec
from tests.support.manifests import as_stored, good_manifests

pytestmark = pytest.mark.unit


def document() -> dict[str, Any]:
    (file,) = (file for file in good_manifests() if file.stem == "one-stage")
    return as_stored(yaml.safe_load(file.read_text(encoding="utf-8")))


def test_identity_comes_from_the_metadata() -> None:
    stored = document()
    stored["metadata"] |= {"namespace": "demo", "resourceVersion": "7", "generation": 3, "annotations": {"a": "b"}}
    rollout = parse(stored)
    assert (rollout.key, rollout.resource_version, rollout.generation) == (Key("demo", "digits"), "7", 3)
    assert rollout.annotations == {"a": "b"}
    assert not rollout.deleting


def test_an_object_that_is_being_deleted_says_so() -> None:
    stored = document()
    stored["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert parse(stored).deleting


def test_the_spec_is_kept_to_the_letter_beside_its_defaults() -> None:
    stored = document()
    rollout = parse(stored)
    assert rollout.raw_spec == stored["spec"]
    assert "rollbackWindow" not in rollout.raw_spec
    assert rollout.spec.rollback_window == timedelta(hours=1)


def test_the_template_is_kept_to_the_letter() -> None:
    template = {"spec": {"containers": [{"name": "a", "future": [1, 2.5, None]}], "nodeName": None}}
    spec = document()["spec"]
    spec["workload"]["deployment"]["template"] = template
    deployment = parse_spec(spec).workload.deployment
    assert deployment is not None
    assert deployment.template == template


def test_null_is_absence_and_a_float_may_be_whole() -> None:
    spec = document()["spec"]
    spec |= {"rollbackWindow": None, "metrics": None, "revisionHistoryLimit": 3.0}
    parsed = parse_spec(spec)
    assert (parsed.rollback_window, parsed.metrics) == (timedelta(hours=1), ())
    assert parsed.revision_history_limit == 3


def test_a_field_of_a_newer_version_is_ignored() -> None:
    spec = document()["spec"]
    assert parse_spec({**spec, "notYetInvented": {"a": 1}}) == parse_spec(spec)


def test_a_name_that_leaves_no_room_for_a_revision_is_refused() -> None:
    stored = document()
    stored["metadata"]["name"] = "a" * (NAME_MAX + 1)
    with pytest.raises(SpecError, match=r"metadata\.name must be at most 52 characters"):
        parse(stored)


def test_an_object_without_a_spec_names_every_field_that_is_needed() -> None:
    stored = document()
    del stored["spec"]
    with pytest.raises(SpecError) as refusal:
        parse(stored)
    assert [problem.partition(":")[0] for problem in refusal.value.problems] == [
        "spec.model",
        "spec.workload",
        "spec.service",
        "spec.traffic",
        "spec.stages",
    ]
