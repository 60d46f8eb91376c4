"""The table at the end and the sentence under it."""

from __future__ import annotations

import pytest

from e2e.demo.clients import Answers, Counts
from e2e.demo.story import CHAPTERS, Chronicle
from e2e.demo.summary import harm, table
from tests.unit.demo.objects import decision, promoted, rolled_back

pytestmark = pytest.mark.unit


def test_one_line_a_version() -> None:
    good, bad = Chronicle(CHAPTERS[1]), Chronicle(CHAPTERS[2])
    good.saw(promoted("v2", decision("v2", "Enter", "full", 100), decision("v2", "Promote", message="all passed")))
    bad.saw(rolled_back("v5", "error-rate 0.5 > 0.01", decision("v5", "Enter", "canary", 5)))
    total = Counts(
        versions={
            "v2": Answers(answered=1000, codes={"200": 1000}, correct=987),
            "v5": Answers(answered=7, codes={"200": 3, "500": 4}, correct=3),
        }
    )
    assert table([good, bad], total).splitlines() == [
        "VERSION   OUTCOME         WEIGHT   ANSWERED   FAILED    RIGHT   WHY",
        "v2        became stable    100 %       1000        0   98.7 %   all passed",
        "v5        rolled back        5 %          7        4   42.9 %   error-rate 0.5 > 0.01",
    ]


def test_harm_counts_each_request_once() -> None:
    total = Counts(sent=2000, bad_version=6, harmed=8, failures={"timeout": 2})
    assert harm(total) == "of 2000 live requests 6 met a bad version and 2 met another failure: 8 harmed (0.40 %)"
