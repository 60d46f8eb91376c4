"""Somebody deploys behind one of two Services: in the middle of a rollout, or after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine.config import Config, wanted
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.services import replaced
from modelrollout.engine.split import only
from tests.support.behind import (
    KNOWN,
    NEW,
    NEWER,
    OLD,
    ONE,
    TWO,
    A,
    asks,
    behind,
    judged,
    known,
    now,
    serving,
    state,
)
from tests.support.cases import Case, as_stepping, check, table
from tests.support.scenes import (
    MINUTE,
    NOW,
    failure,
    previous,
    with_attempt,
    with_clicks,
    with_evidence,
    with_problems,
    with_route,
)

pytestmark = pytest.mark.unit

UNTRACKED = Config(tracked=False)

# --- somebody deploys in the middle -----------------------------------------------------------------------------------

STEP = judged()
OTHERS = state(TWO, behind(NEWER))


@table(
    Case("nobody does", STEP, None),
    Case("a deployment begins", now(STEP, state(TWO, behind(NEW, also=(NEWER,)))), None),
    Case(
        "to the candidate",
        now(STEP, OTHERS),
        Action.ABANDON,
        "CandidateReplaced",
        text="behind Service digits-b is digits-b-5f6b7c8d9f-* now, no more digits-b-79c8b5f4d9-*",
    ),
    Case("to stable", now(STEP, state(ONE, behind(OLD, NEWER))), Action.ABANDON, "StableReplaced", text="digits-a is"),
    Case("to both", now(STEP, OTHERS, state(ONE, behind(NEWER))), Action.ABANDON, "CandidateReplaced"),
    Case("and the spec is bad", with_problems(now(STEP, OTHERS)), Action.ABANDON, "CandidateReplaced"),
    Case("nobody answers", now(STEP, state(TWO, behind(), 0)), None),
    Case(
        "and stable cannot answer",
        now(STEP, OTHERS, state(ONE, behind(), 0)),
        Action.WAIT,
        "NoSafeTarget",
        text="the candidate keeps serving",
    ),
)
def test_replaced(case: Case) -> None:
    check(replaced(as_stepping(case.seen)), case)


def test_an_untested_deployment_gets_nothing_of_what_was_earned_and_is_not_to_blame() -> None:
    """In the ramp, with evidence that would promote: back to stable, and again from the first stage."""
    plan = decide(now(judged(4), OTHERS))
    assert (plan.action, plan.split) == (Action.ABANDON, only(ONE.hash))
    assert (plan.status.attempt, plan.status.failed) == (None, None)
    assert [event.reason for event in plan.events] == ["Abandoned"]
    again = with_route(replace(now(STEP, OTHERS), evidence=None, rollout=replace(STEP.rollout, status=plan.status)))
    assert decide(again).action is Action.BEGIN


def test_what_was_replaced_is_silent_and_not_blamed_for_that() -> None:
    silent = with_evidence(now(STEP, OTHERS), silent=True)
    assert decide(silent).reason == "CandidateReplaced"


def test_harm_of_what_was_measured_counts_all_the_same() -> None:
    plan = decide(with_evidence(now(STEP, OTHERS), Verdict.HARM))
    assert (plan.action, plan.reason) == (Action.ROLL_BACK, "Harm")


def test_a_deployment_to_stable_is_told_and_compared_with_from_then_on() -> None:
    plan = decide(now(STEP, state(ONE, behind(NEWER))))
    assert [event.reason for event in plan.events] == ["Abandoned", "StableReplaced"]
    assert plan.status.service_of(ONE.hash) == known(ONE, NEWER, since=NOW)


def test_as_long_as_it_cannot_be_acted_on_it_is_not_forgotten() -> None:
    stuck = now(STEP, OTHERS, state(ONE, behind(), 0))
    plan = decide(stuck)
    assert plan.reason == "NoSafeTarget"
    assert plan.status.services == KNOWN, "what comes back is held against what was measured"


def test_a_service_that_is_removed_takes_the_weight_to_nothing_and_blames_nobody() -> None:
    plan = decide(now(STEP, state(TWO, behind(), 0)))
    assert (plan.action, plan.reason, plan.split) == (Action.SUSPEND, "CandidateUnready", only(ONE.hash))
    assert plan.status.services == KNOWN


def test_what_comes_back_as_another_deployment_begins_anew() -> None:
    gone = with_route(with_attempt(STEP, unready_since=NOW - MINUTE))
    assert decide(gone).reason == "CandidateRecovered"
    assert decide(now(gone, OTHERS)).reason == "CandidateReplaced"


def test_a_third_version_behind_the_same_service_starts_from_stable() -> None:
    raw = asks("3")
    third = wanted(raw, (ONE, TWO), STEP.status, UNTRACKED).revision
    seen = replace(STEP, rollout=replace(STEP.rollout, raw_spec=raw), desired=third)
    plan = decide(replace(seen, revisions=(*STEP.revisions, state(third, behind(NEWER)))))
    assert (plan.action, plan.reason, plan.split) == (Action.ABANDON, "Superseded", only(ONE.hash))


def test_reverting_the_spec_is_a_rollback_in_one_write() -> None:
    raw = asks("1", A, None)
    plan = decide(replace(STEP, rollout=replace(STEP.rollout, raw_spec=raw), desired=ONE))
    assert (plan.action, plan.reason, plan.split) == (Action.ROLL_BACK, "SpecReverted", only(ONE.hash))


# --- afterwards -------------------------------------------------------------------------------------------------------

LAST = judged(5)


def test_the_promotion_needs_no_edit_of_the_spec() -> None:
    plan = decide(LAST)
    assert (plan.action, plan.split) == (Action.PROMOTE, only(TWO.hash))
    assert plan.status.previous is not None
    assert plan.status.services == (known(TWO, NEW), known(ONE, OLD))
    later = replace(LAST, evidence=None, rollout=replace(LAST.rollout, status=plan.status))
    assert decide(with_route(later)).reason == "Serving"


def test_nobody_is_scaled_drained_or_followed() -> None:
    plan = decide(LAST)
    later = replace(LAST, evidence=None, rollout=replace(LAST.rollout, status=plan.status), now=NOW + 60 * MINUTE)
    after = decide(with_route(later))
    assert set(after.replicas.values()) <= {1}, "records are kept, nothing is stopped"
    assert set(after.bounds.values()) == {None}
    assert after.status.retired == ()


WARM = {"previous": previous(ONE), "services": (known(TWO, NEW), known(ONE, OLD))}


def test_back_within_the_window_is_one_write_while_the_same_pods_are_there() -> None:
    seen = with_route(serving(asks("1", A, None), TWO, **WARM))
    same = now(seen, state(TWO, behind(NEW)))
    plan = decide(same)
    assert (plan.action, plan.split) == (Action.RETURN, only(ONE.hash))


def test_back_to_what_somebody_has_deployed_since_is_a_rollout() -> None:
    seen = with_route(serving(asks("1", A, None), TWO, **WARM))
    plan = decide(now(seen, state(TWO, behind(NEW)), state(ONE, behind(NEWER))))
    assert plan.action is Action.BEGIN
    assert "PreviousReplaced" in [event.reason for event in plan.events]
    assert plan.status.previous is None


def test_a_person_cannot_go_back_to_what_is_not_there_any_more() -> None:
    seen = with_clicks(with_route(serving(asks("2"), TWO, **WARM)), rollback=TWO.hash)
    same = now(seen, state(TWO, behind(NEW)))
    assert decide(same).action is Action.RETURN
    plan = decide(now(same, state(ONE, behind(NEWER))))
    assert (plan.action, plan.split) == (Action.WAIT, only(TWO.hash))
    assert "ControlRefused" in [event.reason for event in plan.events]


def test_a_window_that_is_over_is_no_replacement() -> None:
    seen = with_route(serving(asks("2"), TWO, **(WARM | {"previous": previous(ONE, -1)})))
    plan = decide(now(seen, state(TWO, behind(NEW))))
    assert (plan.status.previous, plan.events) == (None, ())


def test_a_deployment_to_what_serves_moves_nothing_and_is_told_once() -> None:
    seen = with_route(serving())
    plan = decide(now(seen, state(ONE, behind(NEWER))))
    assert (plan.action, plan.reason, plan.split) == (Action.WAIT, "Serving", only(ONE.hash))
    assert [event.reason for event in plan.events] == ["StableReplaced"]
    assert "it has passed no stage" in plan.events[0].note
    again = replace(now(seen, state(ONE, behind(NEWER))), rollout=replace(seen.rollout, status=plan.status))
    assert decide(again).events == ()


def test_a_version_that_failed_is_not_tried_again_by_a_deployment() -> None:
    seen = with_route(serving(asks("2"), ONE, failed=failure(TWO)))
    plan = decide(now(seen, OTHERS))
    assert (plan.action, plan.reason) == (Action.WAIT, "Harm")
