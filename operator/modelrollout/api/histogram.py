"""`spec.metrics[].histogram`: a quantile limit, judged on the counts of a histogram."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import SCALAR_MAX_LENGTH, Selector

QUANTILE_PATTERN: Final = r"^0?\.[0-9]{0,9}[1-9][0-9]*$"
QUANTILE_MESSAGE: Final = 'must be a decimal string between 0 and 1, such as "0.99"'
ONE_EDGE: Final = (
    "a histogram needs check.max or check.min, and only one: its limit lies at one edge of the buckets; write two "
    "metrics for both"
)


def parse_quantile(value: object) -> Decimal:
    """Read a quantile.

    Raises:
        ValueError: the value is not a plain decimal string between 0 and 1, both left out.
    """
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or len(value) > SCALAR_MAX_LENGTH or not re.fullmatch(QUANTILE_PATTERN, value):
        raise ValueError(f"{QUANTILE_MESSAGE}, not {value!r}")
    return Decimal(value)


_PATTERN_IN_CEL: Final = QUANTILE_PATTERN.replace("\\", "\\\\")
Quantile = Annotated[
    Decimal,
    BeforeValidator(parse_quantile),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": SCALAR_MAX_LENGTH,
            **cel((f"self.matches('{_PATTERN_IN_CEL}')", QUANTILE_MESSAGE)),
        }
    ),
]


class Histogram(APIModel):
    """A quantile of a histogram.

    "p99 at most 0.5" says the same as "at most 1 % above 0.5", and that is a ratio of counts, exact wherever 0.5 is an
    edge of the buckets.
    """

    buckets: Selector = Field(
        description="The histogram as a series selector: request_seconds_bucket{$selector}, or of a native one "
        "request_seconds{$selector}."
    )
    quantile: Quantile = Field(
        description='Which quantile check.max or check.min limits, such as "0.99". The limit must be an edge (le) of '
        "the buckets of both revisions; noWorseThan compares the shares beyond it."
    )
