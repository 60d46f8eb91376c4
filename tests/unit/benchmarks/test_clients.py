"""What the users of a benchmark ask."""

from __future__ import annotations

import json

import pytest

from benchmarks.clients import BAD_INPUT, DRAWN, draw, is_server_error
from e2e.support.traffic import Met
from examples.digits.load.load import Digit

pytestmark = pytest.mark.unit

DIGITS = [Digit(b"a", 1), Digit(b"b", 2)]


def test_every_request_is_drawn_by_itself() -> None:
    drawn = draw(DIGITS, bad_share=0.005, seed=1)
    assert len(drawn) == DRAWN
    bad = sum(one is BAD_INPUT for one in drawn)
    assert 60 <= bad <= 140  # 100 meant, ten the standard deviation
    assert {one.label for one in drawn} == {1, 2, BAD_INPUT.label}


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    assert draw(DIGITS, bad_share=0.1, seed=7) == draw(DIGITS, bad_share=0.1, seed=7)
    assert draw(DIGITS, bad_share=0.1, seed=7) != draw(DIGITS, bad_share=0.1, seed=8)


def test_a_bad_input_is_good_json_of_the_right_shape() -> None:
    tensor = json.loads(BAD_INPUT.body)["inputs"][0]
    assert len(tensor["data"]) == 64
    assert max(tensor["data"]) > 3.5e38


@pytest.mark.parametrize(("outcome", "is_one"), [("500", True), ("503", True), ("200", False), ("timeout", False)])
def test_a_server_error_is_an_answer_5xx(outcome: str, is_one: object) -> None:
    assert is_server_error(Met(0.0, "v5", outcome)) is is_one
