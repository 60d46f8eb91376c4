"""What is usual, and a limit beside it."""

from __future__ import annotations

import statistics
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.usual import Usual, rounded

pytestmark = pytest.mark.unit

FINITE = st.floats(min_value=-1e9, max_value=1e9, allow_subnormal=False)


def test_a_summary() -> None:
    found = Usual.of([1.0, 2.0, 3.0, 4.0])
    assert (found.mean, found.lowest, found.highest, found.values) == (2.5, 1.0, 4.0, 4)
    assert found.sigma == pytest.approx(1.2909944)
    assert found.above(2) == pytest.approx(5.0819889)
    assert found.below(2) == pytest.approx(-0.0819889)


@pytest.mark.parametrize("values", [[], [0.5]])
def test_one_value_has_no_spread(values: list[float]) -> None:
    with pytest.raises(ValueError, match="two values"):
        Usual.of(values)


@given(st.lists(FINITE, min_size=2, max_size=50))
def test_it_is_what_the_standard_library_says(values: list[float]) -> None:
    found = Usual.of(values)
    assert found.sigma == statistics.stdev(values)
    assert found.below(0) == found.above(0) == found.mean


@pytest.mark.parametrize(
    ("value", "up", "text"),
    [
        (0.01234, True, "0.013"),
        (0.01234, False, "0.012"),
        (0.3, True, "0.3"),
        (0.1 + 0.2, True, "0.3"),
        (1234.0, True, "1300"),
        (0.0, True, "0"),
        (-1.26, True, "-1.2"),
        (-1.26, False, "-1.3"),
        (99.9, True, "100"),
        (0.000001, True, "0.000001"),
    ],
)
def test_limits_are_written_as_people_would(value: float, up: bool, text: str) -> None:  # noqa: FBT001 - a table
    assert f"{rounded(value, up=up):f}" == text


@given(FINITE)
def test_rounding_is_never_on_the_stricter_side(value: float) -> None:
    slack = Decimal(repr(abs(value))) * Decimal("1e-6")
    assert rounded(value, up=True) >= Decimal(repr(value)) - slack
    assert rounded(value, up=False) <= Decimal(repr(value)) + slack
