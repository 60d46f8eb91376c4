"""Every click is answered once, in status, in an event and in the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.api.conditions import ConditionType, find_condition
from modelrollout.api.controls import Control, ControlOutcome
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action, Plan
from modelrollout.engine.situation import Observation
from tests.support.scenes import (
    CANDIDATE,
    STABLE,
    ahead,
    failure,
    raw_spec,
    resting,
    route_decision,
    stable_down,
    stepping,
    with_clicks,
)

pytestmark = pytest.mark.unit

HASH = CANDIDATE.hash


def after(seen: Observation, plan: Plan) -> Observation:
    return replace(seen, rollout=replace(seen.rollout, status=plan.status))


def answers(plan: Plan) -> list[tuple[str, str]]:
    return [(entry.control.value, entry.outcome.value) for entry in plan.status.controls]


def notes(plan: Plan, reason: str) -> list[str]:
    return [event.note for event in plan.events if event.reason == reason]


def test_a_refusal_is_told_once() -> None:
    seen = with_clicks(stepping(), rollback=HASH)
    plan = decide(seen)
    assert answers(plan) == [("rollback", "Refused")]
    assert notes(plan, "ControlRefused") == [f"rollback: {HASH} is the candidate: use abort to take its traffic away"]
    again = decide(after(seen, plan))
    assert answers(again) == [("rollback", "Refused")]
    assert not notes(again, "ControlRefused")


def test_another_value_is_another_click() -> None:
    seen = with_clicks(stepping(), rollback=HASH)
    second = with_clicks(after(seen, decide(seen)), rollback=f"{HASH}.2")
    plan = decide(second)
    assert len(notes(plan, "ControlRefused")) == 1
    assert [entry.value for entry in plan.status.controls] == [f"{HASH}.2"]


def test_an_answer_goes_with_its_annotation() -> None:
    seen = with_clicks(stepping(), rollback=HASH)
    status = decide(seen).status
    gone = stepping()
    plan = decide(replace(gone, rollout=replace(gone.rollout, status=status)))
    assert plan.status.controls == ()
    assert not notes(plan, "ControlCarriedOut")


def test_what_leads_to_an_action_is_told_by_its_event() -> None:
    plan = decide(with_clicks(stepping(), abort=HASH))
    assert answers(plan) == [("abort", "CarriedOut")]
    assert [event.reason for event in plan.events] == ["RolledBack"]
    assert [entry.action for entry in plan.status.log] == ["RollBack"]


def test_an_abort_that_has_to_wait_is_answered_and_remembered() -> None:
    plan = decide(with_clicks(stable_down(stepping()), abort=HASH))
    assert answers(plan) == [("abort", "CarriedOut")]
    assert plan.status.attempt is not None
    assert plan.status.attempt.harm is not None
    assert plan.status.attempt.harm.reason == "Aborted"


def test_of_two_that_contradict_one_is_refused_with_one_event() -> None:
    seen = with_clicks(stepping(), pause=HASH, promote=HASH)
    plan = decide(seen)
    assert answers(plan) == [("pause", "CarriedOut"), ("promote", "Refused")]
    assert len(notes(plan, "ControlRefused")) == len(notes(plan, "ControlCarriedOut")) == 1


def test_a_pause_and_its_end_are_conditions_events_and_in_the_log() -> None:
    seen = with_clicks(stepping(), pause=HASH)
    plan = decide(seen)
    condition = find_condition(plan.status.conditions, ConditionType.PAUSED)
    assert condition is not None
    assert (condition.status, condition.reason) == ("True", "PausedByHand")
    assert [entry.action for entry in plan.status.log] == ["Pause"]
    assert len(notes(plan, "ControlCarriedOut")) == 1
    assert not decide(after(seen, plan)).events

    resumed = decide(replace(stepping(), rollout=replace(stepping().rollout, status=plan.status)))
    condition = find_condition(resumed.status.conditions, ConditionType.PAUSED)
    assert condition is not None
    assert condition.status == "False"
    assert notes(resumed, "ControlCarriedOut") == ["resume: goes on"]
    assert [entry.action for entry in resumed.status.log] == ["Pause", "Enter", "Resume"]


def test_a_pause_of_what_has_ended_is_silent() -> None:
    paused = with_clicks(stepping(), pause=HASH)
    ended = with_clicks(resting(raw_spec(), failed=failure()), pause=HASH)
    status = ended.status.model_copy(update={"controls": decide(paused).status.controls})
    plan = decide(replace(ended, rollout=replace(ended.rollout, status=status)))
    assert not plan.events
    assert answers(plan) == [("pause", "CarriedOut")]


def test_an_abort_that_only_the_route_tells_of_was_carried_out() -> None:
    seen = ahead(with_clicks(stepping(), abort=HASH), route_decision(Action.ROLL_BACK, "Aborted"))
    plan = decide(seen)
    assert answers(plan) == [("abort", "CarriedOut")]
    assert [event.reason for event in plan.events] == ["RolledBack"]
    assert not decide(after(seen, plan)).events


def test_clicks_from_before_an_attempt_are_not_carried_over() -> None:
    seen = with_clicks(resting(raw_spec()), promote=HASH, promote_full=HASH, approve=HASH, rollback=STABLE.hash)
    plan = decide(seen)
    assert plan.action is Action.BEGIN
    assert {entry.outcome for entry in plan.status.controls} == {ControlOutcome.REFUSED}
    assert {entry.control for entry in plan.status.controls} == {
        Control.PROMOTE,
        Control.PROMOTE_FULL,
        Control.APPROVE,
        Control.ROLLBACK,
    }


def test_without_clicks_nothing_is_written() -> None:
    plan = decide(stepping())
    assert plan.status.controls == ()
