"""What a metric tells when it fails, beyond that it does: `spec.metrics[].signal`."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from modelrollout.api.scalars import decimal_where, parse_limit

QUEUE_NEEDS_QUERY: Final = (
    "signal: Saturation belongs to query: a queue is full by its latest values, not by what was counted before"
)
QUEUE_IS_NO_FAULT: Final = (
    "a full queue is no fault of the model, so it does not enforce: leave mode out (Hold), or set Warn or Observe"
)
LOAD_MESSAGE: Final = 'must be a decimal string above 0 and at most 1, such as "0.8"'


def _load_share(value: Decimal) -> Decimal:
    if not 0 < value <= 1:
        raise ValueError(f"{LOAD_MESSAGE}, not {value}")
    return value


LoadShare = Annotated[
    Decimal,
    BeforeValidator(parse_limit),
    AfterValidator(_load_share),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(decimal_where("double(self) > 0.0 && double(self) <= 1.0", LOAD_MESSAGE)),
]


class Signal(StrEnum):
    """Which of the signals that diagnosis tells apart a metric is."""

    LATENCY = "Latency"
    """How long answers take: failing beside a full queue, it says that there are too few pods."""
    SATURATION = "Saturation"
    """How full a queue is, or whatever else runs out before requests wait."""
