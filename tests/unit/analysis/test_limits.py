import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.limits import Limits

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("limits", "stable", "above"),
    [
        pytest.param(Limits(ratio=1.5), 0.02, 0.03, id="ratio"),
        pytest.param(Limits(ratio=1.5), 0.0, 0.0, id="ratio-of-nothing"),
        pytest.param(Limits(difference=0.005), 0.02, 0.025, id="difference"),
        pytest.param(Limits(ratio=1.5, difference=0.005), 0.02, 0.03, id="ratio-is-larger"),
        pytest.param(Limits(ratio=1.5, difference=0.005), 0.001, 0.006, id="a-tiny-rate-blames-nobody"),
        pytest.param(Limits(ratio=0.8), 0.5, 0.4, id="an-improvement-is-demanded"),
    ],
)
def test_upper_limit_beside_stable(limits: Limits, stable: float, above: float) -> None:
    assert limits.above(stable) == pytest.approx(above)


@pytest.mark.parametrize(
    ("limits", "stable", "below"),
    [
        pytest.param(Limits(min=0, ratio=1.25), 0.5, 0.4, id="ratio"),
        pytest.param(Limits(min=0, difference=0.05), 0.5, 0.45, id="difference"),
        pytest.param(Limits(min=0, ratio=1.25, difference=0.05), 0.5, 0.4, id="the-smaller"),
        pytest.param(Limits(min=0, ratio=0), 0.5, -math.inf, id="ratio-0-bounds-nothing"),
    ],
)
def test_lower_limit_beside_stable(limits: Limits, stable: float, below: float) -> None:
    assert limits.below(stable) == pytest.approx(below)


@pytest.mark.parametrize("side", ["above", "below"])
def test_there_is_no_relative_limit_without_one(side: str) -> None:
    with pytest.raises(ValueError, match="relative"):
        getattr(Limits(max=0.01, min=0.001), side)(0.5)


@pytest.mark.parametrize("field", ["max", "min", "ratio", "difference"])
def test_limits_must_be_numbers(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Limits(**{field: math.nan})


def test_a_negative_ratio_is_refused() -> None:
    with pytest.raises(ValueError, match="ratio must be at least 0"):
        Limits(ratio=-1.0)


@given(st.floats(0, 5), st.floats(-0.5, 0.5), st.floats(0, 1))
def test_leaving_out_what_is_implied_changes_no_limit(ratio: float, difference: float, stable: float) -> None:
    limits = Limits(ratio=ratio, difference=difference)
    assert limits.binding.above(stable) == pytest.approx(limits.above(stable))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [(Limits(max=0.1), False), (Limits(min=0.1), True), (Limits(max=0.9, min=0.1), False), (Limits(ratio=1.5), False)],
)
def test_more_is_better_only_with_min_alone(limits: Limits, *, expected: bool) -> None:
    assert limits.more_is_better is expected
