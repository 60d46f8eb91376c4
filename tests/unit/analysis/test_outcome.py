import math

import pytest

from modelrollout.analysis.outcome import NotFinite, Value, measured

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("number", [0.0, -3.5, 1e300])
def test_a_finite_number_is_a_value(number: float) -> None:
    assert measured(number) == Value(number)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_never_becomes_a_value(number: float) -> None:
    assert isinstance(measured(number), NotFinite)
    with pytest.raises(ValueError, match="finite"):
        Value(number)
