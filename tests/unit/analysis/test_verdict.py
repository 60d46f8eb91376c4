import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.verdict import Verdict, format_number

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (0.08, "0.08"),
        (0.00001, "0.00001"),
        (0.0123456, "0.0123"),
        (0.99999, "1"),
        (99.96, "100"),
        (123.4, "123"),
        (1000.0, "1000"),
        (1234567.0, "1230000"),
        (-2.5, "-2.5"),
        (1e-12, "1e-12"),
        (5e20, "5e+20"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers_read_as_a_person_would_write_them(number: float, text: str) -> None:
    assert format_number(number) == text


@given(st.floats(min_value=1e-9, max_value=1e14))
def test_three_digits_survive(number: float) -> None:
    text = format_number(number)
    assert "e" not in text
    assert float(text) == pytest.approx(number, rel=5.1e-3)


def test_verdicts_are_the_words_that_status_shows() -> None:
    assert [str(verdict) for verdict in Verdict] == ["Pass", "Continue", "Harm", "NoData"]
