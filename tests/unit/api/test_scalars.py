"""Durations, limits, whole numbers and ports: one reading each, or a refusal that says what to write."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from modelrollout.api.scalars import (
    DECIMAL_PATTERN,
    DURATION_PATTERN,
    Interval,
    format_duration,
    parse_duration,
    parse_int_or_string,
    parse_limit,
    parse_whole,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("5m", 300), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25), ("0s", 0), ("1m0.25s", 60.25)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value", ["5x", "", "5", "-5s", "1d", "5 s", "5m\n", "1e3s", "100000s", "1h" * 17, 5, None, True]
)
def test_what_is_no_duration_is_refused_with_examples(value: object) -> None:
    with pytest.raises(ValueError, match=re.escape('such as "10s", "5m" or "1h30m"')):
        parse_duration(value)


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "1m30s"), (3600, "1h"), (0, "0s"), (0.25, "0.25s"), (86_400, "24h"), (3601, "1h1s")]
)
def test_a_duration_is_written_in_its_shortest_form(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@given(st.integers(min_value=0, max_value=99_999 * 3_600_000))
def test_a_duration_survives_writing_and_reading(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.from_regex(DURATION_PATTERN, fullmatch=True).filter(lambda text: len(text) <= 32 and text.isascii()))
def test_whatever_the_api_server_admits_as_a_duration_is_read(text: str) -> None:
    assert parse_duration(text) >= timedelta(0)


def test_an_interval_is_at_least_a_second() -> None:
    interval = TypeAdapter(Interval)
    assert interval.validate_python("1s") == timedelta(seconds=1)
    with pytest.raises(ValidationError, match=re.escape("must be at least \"1s\", not '0.999s'")):
        interval.validate_python("999ms")


@pytest.mark.parametrize("text", ["0.01", "1", "-12.5", "1e-3", "100"])
def test_a_limit_is_read_to_the_last_digit(text: str) -> None:
    assert parse_limit(text) == Decimal(text)


@pytest.mark.parametrize(
    "value", ["500m", "1%", "0.5s", "1k", "1Ki", ".5", "5.", "+1", "NaN", "inf", "1e999", "", 0.01, 1]
)
def test_a_limit_with_a_suffix_is_refused_with_both_readings(value: object) -> None:
    with pytest.raises(ValueError, match=re.escape('"500m" would be 0.5 to one reader and 500 minutes to the next')):
        parse_limit(value)


@given(st.from_regex(DECIMAL_PATTERN, fullmatch=True).filter(lambda text: len(text) <= 32 and text.isascii()))
def test_whatever_the_api_server_admits_as_a_limit_is_a_finite_number(text: str) -> None:
    assert abs(float(parse_limit(text))) < float("inf")


def test_a_whole_number_may_be_written_as_a_float() -> None:
    assert parse_whole(2.0) == 2
    assert isinstance(parse_whole(2.0), int)


@pytest.mark.parametrize("value", [1.5, "2", True, None, float("nan"), float("inf"), [1]])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a whole number"):
        parse_whole(value)


def test_a_port_s_name_stays_text() -> None:
    assert parse_int_or_string("8080") == "8080"
    assert parse_int_or_string(8080.0) == 8080
