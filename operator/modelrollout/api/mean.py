"""`metrics[].mean`: what servers that export no histogram have, a sum and a count."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from modelrollout.api.model import APIModel
from modelrollout.api.scalars import Selector, decimal_where, parse_limit

SCALE_MESSAGE: Final = 'must be a decimal string above 0, such as "0.000001" for amounts in microseconds'


def _above_zero(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError(f"{SCALE_MESSAGE}, not {value}")
    return value


Scale = Annotated[
    Decimal,
    BeforeValidator(parse_limit),
    AfterValidator(_above_zero),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(decimal_where("double(self) > 0.0", SCALE_MESSAGE)),
]


class Mean(APIModel):
    """An average per request: two counters, of amounts and of requests."""

    sum: Selector = Field(description="Counter of amounts, as a series selector: seconds_sum{$selector}.")
    count: Selector = Field(description="Counter of requests, as a series selector: seconds_count{$selector}.")
    scale: Scale | None = Field(
        None,
        description='Factor on amounts, so that limits are in the metric\'s unit: "0.000001" makes seconds of '
        'microseconds. Default: "1".',
    )

    @property
    def factor(self) -> float:
        """What amounts are multiplied by."""
        return 1.0 if self.scale is None else float(self.scale)
