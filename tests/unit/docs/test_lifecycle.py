"""The drawing and the tables of docs/lifecycle.md are what the code decides."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from modelrollout.api.status import Phase
from modelrollout.engine.plan import LOWERING, Action
from tests.support.transitions import CHAINS, Transition, policies, transitions

pytestmark = pytest.mark.unit

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "lifecycle.md").read_text(encoding="utf-8")
TAKEN = {"RollBack", "Wait", "Approve"}
"""What an approval may do: agree to go on, or carry out a rollback that was recommended."""


def is_possible(each: Transition) -> bool:
    """Whether what the source can answer is more than a turn that no situation takes."""
    match each:
        case Transition("Loading", _, _, "NoSafeTarget"):
            return False  # who has no traffic gives none back: `shared.back` asks for the situation
        case Transition("Loading", "approved", action, _):
            return action == "Approve"  # there is no evidence yet, and so no rollback to recommend
        case Transition("Loading", "recommended", _, reason):
            return reason not in {"HarmHeld", "RollbackRecommended"}
        case Transition("Stepping", "approved", action, reason):
            return action in TAKEN and (action != "Wait" or reason == "NoSafeTarget")
        case _:
            return True


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    text = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\| `.*\|$", text, re.M)]


def documented() -> set[Transition]:
    """Each action of a row, with each reason up to the next action."""
    found = set()
    for situation in CHAINS:
        for policy, _, _, effect in rows(situation):
            for part in effect.split(";"):
                action, *reasons = re.findall(r"`([\w*]+)`", part)
                found |= {Transition(situation, policy.strip("`"), action, reason) for reason in reasons}
    return found


@pytest.mark.parametrize("situation", CHAINS)
def test_policies_are_asked_in_the_order_of_the_table(situation: str) -> None:
    assert [row[0].strip("`") for row in rows(situation)] == policies(situation)


def test_every_transition_is_in_a_table_and_none_besides() -> None:
    in_code = {each for each in transitions() if is_possible(each)}
    assert len(in_code) > 100
    assert sorted(in_code - documented()) == []
    assert sorted(documented() - in_code) == []


def test_every_action_is_explained_with_the_order_of_its_writes() -> None:
    order = {row[0].strip("`"): row[3] for row in rows("Actions")}
    assert order == {action.value: "the route" if action in LOWERING else "`status`" for action in Action}


def test_the_drawing_shows_every_action_situation_and_phase() -> None:
    drawing = ElementTree.fromstring((DOCS / "images" / "lifecycle.svg").read_text(encoding="utf-8"))  # noqa: S314
    words = set(re.findall(r"\w+", " ".join(element.text or "" for element in drawing.iter())))
    assert {action.value for action in Action} <= words
    assert set(CHAINS) | {phase.value for phase in Phase} <= words
