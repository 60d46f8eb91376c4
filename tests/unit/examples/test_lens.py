"""Drifted images: darker, or turned, and else the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from examples.digits.load.lens import AS_DRAWN, MOST_INK, SIDE, Lens
from examples.digits.load.load import read_digits

pytestmark = pytest.mark.unit

IMAGE = [float(number % 17) for number in range(SIDE * SIDE)]


def test_as_drawn_nothing_changes() -> None:
    assert AS_DRAWN.taken(IMAGE) == IMAGE


def test_darkened_there_is_more_ink_and_nowhere_more_than_there_can_be() -> None:
    taken = Lens(darken=4.0).taken(IMAGE)
    assert taken == [min(MOST_INK, pixel + 4) for pixel in IMAGE]
    assert sum(taken) > sum(IMAGE)


def test_turned_clockwise_the_first_row_is_the_last_column() -> None:
    taken = Lens(turns=1).taken(IMAGE)
    assert taken[SIDE - 1 :: SIDE] == IMAGE[:SIDE]
    assert sum(taken) == sum(IMAGE)
    assert Lens(turns=4).taken(IMAGE) == IMAGE


def test_requests_carry_what_the_camera_took(tmp_path: Path) -> None:
    file = tmp_path / "heldout.json"
    file.write_text(json.dumps([{"label": 7, "pixels": IMAGE}]))
    (digit,) = read_digits(file, Lens(darken=16.0))
    body = json.loads(digit.body)
    assert (digit.label, body["inputs"][0]["data"]) == (7, [MOST_INK] * SIDE * SIDE)
