"""What a decision makes of status, and what a route that is ahead makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from modelrollout.api.status import LOG_MAX, FrozenBound, ModelRolloutStatus, Retired, RevisionRef
from modelrollout.engine.intent import live_weight, split_of
from modelrollout.engine.observed import RouteDecision
from modelrollout.engine.plan import LOWERING, Action, Decision, Fault
from modelrollout.engine.revisions import FALLBACK
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import Mirror, Split, only
from modelrollout.engine.steps import steps_of
from modelrollout.engine.transition import MOVING, RETIRED_MAX, adopted, logged, transition
from tests.support.scenes import (
    CANDIDATE,
    MINUTE,
    NOW,
    STABLE,
    THIRD,
    ahead,
    before_the_first,
    failure,
    latched,
    loading,
    previous,
    raw_spec,
    resting,
    route,
    route_decision,
    stepping,
    suspended,
    with_attempt,
    with_pods,
    with_route,
    with_spec,
    with_status,
)

pytestmark = pytest.mark.unit


def make(seen: Observation, action: Action, **more: object) -> ModelRolloutStatus:
    return transition(seen, replace(Decision(action, "Reason", "message"), **more))  # type: ignore[arg-type]


def enter(seen: Observation, position: int) -> ModelRolloutStatus:
    return make(seen, Action.ENTER, step=steps_of(seen.rollout.spec)[position])


SEEN = {
    Action.WAIT: stepping(),
    Action.STAND_IN: before_the_first(),
    Action.ADOPT: resting(),
    Action.BEGIN: resting(raw_spec()),
    Action.ENTER: stepping(),
    Action.ACCEPT: stepping(),
    Action.IN_FORCE: stepping(),
    Action.SUSPEND: stepping(),
    Action.HOLD_BACK: stepping(),
    Action.ROLL_BACK: stepping(),
    Action.ABANDON: stepping(),
    Action.PROMOTE: stepping(5),
    Action.APPROVE: stepping(),
    Action.DECLINE: resting(raw_spec()),
    Action.RETURN: resting(raw_spec(), previous=previous(CANDIDATE)),
    Action.BEGIN_GATE: stepping(),
    Action.END_GATE: stepping(),
}


@pytest.mark.parametrize("action", Action, ids=str)
def test_exactly_what_moves_traffic_takes_the_next_number(action: Action) -> None:
    seen = SEEN[action]
    step = steps_of(seen.rollout.spec)[2] if action is Action.ENTER else None
    after = make(seen, action, step=step)
    moved = action is Action.ADOPT or split_of(after) != split_of(seen.status) or action is Action.PROMOTE
    assert (action in MOVING) is moved
    assert after.sequence == seen.status.sequence + moved


@pytest.mark.parametrize("position", [0, 3, 5], ids=["shadow", "ramp", "full"])
@pytest.mark.parametrize("action", sorted(LOWERING))
def test_lowering_takes_all_from_the_candidate(action: Action, position: int) -> None:
    assert split_of(make(stepping(position), action, fails=True)) == only(STABLE.hash)


def test_adopting_the_first_revision_gives_it_all_traffic() -> None:
    after = make(resting(), Action.ADOPT)
    assert after.stable == STABLE.ref
    assert split_of(after) == only(STABLE.hash)


def test_the_fallback_takes_all_traffic() -> None:
    after = make(before_the_first(), Action.STAND_IN)
    assert after.stable == RevisionRef(revision=FALLBACK, version="queue")
    assert split_of(after) == only(FALLBACK)


def test_an_attempt_begins_without_traffic_and_ends_the_warm_time_of_previous() -> None:
    seen = resting(raw_spec("3"), previous=previous(CANDIDATE), failed=failure(), checks=())
    after = make(seen, Action.BEGIN)
    assert after.attempt is not None
    assert (after.attempt.revision, after.attempt.step) == (THIRD.hash, None)
    assert after.previous is None
    assert after.retired == (Retired(revision=CANDIDATE.hash, since=NOW),)
    assert split_of(after) == only(STABLE.hash)


def test_what_failed_stays_known_while_something_else_is_tried() -> None:
    begun = make(resting(raw_spec("3"), failed=failure()), Action.BEGIN)
    assert begun.failed == failure()
    abandoned = make(with_status(stepping(), failed=failure(THIRD)), Action.ABANDON)
    assert abandoned.failed == failure(THIRD)


def test_a_revision_that_drains_can_begin_again() -> None:
    retired = (Retired(revision=CANDIDATE.hash, since=NOW), Retired(revision=THIRD.hash, since=NOW))
    after = make(resting(raw_spec(), retired=retired), Action.BEGIN)
    assert [entry.revision for entry in after.retired] == [THIRD.hash]


def test_the_first_step_starts_evidence() -> None:
    after = enter(loading(2), 0)
    assert after.attempt is not None
    assert after.attempt.evidence_since == NOW
    assert after.attempt.step is not None
    assert (after.attempt.step.number, after.attempt.step.previous_weight) == (1, 0)
    assert split_of(after) == Split(((STABLE.hash, 100),), Mirror(CANDIDATE.hash, 100))


def test_a_later_step_keeps_evidence_and_starts_anew() -> None:
    after = enter(stepping(), 2).attempt
    assert after is not None
    assert after.step is not None
    assert after.evidence_since == stepping().status.attempt.evidence_since  # type: ignore[union-attr]
    assert (after.step.number, after.step.weight, after.step.previous_weight) == (3, 20, 5)
    assert (after.step.started_at, after.step.accepted_at, after.step.in_force_at) == (NOW, None, None)


def test_clients_are_met_from_when_the_first_step_with_weight_is_accepted() -> None:
    shadow = make(stepping(0), Action.ACCEPT).attempt
    canary = make(stepping(1), Action.ACCEPT).attempt
    assert shadow is not None
    assert canary is not None
    assert (shadow.live_since, canary.live_since) == (None, NOW)


@pytest.mark.parametrize("action", [Action.ACCEPT, Action.IN_FORCE])
def test_what_evidence_counts_from_is_stamped_on_the_clock_of_the_evidence(action: Action) -> None:
    there = NOW - timedelta(hours=1)
    seen = stepping()
    assert seen.evidence is not None
    after = make(replace(seen, evidence=replace(seen.evidence, at=there)), action).attempt
    assert after is not None
    step = after.step
    assert step is not None
    assert there in (step.accepted_at, step.in_force_at)


def test_the_weight_before_is_what_the_route_had() -> None:
    never_applied = with_route(stepping(2), weights=((STABLE.hash, 95), (CANDIDATE.hash, 5)))
    after = enter(never_applied, 2).attempt
    assert after is not None
    assert after.step is not None
    assert after.step.previous_weight == 5


def test_coming_back_from_suspension_starts_from_nothing() -> None:
    after = enter(suspended(stepping(2)), 2)
    assert after.attempt is not None
    assert after.attempt.step is not None
    assert after.attempt.unready_since is None
    assert (after.attempt.step.previous_weight, live_weight(after)) == (0, 20)


def bounds(status: ModelRolloutStatus) -> dict[str, str]:
    assert status.attempt is not None
    return {entry.metric: entry.bound for entry in status.attempt.frozen}


OLD = (FrozenBound(metric="error-rate", bound="0.1"), FrozenBound(metric="latency", bound="0.2"))


def test_bounds_are_frozen_by_metric_when_a_mixed_step_ends() -> None:
    assert bounds(enter(with_attempt(stepping(4), frozen=OLD), 5)) == {"error-rate": "0.004", "latency": "0.2"}


def test_bounds_stay_when_nothing_was_mixed() -> None:
    assert bounds(enter(with_attempt(stepping(5), frozen=OLD), 5)) == {"error-rate": "0.1", "latency": "0.2"}


def test_bounds_stay_when_nothing_was_looked_at() -> None:
    seen = replace(with_attempt(stepping(4), frozen=OLD), evidence=None)
    assert bounds(enter(seen, 5)) == {"error-rate": "0.1", "latency": "0.2"}


def test_bounds_of_a_metric_that_was_removed_go() -> None:
    gone = (*OLD, FrozenBound(metric="gone", bound="1"))
    assert "gone" not in bounds(enter(with_attempt(stepping(4), frozen=gone), 5))


def test_with_a_holdback_the_last_step_is_mixed_too() -> None:
    stages = [{"name": "canary", "weight": 5}, {"name": "full", "weight": 100, "holdback": 5}]
    seen = with_attempt(stepping(1, raw_spec(stages=stages)), frozen=OLD)
    assert bounds(enter(seen, 1))["error-rate"] == "0.004"
    assert split_of(seen.status) == Split(((STABLE.hash, 5), (CANDIDATE.hash, 95)))


def test_suspension_keeps_the_step() -> None:
    after = make(stepping(), Action.SUSPEND)
    assert after.attempt is not None
    assert after.attempt.unready_since == NOW
    assert after.attempt.step == stepping().status.attempt.step  # type: ignore[union-attr]
    assert live_weight(after) == 0


def test_a_rollback_remembers_what_failed() -> None:
    after = make(stepping(), Action.ROLL_BACK, fails=True)
    assert after.attempt is None
    assert after.failed is not None
    assert (after.failed.revision, after.failed.reason, after.failed.stage) == (CANDIDATE.hash, "Reason", "canary")
    assert after.retired == (Retired(revision=CANDIDATE.hash, since=NOW),)


def test_a_rollback_by_wish_blames_nobody() -> None:
    assert make(stepping(), Action.ROLL_BACK).failed is None


def test_promotion_swaps_roles_and_keeps_the_old_one_warm() -> None:
    after = make(with_status(stepping(5), failed=failure(THIRD)), Action.PROMOTE)
    assert (after.stable, after.attempt, after.failed) == (CANDIDATE.ref, None, None)
    assert after.previous is not None
    assert (after.previous.revision, after.previous.warm_until) == (STABLE.hash, NOW + timedelta(hours=1))
    assert after.retired == (Retired(revision=STABLE.hash, since=NOW),)
    assert split_of(after) == only(CANDIDATE.hash)


def test_going_back_swaps_roles() -> None:
    after = make(resting(raw_spec(), previous=previous(CANDIDATE)), Action.RETURN)
    assert (after.stable, after.previous) == (CANDIDATE.ref, None)
    assert after.retired == (Retired(revision=STABLE.hash, since=NOW),)


def test_harm_is_remembered_as_it_first_fell() -> None:
    fault = Fault("Harm", "error-rate 0.08 > 0.01 (n=640)")
    after = make(stepping(), Action.WAIT, latch=fault)
    assert after.attempt is not None
    assert after.attempt.harm is not None
    assert (after.attempt.harm.reason, after.attempt.harm.message) == (fault.reason, fault.message)
    again = make(with_attempt(stepping(), harm=latched()), Action.WAIT, latch=Fault("Crashing", "later"))
    assert again.attempt is not None
    assert again.attempt.harm == latched()


def test_what_drains_is_bounded_and_named_once() -> None:
    many = tuple(Retired(revision=f"r{number}", since=NOW) for number in range(RETIRED_MAX))
    after = make(with_status(stepping(), retired=many), Action.ABANDON)
    assert len(after.retired) == RETIRED_MAX
    assert after.retired[-1].revision == CANDIDATE.hash
    twice = make(with_status(stepping(), retired=(Retired(revision=CANDIDATE.hash, since=NOW),)), Action.ABANDON)
    assert len(twice.retired) == 1


# --- the log ----------------------------------------------------------------------------------------------------------


def log(status: ModelRolloutStatus, **changes: str) -> ModelRolloutStatus:
    texts = {"action": "Enter", "revision": "r", "reason": "Passed", "message": "why"} | changes
    return logged(status, status, at=NOW, **texts)


def test_the_log_is_bounded() -> None:
    status = stepping().status
    for number in range(LOG_MAX + 5):
        status = log(status, message=str(number))
    assert len(status.log) == LOG_MAX
    assert status.log[-1].message == str(LOG_MAX + 4)


def test_overlong_texts_are_cut() -> None:
    entry = log(stepping().status, message="x" * 5000 + "the end of a log", reason="R" * 500).log[-1]
    assert len(entry.message) == 300
    assert entry.message.startswith("xx")
    assert entry.message.endswith("xthe end of a log")
    assert "…" in entry.message
    assert len(entry.reason) == 128


def test_a_log_entry_names_the_stage_that_a_rollback_left() -> None:
    before = stepping().status
    after = logged(
        make(stepping(), Action.ROLL_BACK), before, at=NOW, action="RollBack", revision="r", reason="Harm", message=""
    )
    assert (after.log[-1].stage, after.log[-1].weight) == ("canary", 0)


# --- a route that is ahead --------------------------------------------------------------------------------------------


def adopt(seen: Observation) -> ModelRolloutStatus:
    return adopted(seen.status, seen.route, NOW)


@pytest.mark.parametrize("seen", [stepping(), replace(stepping(), route=None), with_route(stepping(), sequence=3)])
def test_a_route_that_is_not_ahead_changes_nothing(seen: Observation) -> None:
    assert adopt(seen) is seen.status


def test_a_rollback_is_adopted() -> None:
    after = adopt(ahead(stepping(), route_decision(Action.ROLL_BACK, "Harm", "error-rate 0.08 > 0.01 (n=640)")))
    assert after.attempt is None
    assert after.failed is not None
    assert (after.failed.reason, after.failed.message) == ("Harm", "error-rate 0.08 > 0.01 (n=640)")
    assert after.failed.at == NOW - MINUTE
    assert after.sequence == 5
    assert after.log[-1].reason == "Harm"


def test_a_rollback_by_wish_is_adopted_without_blame() -> None:
    after = adopt(ahead(stepping(), route_decision(Action.ROLL_BACK, "SpecReverted")))
    assert (after.attempt, after.failed) == (None, None)


def test_a_suspension_is_adopted() -> None:
    after = adopt(ahead(stepping(), route_decision(Action.SUSPEND, "CandidateUnready")))
    assert after.attempt is not None
    assert after.attempt.unready_since == NOW - MINUTE


def test_an_abandoned_attempt_is_adopted() -> None:
    after = adopt(ahead(stepping(), route_decision(Action.ABANDON, "Superseded")))
    assert (after.attempt, after.failed) == (None, None)


def test_adopting_once_is_enough() -> None:
    seen = ahead(stepping(), route_decision(Action.ROLL_BACK, "Harm"))
    after = adopt(seen)
    assert adopted(after, seen.route, NOW) is after


@pytest.mark.parametrize(
    "decision",
    [
        None,
        route_decision(Action.ROLL_BACK, "Harm", of=THIRD),
        route_decision(Action.PROMOTE, "Passed"),
        RouteDecision("Nonsense", CANDIDATE.hash, "", "", NOW),
    ],
    ids=["none", "of another revision", "not a lowering", "unknown"],
)
def test_a_number_without_a_lowering_of_this_attempt_is_only_a_number(decision: RouteDecision | None) -> None:
    seen = replace(stepping(), route=route(only(STABLE.hash), 9, decision=decision))
    assert adopt(seen) == seen.status.model_copy(update={"sequence": 9})


@pytest.mark.parametrize(
    "at", [datetime(2026, 1, 1, 11), NOW + 1000 * MINUTE, datetime.max.replace(tzinfo=NOW.tzinfo)],
    ids=["without a zone", "in the future", "at the end of time"],
)  # fmt: skip
def test_a_time_that_somebody_wrote_into_the_route_is_not_trusted(at: datetime) -> None:
    decision = replace(route_decision(Action.ROLL_BACK, "", "x" * 5000), at=at, reason="")
    after = adopt(ahead(stepping(), decision))
    assert after.failed is not None
    assert (after.failed.at, after.failed.reason) == (NOW, "Unknown")
    assert len(after.failed.message) == 1024


def test_scenes_differ_only_where_they_say() -> None:
    assert with_pods(stepping()) == stepping()
    assert with_spec(stepping(), raw_spec()).desired == CANDIDATE
