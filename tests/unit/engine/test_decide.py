"""The plan around a decision: traffic, replicas, what is collected, events, the next look."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.errors import TerminalError
from modelrollout.api.status import Retired
from modelrollout.engine.decide import TELLING_WAITS, decide, decision_on
from modelrollout.engine.observed import Acceptance, RevisionState
from modelrollout.engine.plan import Action, EventType
from modelrollout.engine.revisions import Revision
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import only
from tests.support.scenes import (
    CANDIDATE,
    MINUTE,
    NOW,
    STABLE,
    THIRD,
    ahead,
    candidate_down,
    empty,
    failure,
    loading,
    pods,
    previous,
    raw_spec,
    resting,
    revision,
    route,
    route_decision,
    stable_down,
    stepping,
    suspended,
    with_evidence,
    with_pods,
    with_problems,
    with_route,
    with_spec,
    with_status,
    with_step,
)

pytestmark = pytest.mark.unit

SECOND = timedelta(seconds=1)


def retired(of: Revision, ago: timedelta) -> tuple[Retired, ...]:
    return (Retired(revision=of.hash, since=NOW - ago, gone_at=NOW - ago),)


SCENES = {
    "empty": empty(ready=2),
    "at rest": resting(),
    "loading": loading(),
    "in a step": stepping(),
    "passing": with_evidence(stepping()),
    "harmful": with_evidence(stepping(), Verdict.HARM),
    "the candidate is down": candidate_down(stepping()),
    "stable is down": stable_down(stepping()),
    "a decision that only the route tells of": ahead(stepping(), route_decision(Action.ROLL_BACK, "Harm")),
}


@pytest.mark.parametrize("seen", SCENES.values(), ids=SCENES)
def test_a_decision_on_its_own_is_that_of_the_plan(seen: Observation) -> None:
    plan, decision = decide(seen), decision_on(seen)
    assert (decision.action, decision.reason, decision.message) == (plan.action, plan.reason, plan.message)


# --- replicas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(empty(), {STABLE.hash: 2}, id="the first revision"),
        pytest.param(with_spec(empty(), raw_spec("2")), {STABLE.hash: 0, CANDIDATE.hash: 2}, id="replaced"),
        pytest.param(with_problems(empty()), {}, id="an invalid spec leaves the first revision alone"),
        pytest.param(
            with_problems(with_spec(empty(), raw_spec("2"))), {}, id="an invalid spec replaces no first revision"
        ),
        pytest.param(resting(), {STABLE.hash: 2}, id="at rest"),
        pytest.param(with_problems(resting(raw_spec())), {STABLE.hash: 2}, id="an invalid spec makes no candidate"),
        pytest.param(
            with_problems(with_spec(resting(), raw_spec("1", replicas=1))),
            {STABLE.hash: 2},
            id="an invalid spec scales nothing",
        ),
        pytest.param(
            with_problems(with_pods(resting(), pods(STABLE, 0, None))), {STABLE.hash: 2}, id="but restores what is gone"
        ),
        pytest.param(with_spec(resting(), raw_spec("1", replicas=5)), {STABLE.hash: 5}, id="scaled up by the spec"),
        pytest.param(
            with_pods(stepping(), pods(STABLE, replicas=7)),
            {STABLE.hash: 7, CANDIDATE.hash: 2},
            id="stable stays as wide as it was",
        ),
        pytest.param(
            with_spec(stepping(), raw_spec(replicas=1)), {STABLE.hash: 2, CANDIDATE.hash: 1}, id="also against the spec"
        ),
        pytest.param(
            stable_down(with_evidence(with_pods(stepping(), pods(STABLE, 0, 1)), Verdict.HARM)),
            {STABLE.hash: 2, CANDIDATE.hash: 2},
            id="stable is scaled up when nothing else is safe",
        ),
        pytest.param(
            with_evidence(stepping(), Verdict.HARM), {STABLE.hash: 2}, id="what was rolled back drains before it goes"
        ),
        pytest.param(
            with_pods(with_status(resting(), retired=retired(CANDIDATE, 29 * SECOND)), pods(CANDIDATE)),
            {STABLE.hash: 2},
            id="still draining",
        ),
        pytest.param(
            with_pods(with_status(resting(), retired=retired(CANDIDATE, 30 * SECOND)), pods(CANDIDATE)),
            {STABLE.hash: 2, CANDIDATE.hash: 0},
            id="drained",
        ),
        pytest.param(
            with_route(
                with_pods(with_status(resting(), retired=retired(CANDIDATE, 60 * SECOND)), pods(CANDIDATE)),
                weights=((STABLE.hash, 95), (CANDIDATE.hash, 5)),
            ),
            {STABLE.hash: 2},
            id="not while it is routed",
        ),
        pytest.param(
            with_pods(resting(previous=previous(THIRD)), pods(THIRD)), {STABLE.hash: 2, THIRD.hash: 2}, id="warm"
        ),
        pytest.param(
            with_pods(resting(previous=previous(THIRD)), pods(THIRD, 0, 0)),
            {STABLE.hash: 2},
            id="never warmed again",
        ),
        pytest.param(
            with_pods(resting(previous=previous(THIRD, 0)), pods(THIRD)),
            {STABLE.hash: 2, THIRD.hash: 0},
            id="not warm any more",
        ),
        pytest.param(
            with_pods(resting(raw_spec(), previous=previous(THIRD)), pods(THIRD)),
            {STABLE.hash: 2, CANDIDATE.hash: 2},
            id="a new candidate ends the warm time, after the drain",
        ),
    ],
)
def test_replicas(seen: Observation, expected: dict[str, int]) -> None:
    assert decide(seen).replicas == expected


def test_promotion_without_a_window_still_drains_the_old_one() -> None:
    seen = stepping(5, raw_spec(rollbackWindow="0s"))
    plan = decide(seen)
    assert plan.action is Action.PROMOTE
    assert plan.replicas == {CANDIDATE.hash: 2}
    assert plan.status.previous is None
    accepted = decide(with_route(with_status(seen, **dict(plan.status))))
    drained = with_route(with_status(replace(seen, now=NOW + 31 * SECOND), **dict(accepted.status)))
    assert decide(drained).replicas == {CANDIDATE.hash: 2, STABLE.hash: 0}


# --- what is collected ------------------------------------------------------------------------------------------------


def idle(version: str, days: int, replicas: int | None = 0) -> RevisionState:
    return RevisionState(revision(version), replicas, 0, None, NOW - timedelta(days=days))


HISTORY = [idle("a", 1), idle("b", 2), idle("c", 3)]


def kept(limit: int, **others: object) -> Observation:
    return with_pods(with_spec(resting(**others), raw_spec("1", revisionHistoryLimit=limit)), *HISTORY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "versions"),
    [
        pytest.param(kept(5), "", id="all fit"),
        pytest.param(kept(1), "bc", id="the oldest go"),
        pytest.param(kept(0), "abc", id="none are kept"),
        pytest.param(with_pods(kept(0), idle("a", 1, 2)), "bc", id="not while it has pods"),
        pytest.param(with_pods(kept(0), idle("a", 1, None)), "abc", id="without a Deployment"),
        pytest.param(kept(0, previous=previous(revision("b"))), "ac", id="previous stays"),
        pytest.param(kept(0, retired=retired(revision("c"), SECOND)), "ab", id="what drains stays"),
        pytest.param(
            with_route(kept(0), weights=((STABLE.hash, 99), (revision("a").hash, 1))), "bc", id="what is routed stays"
        ),
        pytest.param(with_problems(kept(0)), "", id="an invalid spec collects nothing"),
        pytest.param(with_spec(empty(), raw_spec("2")), "1", id="a first revision that was replaced"),
        pytest.param(with_problems(with_spec(empty(), raw_spec("2"))), "", id="not by an invalid spec"),
        pytest.param(stepping(1, raw_spec(revisionHistoryLimit=0)), "", id="never what a rollout needs"),
    ],
)
def test_collect(seen: Observation, versions: str) -> None:
    assert set(decide(seen).collect) == {revision(version).hash for version in versions}


# --- traffic ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "serve"),
    [(empty(), None), (empty(ready=2), STABLE), (stepping(), STABLE), (stepping(5), CANDIDATE)],
    ids=["nothing serves", "first", "during a rollout", "promoted"],
)
def test_the_service_follows_stable(seen: Observation, serve: Revision | None) -> None:
    plan = decide(seen)
    assert plan.serve == (serve.hash if serve else None)
    assert plan.split == (only(serve.hash) if plan.action in (Action.ADOPT, Action.PROMOTE) and serve else plan.split)


def test_there_is_no_split_before_anything_serves() -> None:
    assert decide(empty()).split is None


def test_a_decision_that_a_route_carries_is_part_of_the_plan() -> None:
    plan = decide(ahead(stepping(), route_decision(Action.ROLL_BACK, "Harm", "error-rate 0.08 > 0.01 (n=640)")))
    assert (plan.action, plan.split) == (Action.WAIT, only(STABLE.hash))
    assert plan.status.failed is not None
    assert [(event.reason, event.note) for event in plan.events] == [
        ("RolledBack", "Harm: error-rate 0.08 > 0.01 (n=640)")
    ]


def test_evidence_of_a_step_that_a_route_has_ended_is_no_evidence() -> None:
    seen = ahead(stepping(), route_decision(Action.ROLL_BACK, "Harm"))
    again = with_status(replace(seen, evidence=None), **dict(decide(seen).status))
    assert decide(again).status == decide(seen).status


def test_a_stable_revision_whose_input_is_lost_is_an_error_with_a_remedy() -> None:
    seen = stepping()
    with pytest.raises(TerminalError, match=f"digits-{STABLE.hash} is gone: restore it"):
        decide(replace(seen, revisions=(pods(CANDIDATE),)))


# --- events -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "event"),
    [
        (empty(ready=2), (EventType.NORMAL, "FirstRevisionServing")),
        (resting(raw_spec()), (EventType.NORMAL, "RolloutStarted")),
        (stepping(), (EventType.NORMAL, "StepEntered")),
        (with_step(stepping(), in_force_at=None), (EventType.NORMAL, "StepInForce")),
        (candidate_down(stepping()), (EventType.WARNING, "Suspended")),
        (with_evidence(stepping(), Verdict.HARM), (EventType.WARNING, "RolledBack")),
        (with_spec(stepping(), raw_spec("3")), (EventType.NORMAL, "Abandoned")),
        (stepping(5), (EventType.NORMAL, "Promoted")),
        (
            with_pods(resting(raw_spec(), previous=previous(CANDIDATE)), pods(CANDIDATE)),
            (EventType.WARNING, "ReturnedToPrevious"),
        ),
        (with_problems(resting()), (EventType.WARNING, "InvalidSpec")),
        (with_evidence(stepping(), unavailable="timeout"), (EventType.WARNING, "MetricsUnavailable")),
        (stable_down(with_evidence(stepping(), Verdict.HARM)), (EventType.WARNING, "NoSafeTarget")),
        (with_route(stepping(), Acceptance.REJECTED), (EventType.WARNING, "RouteRejected")),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else "",
)
def test_events(seen: Observation, event: tuple[EventType, str]) -> None:
    assert [(told.type, told.reason) for told in decide(seen).events] == [event]


@pytest.mark.parametrize("seen", [resting(), loading(), with_evidence(stepping(), Verdict.CONTINUE)])
def test_waiting_for_the_ordinary_is_not_an_event(seen: Observation) -> None:
    assert decide(seen).events == ()


def test_a_wait_is_told_when_it_begins_and_not_when_its_numbers_move() -> None:
    seen = with_evidence(stepping(), unavailable="timeout after 1 s" + "x" * 2000)
    first = decide(seen)
    assert [event.reason for event in first.events] == ["MetricsUnavailable"]
    again = with_evidence(with_status(seen, **dict(first.status)), unavailable="timeout after 2 s")
    assert decide(again).events == ()


def test_a_wait_is_told_again_under_another_spec() -> None:
    seen = with_problems(resting())
    told = with_status(seen, **dict(decide(seen).status))
    assert decide(told).events == ()
    assert [event.reason for event in decide(with_problems(with_spec(told, raw_spec("2")))).events] == ["InvalidSpec"]


def test_notes_fit() -> None:
    plan = decide(with_problems(resting(), *["spec.stages[0]: no" * 10] * 50))
    assert [len(event.note) for event in plan.events] == [1024]


def test_reasons_that_are_told_are_words() -> None:
    assert all(reason.isalpha() for reason in TELLING_WAITS)


# --- the next look ----------------------------------------------------------------------------------------------------

GATHERING = with_evidence(stepping(), Verdict.CONTINUE)


@pytest.mark.parametrize(
    ("seen", "at"),
    [
        pytest.param(resting(), None, id="idle costs nothing"),
        pytest.param(resting(raw_spec(), failed=failure()), None, id="rolled back costs nothing"),
        pytest.param(loading(), NOW + 9 * MINUTE, id="load deadline"),
        pytest.param(with_problems(loading()), NOW + 9 * MINUTE, id="load deadline under an invalid spec"),
        pytest.param(candidate_down(suspended(stepping())), NOW + 9 * MINUTE, id="suspended"),
        pytest.param(with_problems(suspended(stepping())), NOW + 9 * MINUTE, id="suspended under an invalid spec"),
        pytest.param(replace(GATHERING, next_evidence_at=NOW + 5 * SECOND), NOW + 5 * SECOND, id="evidence"),
        pytest.param(
            with_step(replace(GATHERING, next_evidence_at=NOW + 20 * MINUTE), started_at=NOW - 4 * MINUTE),
            NOW + 6 * MINUTE,
            id="duration",
        ),
        pytest.param(GATHERING, NOW + 90 * MINUTE, id="maxDuration"),
        pytest.param(
            with_step(with_evidence(stepping(), share_shown=None), in_force_at=None, accepted_at=NOW - 3 * SECOND),
            NOW + 7 * SECOND,
            id="settle",
        ),
        pytest.param(
            with_pods(resting(previous=previous(THIRD)), pods(THIRD)), NOW + 30 * MINUTE, id="end of the warm time"
        ),
        pytest.param(
            with_pods(with_status(resting(), retired=retired(THIRD, 10 * SECOND)), pods(THIRD)),
            NOW + 20 * SECOND,
            id="end of the drain",
        ),
    ],
)
def test_wake_at(seen: Observation, at: datetime | None) -> None:
    plan = decide(seen)
    assert plan.action is Action.WAIT
    assert plan.wake_at == at
    assert plan.status.next_look == (f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None)


def test_deciding_twice_is_the_same() -> None:
    assert decide(stepping()) == decide(stepping())


def test_every_action_but_stamps_of_acceptance_is_logged() -> None:
    assert [entry.action for entry in decide(stepping()).status.log] == ["Enter"]
    assert decide(with_step(stepping(), accepted_at=None, in_force_at=None)).status.log == ()
    assert decide(resting()).status.log == ()


def test_a_route_of_nothing_is_no_route() -> None:
    assert route(only(STABLE.hash), 1).weight_of(CANDIDATE.hash) == 0
