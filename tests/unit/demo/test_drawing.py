"""The view as text."""

from __future__ import annotations

import pytest

from e2e.demo import drawing
from e2e.demo.clients import Answers, Counts, Second
from e2e.demo.feed import Line
from e2e.demo.scene import Scene
from e2e.demo.story import CHAPTERS
from tests.unit.demo.objects import decision, revision, seen

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("share", "drawn"),
    [
        pytest.param(0.0, "", id="nothing"),
        pytest.param(0.001, "▏", id="what is not nothing is seen"),
        pytest.param(0.5, "████", id="half"),
        pytest.param(0.55, "████▍", id="and an eighth"),
        pytest.param(1.0, "████████", id="all"),
    ],
)
def test_bars_are_exact_to_an_eighth(share: float, drawn: str) -> None:
    assert drawing.bar(share, 8) == drawn


def scene() -> Scene:
    shown = Scene()
    shown.begin(CHAPTERS[1])
    now = Counts(
        sent=60,
        versions={
            "v1": Answers(answered=57, codes={"200": 57}, correct=55),
            "v2": Answers(answered=3, codes={"200": 3}, correct=3),
        },
    )
    shown.take(Line("NAME     VERSION   STABLE   PHASE         STAGE        WEIGHT   VERDICT              AGE"))
    shown.take(Line("digits   v2        v1       Progressing   2/4 canary   5        passing: 3/3 checks  30s"))
    shown.take(Second(now=now, total=now))
    shown.take(seen("v2", decision("v2", "Enter", "canary", 5, "shadow passed"), attempt=revision("v2")))
    return shown


def test_the_block_holds_kubectls_line_the_shares_and_the_decisions() -> None:
    lines = drawing.block(scene(), 72, 200)
    assert lines[0] == " 1m12s  v2: a better model: shadow, 5 %, ramp, full"
    assert lines[3].startswith("digits   v2        v1       Progressing   2/4 canary   5")
    assert any(line.startswith("  v1 ") and line.endswith(" 95.0 %") for line in lines)
    assert any(line.startswith("  v2 ") and line.endswith("  5.0 %") for line in lines)
    assert lines[-1] == "  10:05:03  Enter     shadow passed"


def test_no_line_is_wider_than_the_terminal() -> None:
    assert max(len(line) for line in drawing.block(scene(), 72, 60)) < 60


def test_a_line_of_the_transcript_stands_under_its_heading() -> None:
    shown = scene()
    line = drawing.transcript_line(shown.cells, shown.shares.by_version(), 72)
    heading = drawing.transcript_heading(shown.cells)
    assert line.startswith(" 1m12s   v1  95.0 %  v2   5.0 %   digits")
    assert line.index("Progressing") == heading.index("PHASE")
