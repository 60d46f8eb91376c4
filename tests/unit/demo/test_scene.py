"""Which of kubectl's lines are about the chapter that is being told."""

from __future__ import annotations

import pytest

from e2e.demo.clients import Counts, Second
from e2e.demo.feed import Line
from e2e.demo.scene import WINDOW, Scene
from e2e.demo.story import CHAPTERS

pytestmark = pytest.mark.unit

HEADING = "NAME     VERSION   STABLE   PHASE         VERDICT            AGE"
BEFORE = "digits   v2        v2       Succeeded     v2 serves          1m"
STALE = "digits   v5        v2       Succeeded     v2 serves          1m"
FRESH = "digits   v5        v2       Progressing   v5 replaces v2     1m"


def scene(*lines: str) -> Scene:
    told = Scene()
    told.begin(CHAPTERS[1])
    told.take(Line(HEADING))
    told.take(Line(BEFORE))
    told.begin(CHAPTERS[2])
    for line in lines:
        told.take(Line(line))
    return told


@pytest.mark.parametrize(
    ("lines", "phase"),
    [
        pytest.param([], None, id="nothing yet"),
        pytest.param([BEFORE], None, id="the version before"),
        pytest.param([STALE], None, id="the new version, but the status of the one before"),
        pytest.param([STALE, FRESH], "Progressing", id="the new version"),
    ],
)
def test_only_what_is_about_this_version_is_shown(lines: list[str], phase: str | None) -> None:
    assert scene(*lines).cells.get("PHASE") == phase


def test_the_same_status_can_come_back_in_a_later_chapter() -> None:
    assert scene(FRESH, STALE).cells.get("PHASE") == "Progressing"


def test_shares_are_of_the_last_seconds() -> None:
    told = Scene()
    for number in range(WINDOW + 3):
        told.take(Second(now=Counts(failures={"timeout": 1}), total=Counts(sent=number)))
    assert (told.shares.requests, told.total.sent, told.seconds_told) == (WINDOW, WINDOW + 2, WINDOW + 3)
