"""`check.usual` and `status.usual`: a largest value that is made from what was usual."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import (
    DURATION_MESSAGE,
    DURATION_PATTERN,
    SCALAR_MAX_LENGTH,
    decimal_where,
    format_duration,
    parse_duration,
    parse_limit,
)

WEEK: Final = timedelta(hours=168)
SPAN_MAX: Final = 12 * WEEK
SIGMAS_MESSAGE: Final = 'must be a decimal string above 0 and at most 20, such as "3"'
SPAN_MESSAGE: Final = 'must be two to twelve weeks, "336h" to "2016h": the same hours of the week are compared'
SETS_MAX: Final = "usual makes the largest good value from history: leave max out"
ONLY_FOR_VALUES: Final = "usual belongs to ratio, query and mean: of anything else no single value is usual"


def _sigmas(value: Decimal) -> Decimal:
    if not 0 < value <= 20:
        raise ValueError(f"{SIGMAS_MESSAGE}, not {value}")
    return value


def _span(value: timedelta) -> timedelta:
    if not 2 * WEEK <= value <= SPAN_MAX:
        raise ValueError(f"{SPAN_MESSAGE}, not {format_duration(value)!r}")
    return value


_IS_DURATION: Final = f"self.matches('{DURATION_PATTERN.replace(chr(92), 2 * chr(92))}')"

Sigmas = Annotated[
    Decimal,
    BeforeValidator(parse_limit),
    AfterValidator(_sigmas),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(decimal_where("double(self) > 0.0 && double(self) <= 20.0", SIGMAS_MESSAGE)),
]
Weeks = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    AfterValidator(_span),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": SCALAR_MAX_LENGTH,
            **cel(
                (_IS_DURATION, DURATION_MESSAGE),
                (
                    f"!{_IS_DURATION} || duration(self) >= duration('336h') && duration(self) <= duration('2016h')",
                    SPAN_MESSAGE,
                ),
            ),
        }
    ),
]


class Usual(APIModel):
    """A largest good value from history: the mean of the same hours of the week, and so many standard deviations."""

    sigmas: Sigmas = Field(Decimal(3), description="Standard deviations above the mean.")
    span: Weeks = Field(2 * WEEK, description="How much history, in weeks written as hours.")


class UsualLimit(APIModel):
    """The limit of one metric."""

    metric: str = Field(max_length=63, description="Its name.")
    digest: str = Field(max_length=16, description="Of its definition: an edited metric is looked up anew.")
    max: str = Field(max_length=32, description="The largest good value.")
    mean: str = Field(max_length=32, description="What was usual in the hour of the week that it comes from.")
    sigma: str = Field(max_length=32, description="How much that varied.")
    values: int = Field(ge=2, description="Of how many values.")


class UsualLimits(APIModel):
    """What `check.usual` stands for in one attempt: looked up once, and the same until the attempt ends."""

    revision: str = Field(max_length=63, description="The candidate whose attempt it is for.")
    since: datetime = Field(description="When that attempt began.")
    limits: tuple[UsualLimit, ...] = Field((), max_length=32, description="One for each metric.")
