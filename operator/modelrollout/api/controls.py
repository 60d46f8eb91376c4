"""People's controls: annotations that name the revision that they are meant for, and what became of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import Field

from modelrollout.api.model import APIModel
from modelrollout.api.names import GROUP

VALUE_MAX: Final = 128
ANSWER_MAX: Final = 300


class Control(StrEnum):
    """What a person can ask for. `pause` is a state that holds while the annotation is there; the others are clicks."""

    PAUSE = "pause"
    ABORT = "abort"
    RETRY = "retry"
    PROMOTE = "promote"
    PROMOTE_FULL = "promote-full"
    ROLLBACK = "rollback"
    APPROVE = "approve"

    @property
    def annotation(self) -> str:
        """The annotation's name."""
        return _ANNOTATIONS[self]


_ANNOTATIONS: Final = {control: f"{GROUP}/{control.value}" for control in Control}
CONTROLS: Final = {annotation: control for control, annotation in _ANNOTATIONS.items()}
"""By their annotations."""


class ControlOutcome(StrEnum):
    """What became of a click."""

    CARRIED_OUT = "CarriedOut"
    REFUSED = "Refused"


class ControlStatus(APIModel):
    """The answer to an annotation, remembered until it changes or goes: each value is answered once."""

    control: Control = Field(description="Which one.")
    value: str = Field(max_length=VALUE_MAX, description="The annotation's value that was answered.")
    outcome: ControlOutcome = Field(description="Whether it was carried out.")
    message: str = Field(max_length=ANSWER_MAX, description="What was done, or why not and what to do instead.")
    at: datetime = Field(description="When it was answered.")
