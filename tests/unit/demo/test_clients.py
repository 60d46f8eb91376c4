"""What clients got, from the lines of the load pod's log."""

from __future__ import annotations

import json

import pytest

from e2e.demo.clients import Counts, Second, Shares, parse
from examples.digits.load.accounting import Answer, NoAnswer, Tally

pytestmark = pytest.mark.unit


def line(*results: Answer | NoAnswer) -> str:
    """As the load client writes it."""
    tally = Tally(["v5"])
    for result in results:
        tally.sent()
        tally.finished(result)
    return json.dumps({"second": 1, "now": tally.report(), "total": tally.report()})


def second(*results: Answer | NoAnswer) -> Second:
    read = parse(line(*results))
    assert read is not None
    return read


GOOD = Answer("v1", 200, correct=True, seconds=0.001)
WRONG = Answer("v1", 200, correct=False, seconds=0.001)
FAILED = Answer("v5", 500, correct=False, seconds=0.001)
BAD = Answer("v5", 200, correct=True, seconds=0.001)
LOST = NoAnswer("timeout")


def test_the_load_clients_own_lines_are_read() -> None:
    total = second(GOOD, WRONG, FAILED, BAD, LOST).total
    assert (total.sent, total.bad_version, total.harmed) == (5, 2, 3)
    assert (total.of("v1").answered, total.of("v1").correct, total.of("v1").failed) == (2, 1, 0)
    assert (total.of("v5").answered, total.of("v5").failed) == (2, 1)


def test_a_version_that_answered_nothing_has_zeros() -> None:
    assert second(GOOD).total.of("v3") == Counts().of("v1")
    assert second(GOOD).total.of("v3").failed == 0


@pytest.mark.parametrize("text", ['{"summary": {}}', "warning: something", ""])
def test_other_lines_are_passed_over(text: str) -> None:
    assert parse(text) is None


def test_shares_are_of_all_requests_in_the_window_unanswered_ones_too() -> None:
    shares = Shares([second(GOOD, GOOD, GOOD), second(BAD, LOST, GOOD, GOOD, GOOD)])
    assert shares.requests == 8
    assert shares.by_version() == {Shares.UNANSWERED: 0.125, "v1": 0.75, "v5": 0.125}


def test_without_requests_there_are_no_shares() -> None:
    assert Shares([]).by_version() == {}
