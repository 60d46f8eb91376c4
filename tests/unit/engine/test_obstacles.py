"""What people read when something outside of the spec is in the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.api.conditions import ConditionStatus, ConditionType, find_condition
from modelrollout.api.errors import TakenName
from modelrollout.api.status import Phase
from modelrollout.engine.decide import decide
from modelrollout.engine.situation import Observation
from tests.support import scenes
from tests.support.scenes import CANDIDATE

pytestmark = pytest.mark.unit

PULL = "container server of pod digits-x: ImagePullBackOff"


def waiting(seen: Observation) -> Observation:
    revisions = tuple(replace(state, waiting=PULL) if not state.is_ready else state for state in seen.revisions)
    return replace(seen, revisions=revisions)


def test_a_loading_candidate_says_what_its_containers_wait_for() -> None:
    plan = decide(waiting(scenes.loading()))
    assert plan.message == f"0/2 endpoints of version {CANDIDATE.version} ready: {PULL}"
    assert decide(waiting(scenes.empty())).message == f"0/2 endpoints of the first version 1 ready: {PULL}"


@pytest.mark.parametrize(
    ("problems", "expected"),
    [
        pytest.param((TakenName("Service a/b exists"),), "NameTaken", id="somebody else's object"),
        pytest.param((TakenName("Service a/b exists"), "spec.stages[0]: no"), "InvalidSpec", id="the spec as well"),
    ],
)
def test_a_taken_name_has_a_reason_of_its_own(problems: tuple[str, ...], expected: str) -> None:
    plan = decide(replace(scenes.empty(), problems=problems))
    row = find_condition(plan.status.conditions, ConditionType.STALLED)
    assert row is not None
    assert (row.status, row.reason, row.message) == (ConditionStatus.TRUE, expected, "; ".join(problems))
    assert plan.status.phase is Phase.INVALID
    assert [(event.reason, event.note) for event in plan.events] == [(expected, "; ".join(problems))]
