import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.budget import Budget

pytestmark = pytest.mark.unit


@given(st.floats(1e-6, 0.1), st.integers(0, 40), st.integers(0, 400))
def test_all_tests_of_all_attempts_have_alpha_together(alpha: float, aggregates: int, slices: int) -> None:
    total = 0.0
    for attempt in range(1, 200):
        budget = Budget(alpha, attempt, aggregates, slices)
        total += aggregates * budget.of_aggregate + slices * budget.of_slice
    assert total <= alpha * (1 + 1e-12)
    if aggregates or slices:
        assert total >= 0.99 * alpha


@pytest.mark.parametrize(
    ("budget", "aggregate", "one_slice"),
    [
        pytest.param(Budget(0.01, 1, 1), 0.005, 0.0, id="one-metric-has-all-of-the-first-attempt"),
        pytest.param(Budget(0.01, 1, 5), 0.001, 0.0, id="five-share-it"),
        pytest.param(Budget(0.01, 1, 5, 10), 0.0005, 0.00025, id="half-goes-to-slices"),
        pytest.param(Budget(0.01, 3, 1), 0.01 / 12, 0.0, id="a-third-attempt-has-less"),
    ],
)
def test_parts(budget: Budget, aggregate: float, one_slice: float) -> None:
    assert budget.of_aggregate == pytest.approx(aggregate)
    if budget.slices:
        assert budget.of_slice == pytest.approx(one_slice)


@pytest.mark.parametrize("wrong", [(0.0, 1, 1, 0), (1.0, 1, 1, 0), (0.01, 0, 1, 0), (0.01, 1, -1, 0), (0.01, 1, 1, -1)])
def test_wrong_use_is_refused(wrong: tuple[float, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"alpha|count"):
        Budget(*wrong)
