"""Durations and limits as users write them: `1h30m`, `"0.01"`. One reading each, or a clear refusal."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

DURATION_PATTERN: Final = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
DURATION_MESSAGE: Final = 'must be a duration such as "10s", "5m" or "1h30m"'
DECIMAL_PATTERN: Final = r"^-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?$"
DECIMAL_MESSAGE: Final = (
    'must be a plain decimal string in the metric\'s unit, such as "0.01"; a suffix is refused because'
    ' "500m" would be 0.5 to one reader and 500 minutes to the next'
)
SCALAR_MAX_LENGTH: Final = 32

_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def cel_string(pattern: str, message: str) -> dict[str, Any]:
    """A string whose form a CEL rule checks: unlike `pattern`, a rule can say in words what to write instead."""
    escaped = pattern.replace("\\", "\\\\")
    return {
        "type": "string",
        "maxLength": SCALAR_MAX_LENGTH,
        "x-kubernetes-validations": [{"rule": f"self.matches('{escaped}')", "message": message}],
    }


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


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(cel_string(DURATION_PATTERN, DURATION_MESSAGE)),
]
Limit = Annotated[
    Decimal,
    BeforeValidator(parse_limit),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(cel_string(DECIMAL_PATTERN, DECIMAL_MESSAGE)),
]
IntOrString = Annotated[
    int | str,
    Field(union_mode="left_to_right"),
    WithJsonSchema({"x-kubernetes-int-or-string": True}),
]
Preserved = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
"""An object of another API, kept to the letter: no defaults, no pruning. The API server of that kind judges it."""
