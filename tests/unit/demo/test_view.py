"""When a transcript gets another line."""

from __future__ import annotations

import io

import pytest

from e2e.demo.scene import Scene
from e2e.demo.story import CHAPTERS
from e2e.demo.view import Terminal, Transcript

pytestmark = pytest.mark.unit


class Telling:
    """A transcript with a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stream = io.StringIO()
        self.view = Transcript(self.stream, lambda: self.now)
        self.scene = Scene()
        self.scene.begin(CHAPTERS[1])

    def at(self, moment: float, stage: str, weight: str, verdict: str, age: str = "1s") -> list[str]:
        """Show this line of kubectl's; the new lines of the transcript, without its heading."""
        self.now = moment
        names = ("VERSION", "PHASE", "STAGE", "WEIGHT", "VERDICT", "AGE")
        self.scene.cells = dict(zip(names, ("v2", "Progressing", stage, weight, verdict, age), strict=True))
        before = len(self.stream.getvalue())
        self.view.show(self.scene)
        return [line for line in self.stream.getvalue()[before:].splitlines() if "TIME" not in line]


def test_a_new_stage_is_shown_at_once() -> None:
    telling = Telling()
    assert len(telling.at(0, "1/4 shadow", "0", "enters")) == 1
    assert len(telling.at(0.1, "2/4 canary", "0", "enters")) == 1


def test_a_new_weight_is_shown_when_it_has_stood_for_a_second() -> None:
    telling = Telling()
    telling.at(0, "2/4 canary", "0", "enters")
    assert telling.at(0.1, "2/4 canary", "5", "not accepted yet") == []
    assert telling.at(0.2, "2/4 canary", "5", "accepted") == []
    assert len(telling.at(1.3, "2/4 canary", "5", "accepted")) == 1


def test_a_new_verdict_waits_until_the_line_before_could_be_read() -> None:
    telling = Telling()
    telling.at(0, "2/4 canary", "5", "0 of 40 samples")
    assert telling.at(4, "2/4 canary", "5", "6 of 40 samples") == []
    assert len(telling.at(6, "2/4 canary", "5", "9 of 40 samples")) == 1


def test_a_line_that_only_grows_older_comes_again_after_a_while() -> None:
    telling = Telling()
    telling.at(0, "2/4 canary", "5", "passing")
    assert telling.at(9, "2/4 canary", "5", "passing", "10s") == []
    assert len(telling.at(11, "2/4 canary", "5", "passing", "12s")) == 1


def test_the_end_of_a_chapter_is_shown_however_short_it_stood() -> None:
    telling = Telling()
    telling.at(0, "2/4 canary", "5", "passing")
    telling.at(0.1, "2/4 canary", "0", "error-rate 0.5 > 0.01")
    telling.view.finish(telling.scene)
    assert "error-rate" in telling.stream.getvalue()


def test_a_terminal_redraws_in_place_and_keeps_what_is_said() -> None:
    stream = io.StringIO()
    view = Terminal(stream, lambda: 0.0)
    scene = Scene()
    scene.begin(CHAPTERS[0])
    view.show(scene)
    height = stream.getvalue().count("\n")
    view.show(scene)
    view.say("v1 in 9 s")
    assert f"\x1b[{height}A\r\x1b[J" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[Jv1 in 9 s\n")
