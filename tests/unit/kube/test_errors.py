from __future__ import annotations

import json
from typing import Any

import pytest

from modelrollout.api.errors import ModelRolloutError, TerminalError, TransientError
from modelrollout.kube.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    error_of,
)
from modelrollout.kube.resources import DEPLOYMENT, SERVICE

pytestmark = pytest.mark.unit


def error(status: int, message: str = "said so", *causes: dict[str, Any]) -> ModelRolloutError:
    body = json.dumps({"kind": "Status", "message": message, "details": {"causes": list(causes)}})
    return error_of("patch", DEPLOYMENT, "demo/digits", status, body.encode())


@pytest.mark.parametrize(
    ("status", "kind", "retried"),
    [
        (400, RefusedError, False),
        (401, UnavailableError, True),
        (403, ForbiddenError, False),
        (404, NotFoundError, True),
        (408, UnavailableError, True),
        (409, ConflictError, True),
        (413, RefusedError, False),
        (415, RefusedError, False),
        (422, RefusedError, False),
        (429, UnavailableError, True),
        (500, UnavailableError, True),
        (503, UnavailableError, True),
        (504, UnavailableError, True),
    ],
)
def test_a_status_is_retried_or_not(status: int, kind: type[ModelRolloutError], *, retried: bool) -> None:
    found = error(status)
    assert type(found) is kind
    assert isinstance(found, TransientError if retried else TerminalError)
    assert "said so" in found.message
    assert "deployments.apps" in found.message
    assert "demo/digits" in found.message


def test_each_cause_is_a_line_with_its_field_once() -> None:
    cause = {"field": "spec.replicas", "message": "must be positive"}
    found = error(422, "all of it", cause, cause, {"message": "no field"})
    assert isinstance(found, RefusedError)
    assert found.causes == ("spec.replicas: must be positive", "no field")


def test_without_causes_the_message_is_the_line() -> None:
    found = error(400, "strict decoding error")
    assert isinstance(found, RefusedError)
    assert found.causes == ("strict decoding error",)


def test_a_missing_right_is_named_with_its_remedy() -> None:
    assert "may not patch deployments.apps (demo/digits); where a right is missing, grant it" in error(403).message


def test_an_object_of_another_uid_is_a_conflict() -> None:
    assert isinstance(error(422, "invalid", {"field": "metadata.uid", "message": "immutable"}), ConflictError)


@pytest.mark.parametrize(
    ("message", "causes"),
    [
        (
            "failed to create typed patch object (demo/d; v1, Kind=X): .spec.pth: field not declared in schema",
            ("spec.pth: field not declared in schema",),
        ),
        (
            "failed to create typed patch object (demo/d; v1, Kind=X): errors:\n"
            "  .spec.a: field not declared in schema\n"
            "  .spec.b: expected string, got &{1}",
            ("spec.a: field not declared in schema", "spec.b: expected string, got &{1}"),
        ),
    ],
    ids=["one", "several"],
)
def test_a_field_that_the_schema_lacks_is_refused_though_it_answers_500(message: str, causes: tuple[str, ...]) -> None:
    found = error(500, message)
    assert isinstance(found, RefusedError)
    assert found.causes == causes


@pytest.mark.parametrize("body", [b"", b"<html>upstream</html>", b"[1]", b"\xff"])
def test_an_answer_that_is_no_status_is_still_an_error(body: bytes) -> None:
    found = error_of("get", SERVICE, "demo/digits", 502, body)
    assert isinstance(found, UnavailableError)
    assert "get services demo/digits" in found.message
