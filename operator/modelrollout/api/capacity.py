"""`spec.capacity`: how much the service must be able to answer, and how fast."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from modelrollout.api.model import APIModel
from modelrollout.api.scalars import decimal_where, parse_limit

POSITIVE_MESSAGE = 'must be a decimal string above 0, such as "1000"'


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError(f"{POSITIVE_MESSAGE}, not {value}")
    return value


Positive = Annotated[
    Decimal,
    BeforeValidator(parse_limit),
    AfterValidator(_positive),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(decimal_where("double(self) > 0.0", POSITIVE_MESSAGE)),
]


class Capacity(APIModel):
    """A throughput goal. No weight is raised before ready pods have shown that they cover their part of it."""

    qps: Positive = Field(description="Requests a second that all pods together must be able to answer.")
    p99: Positive = Field(
        description="Within which 99 of 100 answers come: an edge of the histogram's buckets, in their unit."
    )
    latency: str | None = Field(
        None,
        min_length=1,
        max_length=63,
        description="Name of the histogram metric that p99 is an edge of. Default: the first histogram of a latency.",
    )


class ShownThroughput(APIModel):
    """What a ready pod has shown to be able to answer."""

    qps: str = Field(max_length=32, description="Requests a second of one ready pod.")
    p99: str = Field(max_length=32, description="Within which 99 of 100 of its answers came.")
    latency: str = Field(max_length=63, description="Name of the metric that showed it.")
