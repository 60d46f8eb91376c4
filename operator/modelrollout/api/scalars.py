"""Durations and limits as users write them: `1h30m`, `"0.01"`. One reading each, or a clear refusal."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic.config import JsonDict

from modelrollout.api.model import cel

DURATION_PATTERN: Final = r"^([0-9]{1,5}(\.[0-9]{1,3})?(ms|s|m|h))+$"
"""Five digits a part: the longest text that fits is 57 years, which Go's durations and Python's both hold."""
DURATION_MESSAGE: Final = (
    'must be a duration such as "10s", "5m" or "1h30m", with at most five digits before each unit (ms, s, m, h)'
)
INTERVAL_MIN: Final = timedelta(seconds=1)
INTERVAL_MESSAGE: Final = 'must be at least "1s"'
DECIMAL_PATTERN: Final = r"^-?[0-9]+(\.[0-9]+)?(e-?[0-9]{1,2})?$"
"""Two digits of exponent: every value that fits is a finite float."""
DECIMAL_MESSAGE: Final = (
    'must be a plain decimal string in the metric\'s unit, such as "0.01"; a suffix is refused because'
    ' "500m" would be 0.5 to one reader and 500 minutes to the next'
)
WHOLE_MESSAGE: Final = "must be a whole number"
SCALAR_MAX_LENGTH: Final = 32
SELECTOR_MAX: Final = 1024

_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _string(*rules: tuple[str, str]) -> JsonDict:
    """A short string that CEL rules check: unlike `pattern`, a rule can say in words what to write instead."""
    return {"type": "string", "maxLength": SCALAR_MAX_LENGTH, **cel(*rules)}


def _matches(pattern: str) -> str:
    escaped = pattern.replace("\\", "\\\\")
    return f"self.matches('{escaped}')"


def decimal_where(rule: str, message: str) -> JsonDict:
    """Schema of a decimal string that keeps one more rule, with one message for both: the CRD has to stay small."""
    return _string((f"{_matches(DECIMAL_PATTERN)} && {rule}", message))


def parse_duration(value: object) -> timedelta:
    """Read Go's duration syntax, without signs, days or bare numbers.

    Raises:
        ValueError: the text is not such a duration.
    """
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or len(value) > SCALAR_MAX_LENGTH or not re.fullmatch(DURATION_PATTERN, value):
        raise ValueError(f"{DURATION_MESSAGE}, not {value!r}")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value)))


def format_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same time: `90s` becomes `1m30s`."""
    seconds = value.total_seconds()
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    text = "".join(f"{int(number)}{unit}" for number, unit in ((hours, "h"), (minutes, "m")) if number)
    return text + (f"{seconds:g}s" if seconds or not text else "")


def parse_limit(value: object) -> Decimal:
    """Read a limit.

    Raises:
        ValueError: the value is not a plain decimal string. Numbers are refused too: YAML's 0.10 and "0.10" differ.
    """
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or len(value) > SCALAR_MAX_LENGTH or not re.fullmatch(DECIMAL_PATTERN, value):
        raise ValueError(f"{DECIMAL_MESSAGE}, not {value!r}")
    return Decimal(value)


def _at_least_interval_min(value: timedelta) -> timedelta:
    if value < INTERVAL_MIN:
        raise ValueError(f"{INTERVAL_MESSAGE}, not {format_duration(value)!r}")
    return value


def parse_whole(value: object) -> int:
    """Read a whole number as the API server does: 2.0 is 2, as templating tools write it; "2" and true are not numbers.

    Raises:
        ValueError: the value is not a whole number.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{WHOLE_MESSAGE}, not {value!r}")


def parse_int_or_string(value: object) -> int | str:
    """Read a port: a name stays text even where it looks like a number.

    Raises:
        ValueError: the value is neither.
    """
    return value if isinstance(value, str) else parse_whole(value)


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(_string((_matches(DURATION_PATTERN), DURATION_MESSAGE))),
]
Interval = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    AfterValidator(_at_least_interval_min),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        _string(
            (_matches(DURATION_PATTERN), DURATION_MESSAGE),
            # A text that is no duration is the first rule's to report: duration() would add an error of CEL's own.
            (f"!{_matches(DURATION_PATTERN)} || duration(self) >= duration('1s')", INTERVAL_MESSAGE),
        )
    ),
]
"""A duration that something is repeated at."""
Limit = Annotated[
    Decimal,
    BeforeValidator(parse_limit),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(_string((_matches(DECIMAL_PATTERN), DECIMAL_MESSAGE))),
]
Selector = Annotated[str, Field(min_length=1, max_length=SELECTOR_MAX)]
"""A PromQL series selector with `$selector` in it."""
Whole = Annotated[int, BeforeValidator(parse_whole)]
Port = Annotated[int, Field(ge=1, le=65535), BeforeValidator(parse_whole)]
IntOrString = Annotated[
    int | str,
    BeforeValidator(parse_int_or_string),
    WithJsonSchema({"x-kubernetes-int-or-string": True}),
]
Preserved = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""An object of another API, kept to the letter: no defaults, no pruning. The API server of that kind judges it."""
