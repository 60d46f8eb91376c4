from __future__ import annotations

import json
from typing import Any

import pytest

from modelrollout.api.names import ANNOTATION_APPLIED, LABEL_NAME, LABEL_REVISION
from modelrollout.kube.apply import Drift, applied_hash, drift_of, owned, with_metadata
from modelrollout.kube.resources import SERVICE, Object
from modelrollout.kube.views import meta_of
from tests.support.objects import UID, managed, merged, raw_object, rollout

pytestmark = pytest.mark.unit


def service(port: int = 80, **options: Any) -> Object:
    return owned(rollout(), SERVICE, "digits", {"spec": {"port": port}}, **options)


def test_an_owned_object_says_whose_it_is() -> None:
    metadata = service(revision="rabc")["metadata"]
    assert (metadata["labels"][LABEL_NAME], metadata["labels"][LABEL_REVISION]) == ("digits", "rabc")
    assert metadata["ownerReferences"][0].items() >= {"uid": UID, "controller": True, "kind": "ModelRollout"}.items()
    assert LABEL_REVISION not in service()["metadata"]["labels"]


def test_the_hash_is_of_everything_but_passing_annotations() -> None:
    assert applied_hash(service()) == applied_hash(service(annotations={"a": "b"}))
    others = [service(81), service(revision="rabc"), owned(rollout("other"), SERVICE, "digits", {"spec": {"port": 80}})]
    assert len({applied_hash(body) for body in [service(), *others]}) == 4


def test_preconditions_leave_the_object_as_it_was() -> None:
    body = service()
    assert with_metadata(body, uid="u")["metadata"] == body["metadata"] | {"uid": "u"}
    assert "uid" not in body["metadata"]


@pytest.mark.parametrize(
    ("applied", "fields", "lost"),
    [
        ("same", {"f:spec": {"f:port": {}}}, None),
        ("same", {"f:spec": {"f:other": {}}}, ("spec.port",)),
        ("another", {"f:spec": {"f:other": {}}}, None),
    ],
    ids=["nothing lost", "lost", "never applied"],
)
def test_drift_is_told_only_of_what_was_applied(applied: str, fields: dict[str, Any], lost: object) -> None:
    body = service()
    metadata = body["metadata"]
    entry = managed(fields | {f"f:{part}": {} for part in ("metadata",)})
    annotation = {ANNOTATION_APPLIED: applied_hash(body) if applied == "same" else applied}
    meta = meta_of(merged(raw_object("digits"), {"metadata": {"managedFields": [entry], "annotations": annotation}}))
    drift = drift_of(meta, body)
    assert metadata == body["metadata"]
    assert (drift.fields if drift else None) == lost


@pytest.mark.parametrize(
    ("drift", "text"),
    [
        (Drift("Service", "s", ()), "Service s: deleted"),
        (Drift("Service", "s", ("a", "b")), "Service s: a, b changed"),
        (Drift("Service", "s", ("a",), ("x", "y")), "Service s: a changed by x, y"),
    ],
)
def test_drift_in_words(drift: Drift, text: str) -> None:
    assert drift.text == text


def test_an_owned_object_is_json() -> None:
    assert json.loads(json.dumps(service())) == service()
