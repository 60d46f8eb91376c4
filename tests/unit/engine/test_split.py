"""Splits that can exist."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.engine.split import Mirror, Split, between, only

pytestmark = pytest.mark.unit


@given(st.integers(0, 100), st.integers(0, 100))
def test_every_split_between_two_sums_to_100_and_leaves_out_who_gets_nothing(weight: int, mirror: int) -> None:
    split = between("old", "new", weight, mirror)
    assert sum(percent for _, percent in split.weights) == 100
    assert all(percent > 0 for _, percent in split.weights)
    assert (split.weight_of("old"), split.weight_of("new"), split.mirror_of("new")) == (100 - weight, weight, mirror)
    assert split.mirror_of("old") == 0


def test_all_traffic_to_one() -> None:
    assert only("old") == Split((("old", 100),))
    assert only("old").weight_of("new") == 0


def test_revisions_are_all_that_the_route_names() -> None:
    assert between("old", "new", 0, 50).revisions == {"old", "new"}
    assert between("old", "new", 0).revisions == {"old"}


@pytest.mark.parametrize(
    "weights",
    [
        (("old", 99),),
        (("old", 101),),
        (("old", 100), ("new", 0)),
        (("old", 50), ("old", 50)),
        (("old", 150), ("n", -50)),
    ],
)
def test_splits_that_cannot_be(weights: tuple[tuple[str, int], ...]) -> None:
    with pytest.raises(ValueError, match="not"):
        Split(weights)


@pytest.mark.parametrize("percent", [0, 101, -1])
def test_a_mirror_has_a_percent(percent: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 100"):
        Mirror("new", percent)
