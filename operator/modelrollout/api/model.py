"""What all models of the resource share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict


class APIModel(BaseModel):
    """Immutable, camelCase on the wire; unknown fields are ignored so that an older operator reads newer objects."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absence(cls, data: Any) -> Any:
        """As the API server has it, and as templating tools write it."""
        return {name: value for name, value in data.items() if value is not None} if isinstance(data, dict) else data

    def dump(self) -> dict[str, Any]:
        """As the API server stores it: camelCase, absent instead of null."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


LIST_MAP_BY_NAME: JsonDict = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
"""Schema of a list whose entries are told apart by name, so that several appliers may each own some."""


def cel(*rules: tuple[str, str]) -> JsonDict:
    """Schema of a value that must satisfy each CEL rule; given as (rule, message with the remedy)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


def refuse_repeated(names: Iterable[str], message: str) -> None:
    """See that names differ.

    Raises:
        ValueError: with the names that there are twice.
    """
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ValueError(f"{message}, not {', '.join(repeated)} twice")
