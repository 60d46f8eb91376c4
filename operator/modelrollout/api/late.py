"""`metrics[].source` and `metrics[].delayed`: counters that no pod carries, and outcomes that are known days later."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import SCALAR_MAX_LENGTH, Duration, format_duration, parse_duration

SERIES_ARE_RATIOS = "source: Series goes with ratio, without sliceBy: name the counters of the label job there"
DELAYED_ARE_SERIES = "delayed needs source: Series: the job that knows the outcomes counts them, not the pods"
WIDTH_MIN = timedelta(minutes=1)
WIDTH_PATTERN = "^([0-9]{1,5}(s|m|h))+$"
WIDTH_MESSAGE = 'must be a duration of whole seconds, at least "1m", such as "10m"'


class Source(StrEnum):
    """Whose counters a metric reads: those of the revisions' pods, or of somebody who counts for them."""

    PODS = "Pods"
    SERIES = "Series"


class AfterWindow(StrEnum):
    """What harm does that shows only when the previous revision is not warm any more."""

    WARN = "Warn"
    IGNORE = "Ignore"


def _parse_width(value: object) -> timedelta:
    if isinstance(value, str) and not re.fullmatch(WIDTH_PATTERN, value):
        raise ValueError(f"{WIDTH_MESSAGE}, not {value!r}")
    width = parse_duration(value)
    if width < WIDTH_MIN:
        raise ValueError(f"{WIDTH_MESSAGE}, not {format_duration(width)!r}")
    return width


_IS_WIDTH = f"self.matches('{WIDTH_PATTERN}')"
Width = Annotated[
    timedelta,
    BeforeValidator(_parse_width),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": SCALAR_MAX_LENGTH,
            **cel((f"{_IS_WIDTH} && duration(self) >= duration('1m')", WIDTH_MESSAGE)),
        }
    ),
]
"""A duration of whole seconds, as cohorts are named by them."""


class Cohort(APIModel):
    """How counters say when the requests were made that they count."""

    label: Annotated[str, Field(min_length=1, max_length=63, pattern="^[a-zA-Z_][a-zA-Z0-9_]*$")] = Field(
        "made_at",
        description="Label with the Unix time at which the bucket of the requests begins: a multiple of width.",
    )
    width: Width = Field(timedelta(minutes=10), description="Length of a bucket, from 1m.")


class Delayed(APIModel):
    """Outcomes that are known long after the answer: counted by when requests were made, and read once mature."""

    maturity: Duration = Field(description="How long after a request its outcome is known, if it ever is.")
    cohort: Cohort = Field(Cohort(), description="How the counters name the time of the requests.")
    after_window: AfterWindow | None = Field(
        None,
        description="What is done about outcomes that are mature only after rollbackWindow, when going back is no "
        "longer one write. Must be set where maturity does not fit into rollbackWindow.",
    )
