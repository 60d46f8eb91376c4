"""What pydantic says, as a CRD can say it; what a CRD cannot say is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
from pydantic import Field

from modelrollout.api.model import LIST_MAP_BY_NAME, APIModel
from modelrollout.api.scalars import Duration, IntOrString, Preserved
from modelrollout.api.schema import NotStructuralError, structural_schema

pytestmark = pytest.mark.unit


class Colour(StrEnum):
    """A colour."""

    RED = "Red"
    BLUE = "Blue"


class Part(APIModel):
    """A part."""

    name: str


class Whole(APIModel):
    """The whole."""

    part: Part | None = Field(None, description="One part.")
    parts: tuple[Part, ...] = Field((), max_length=3, json_schema_extra=LIST_MAP_BY_NAME)
    colour: Colour = Field(Colour.RED, description="What it looks like.")
    wait: Duration = Field(timedelta(seconds=90), description="How long. Default: a while.")
    count: int = Field(2, gt=0, lt=5, description="How many.")
    share: float | None = Field(None, description="How much.")
    port: IntOrString = Field(description="Where.")
    as_given: Preserved = Field(description="Anything.")
    labels: dict[str, str] = Field({}, description="Labels.")
    at: datetime | None = None


def properties(*, tell_defaults: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = structural_schema(Whole, path="spec", tell_defaults=tell_defaults)["properties"]
    return found


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param(
            "part",
            {
                "type": "object",
                "description": "One part.",
                "required": ["name"],
                "properties": {"name": {"type": "string"}},
            },
            id="references-are-inlined-and-null-means-absence",
        ),
        pytest.param(
            "colour",
            {"type": "string", "description": "What it looks like. Default: Red.", "enum": ["Red", "Blue"]},
            id="a-default-is-told-and-not-set",
        ),
        pytest.param(
            "count",
            {
                "type": "integer",
                "description": "How many. Default: 2.",
                "minimum": 0,
                "exclusiveMinimum": True,
                "maximum": 5,
                "exclusiveMaximum": True,
            },
            id="exclusive-bounds-are-flags",
        ),
        pytest.param("share", {"type": "number", "description": "How much."}, id="no-default-is-not-told"),
        pytest.param("port", {"description": "Where.", "x-kubernetes-int-or-string": True}, id="int-or-string"),
        pytest.param(
            "asGiven",
            {"type": "object", "description": "Anything.", "x-kubernetes-preserve-unknown-fields": True},
            id="an-object-of-another-api",
        ),
        pytest.param(
            "labels",
            {"type": "object", "description": "Labels.", "additionalProperties": {"type": "string"}},
            id="a-map",
        ),
        pytest.param("at", {"type": "string", "format": "date-time"}, id="a-time"),
    ],
)
def test_converted(field: str, expected: dict[str, Any]) -> None:
    assert properties()[field] == expected


def test_a_default_that_the_description_tells_is_not_told_twice() -> None:
    assert properties()["wait"]["description"] == "How long. Default: a while."


def test_defaults_are_left_out_on_request() -> None:
    assert properties(tell_defaults=False)["count"]["description"] == "How many."


def test_a_list_map_keeps_its_key() -> None:
    assert properties()["parts"]["x-kubernetes-list-map-keys"] == ["name"]


class _Union(APIModel):
    choice: Part | Colour


class _PlainTuple(APIModel):
    pair: tuple[int, int]


class _Anything(APIModel):
    value: Any


class _OptionalKey(APIModel):
    name: str = ""


class _BadListMap(APIModel):
    entries: tuple[_OptionalKey, ...] = Field((), json_schema_extra=LIST_MAP_BY_NAME)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_Union, "spec.choice: a union is not structural"),
        (_PlainTuple, "spec.pair: prefixItems has no equivalent in a CRD"),
        (_Anything, "spec.value: the type is missing"),
        (_BadListMap, "spec.entries: entries are told apart by name, which must therefore be required"),
    ],
)
def test_what_has_no_equivalent_is_refused_by_name(model: type[APIModel], message: str) -> None:
    with pytest.raises(NotStructuralError, match=message):
        structural_schema(model, path="spec", tell_defaults=True)
