"""The resource as a whole, parsed at the edge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from modelrollout.api.names import NAME_MAX, NAME_MESSAGE, NAME_PATTERN
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import ModelRolloutStatus


class SpecError(ValueError):
    """The spec cannot be read.

    Attributes:
        problems: one line per defect, each naming the field and what to write.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Key:
    """Which ModelRollout."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Identified(Protocol):
    """A ModelRollout as far as addressing it goes: also one whose spec cannot be read."""

    @property
    def key(self) -> Key:
        """Which it is."""
        ...

    @property
    def uid(self) -> str:
        """Which of that name it is."""
        ...

    @property
    def resource_version(self) -> str:
        """The version that was read."""
        ...


@dataclass(frozen=True, slots=True)
class ModelRollout:
    """A ModelRollout as read from the API server.

    Attributes:
        raw_spec: the spec to the letter: revisions are hashed from what the user wrote, not from defaults.
        finalizers: whose consent its deletion waits for.
        deleted_at: when its deletion was asked for.
    """

    key: Key
    uid: str
    resource_version: str
    generation: int
    deleting: bool
    spec: ModelRolloutSpec
    raw_spec: Mapping[str, Any]
    status: ModelRolloutStatus
    annotations: Mapping[str, str]
    finalizers: tuple[str, ...] = ()
    deleted_at: datetime | None = None


def parse_spec(raw: Mapping[str, Any]) -> ModelRolloutSpec:
    """Read a spec.

    Raises:
        SpecError: with all problems at once.
    """
    try:
        return ModelRolloutSpec.model_validate(raw)
    except ValidationError as error:
        raise SpecError(tuple(_line(entry["loc"], entry["msg"]) for entry in error.errors())) from error


def _line(location: tuple[int | str, ...], message: str) -> str:
    path = "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"{path}: {message.removeprefix('Value error, ')}"


def parse(raw: Mapping[str, Any]) -> ModelRollout:
    """Read a ModelRollout.

    Raises:
        SpecError: the name or the spec cannot be used.
        ValidationError: the status cannot be read, which is a defect of ours.
    """
    metadata = raw["metadata"]
    if len(metadata["name"]) > NAME_MAX or not re.fullmatch(NAME_PATTERN, metadata["name"]):
        raise SpecError((NAME_MESSAGE,))
    return ModelRollout(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        generation=metadata.get("generation", 0),
        deleting="deletionTimestamp" in metadata,
        spec=parse_spec(raw.get("spec", {})),
        raw_spec=raw.get("spec", {}),
        status=ModelRolloutStatus.model_validate(raw.get("status", {})),
        annotations=metadata.get("annotations", {}),
        finalizers=tuple(metadata.get("finalizers", ())),
        deleted_at=deleted_at(raw),
    )


def deleted_at(raw: Mapping[str, Any]) -> datetime | None:
    """When the deletion of an object was asked for; None if it was not."""
    at = raw["metadata"].get("deletionTimestamp")
    return None if at is None else datetime.fromisoformat(at)
