"""Which ticks a pass may rest on, by cases: what is left out just after a pod of the candidate joined."""

from __future__ import annotations

import math

import pytest

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.settling import settled

pytestmark = pytest.mark.unit


def ticks(until: int, *, joined: tuple[int, ...] = (), final_until: int = 100) -> list[Tick]:
    return [Tick(float(at), Counts(0, 1), None, at <= final_until, joined=at in joined) for at in range(1, until + 1)]


@pytest.mark.parametrize(
    ("joined", "begins", "settle", "kept"),
    [
        pytest.param((), 3, 5, [3, 4, 5, 6, 7, 8], id="no-new-pod"),
        pytest.param((1,), 6, 5, [6, 7, 8], id="a-weight-just-raised-costs-no-more-than-before"),
        pytest.param((4,), 1, 3, [1, 2, 3, 7, 8], id="what-was-before-it-stays"),
        pytest.param((3, 4), 1, 3, [1, 2, 7, 8], id="two-pods-one-after-the-other"),
        pytest.param((4,), 1, 0, [1, 2, 3, 4, 5, 6, 7, 8], id="settle-0-leaves-out-nothing"),
        pytest.param((2, 5, 8), 1, 3, [1], id="pods-that-join-all-the-time"),
    ],
)
def test_what_is_left_out(joined: tuple[int, ...], begins: float, settle: float, kept: list[int]) -> None:
    assert [tick.at for tick in settled(ticks(8, joined=joined), begins, settle).ticks] == kept


def test_reading_in_pieces_leaves_out_the_same() -> None:
    every = ticks(9, joined=(4,))
    whole = settled(every, 1, 3)
    first = settled(every[:5], 1, 3)
    second = settled(every[5:], 1, 3, first.joined)
    assert (*first.ticks, *second.ticks) == whole.ticks


def test_a_tick_that_may_still_change_is_not_remembered() -> None:
    """It is given again with the next read."""
    found = settled(ticks(5, joined=(4,), final_until=3), 1, 3)
    assert [tick.at for tick in found.ticks] == [1, 2, 3]
    assert found.joined == -math.inf
