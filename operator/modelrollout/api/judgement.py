"""How sure a verdict must be: `spec.judgement`, and what hangs together in a metric's counts."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import decimal_where, parse_limit

ALPHA_MESSAGE = 'must be a decimal string above 0 and at most 0.1, such as "0.01"'
CONFIDENCE_MESSAGE = 'must be a decimal string of at least 0.5 and below 1, such as "0.95"'
SIZE_MESSAGE = 'must be a decimal string between 1 and 1000, such as "5"'
SIZE_NEEDED = "set size, the most requests of one session or user that fail together; requests by themselves have none"


def _alpha(value: Decimal) -> Decimal:
    if not 0 < value <= Decimal("0.1"):
        raise ValueError(f"{ALPHA_MESSAGE}, not {value}")
    return value


def _confidence(value: Decimal) -> Decimal:
    if not Decimal("0.5") <= value < 1:
        raise ValueError(f"{CONFIDENCE_MESSAGE}, not {value}")
    return value


def _size(value: Decimal) -> Decimal:
    if not 1 <= value <= 1000:
        raise ValueError(f"{SIZE_MESSAGE}, not {value}")
    return value


Alpha = Annotated[
    Decimal,
    BeforeValidator(parse_limit),
    AfterValidator(_alpha),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(decimal_where("double(self) > 0.0 && double(self) <= 0.1", ALPHA_MESSAGE)),
]
Confidence = Annotated[
    Decimal,
    BeforeValidator(parse_limit),
    AfterValidator(_confidence),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(decimal_where("double(self) >= 0.5 && double(self) < 1.0", CONFIDENCE_MESSAGE)),
]
Size = Annotated[
    Decimal,
    BeforeValidator(parse_limit),
    AfterValidator(_size),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(decimal_where("double(self) >= 1.0 && double(self) <= 1000.0", SIZE_MESSAGE)),
]


class Judgement(APIModel):
    """The error budget of a rollout."""

    alpha: Alpha = Field(
        Decimal("0.01"),
        description="Probability that chance alone rolls a harmless candidate back, over all attempts of it.",
    )


class By(StrEnum):
    """What fails or succeeds by itself."""

    REQUEST = "Request"
    SESSION = "Session"
    USER = "User"


class Clusters(APIModel):
    """Requests whose outcomes hang together, so that each of them is less than a whole piece of evidence."""

    model_config = ConfigDict(
        json_schema_extra=cel(("(self.by == 'Request') == !has(self.size)", SIZE_NEEDED)),
    )

    by: By = Field(description="What fails or succeeds by itself: Request, Session or User.")
    size: Size | None = Field(None, description='Most requests of one session or user, such as "5".')

    @model_validator(mode="after")
    def _sized(self) -> Clusters:
        if (self.by is By.REQUEST) == (self.size is not None):
            raise ValueError(SIZE_NEEDED)
        return self
