"""How many pods each revision has, and that no weight rises before they are ready."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.status import FloorStatus, Retired
from modelrollout.engine.chains import decide as ask
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.scale import Bounds, candidate_size, scale
from modelrollout.engine.situation import Observation, situation_of
from tests.support.cases import Case, check, table
from tests.support.scenes import (
    CANDIDATE,
    MINUTE,
    NOW,
    STABLE,
    THIRD,
    ahead,
    candidate_down,
    empty,
    loading,
    pods,
    previous,
    raw_spec,
    resting,
    route_decision,
    stepping,
    suspended,
    with_attempt,
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
FULL = 10


def sized(stable: int | None = FULL, candidate: int = FULL, position: int = 1, **others: Any) -> Observation:
    """A step with that many pods, all ready; 10 are wanted."""
    raw = raw_spec("2", replicas=others.pop("replicas", FULL), **others)
    seen = with_attempt(stepping(position, raw), stable_replicas=stable)
    return with_pods(seen, pods(STABLE, stable or FULL, stable or FULL), pods(CANDIDATE, candidate, candidate))


def by_weight(position: int = 1, candidate: int = FULL, **others: Any) -> Observation:
    return sized(candidate=candidate, position=position, deployment={"scaleWithWeight": True}, **others)


SHADOW_10 = ({"name": "shadow", "shadow": {"percent": 10}}, {"name": "full", "weight": 100})
IMPATIENT: tuple[dict[str, Any], ...] = (
    {"name": "shadow", "shadow": {"percent": 10}},
    {"name": "canary", "weight": 5, "duration": "1m", "maxDuration": "20m", "onInconclusive": "Rollback"},
    {"name": "full", "weight": 100},
)
HOLDBACK: tuple[dict[str, Any], ...] = (
    {"name": "canary", "weight": 5},
    {"name": "full", "weight": 100, "holdback": 20},
)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(loading(raw=raw_spec(replicas=FULL)), 10, id="all from the beginning without scaleWithWeight"),
        pytest.param(sized(position=1), 10, id="and in each step"),
        pytest.param(
            loading(raw=raw_spec(replicas=FULL, deployment={"scaleWithWeight": True})), 10, id="a full shadow needs all"
        ),
        pytest.param(
            loading(raw=raw_spec(replicas=FULL, deployment={"scaleWithWeight": True}, stages=SHADOW_10)),
            1,
            id="a shadow of a tenth needs a tenth",
        ),
        pytest.param(by_weight(0, stages=SHADOW_10), 10, id="the shadow passes into all traffic"),
        pytest.param(by_weight(0), 10, id="the shadow keeps what it needs, though the canary needs less"),
        pytest.param(by_weight(1), 2, id="5 % now, and 20 % next"),
        pytest.param(by_weight(2), 4, id="20 % now, and 35 % next"),
        pytest.param(by_weight(3), 5, id="35 % now, and 50 % next"),
        pytest.param(by_weight(4), 10, id="50 % now, and all next"),
        pytest.param(by_weight(5), 10, id="the bake"),
        pytest.param(by_weight(0, stages=HOLDBACK), 8, id="5 % now, and 80 % next"),
        pytest.param(by_weight(1, replicas=1), 1, id="at least one"),
        pytest.param(suspended(by_weight(2)), 4, id="suspended: what its step needs"),
        pytest.param(
            with_spec(by_weight(2), raw_spec(replicas=FULL, deployment={"scaleWithWeight": True}, stages=HOLDBACK)),
            2,
            id="its step was edited away: what its weight needs",
        ),
    ],
)
def test_the_candidate_has_what_its_step_and_the_next_one_need(seen: Observation, expected: int) -> None:
    assert candidate_size(seen, seen.status) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(by_weight(2), {STABLE.hash: 10, CANDIDATE.hash: 4}, id="stable keeps its full size"),
        pytest.param(by_weight(5), {STABLE.hash: 10, CANDIDATE.hash: 10}, id="in the bake too"),
        pytest.param(
            by_weight(1, stages=HOLDBACK, candidate=10),
            {STABLE.hash: 10, CANDIDATE.hash: 10},
            id="and where it is held back",
        ),
        pytest.param(
            with_step(by_weight(1), started_at=NOW - 29 * SECOND, accepted_at=NOW - 29 * SECOND),
            {STABLE.hash: 10, CANDIDATE.hash: 10},
            id="after a shadow it drains first",
        ),
        pytest.param(
            with_step(by_weight(1), accepted_at=None),
            {STABLE.hash: 10, CANDIDATE.hash: 10},
            id="and keeps all until the gateway has taken the copies away",
        ),
        pytest.param(
            with_step(by_weight(1), accepted_at=NOW - 29 * SECOND),
            {STABLE.hash: 10, CANDIDATE.hash: 10},
            id="from when it has, however long that took",
        ),
        pytest.param(
            with_problems(by_weight(2, candidate=7)),
            {STABLE.hash: 10, CANDIDATE.hash: 7},
            id="an invalid spec scales nothing",
        ),
        pytest.param(
            sized(stable=10, replicas=4),
            {STABLE.hash: 10, CANDIDATE.hash: 4},
            id="replicas lowered in the middle: stable keeps what it had",
        ),
        pytest.param(
            with_pods(sized(stable=10, replicas=4), pods(STABLE, 6, 6)),
            {STABLE.hash: 10, CANDIDATE.hash: 4},
            id="also when somebody has scaled it down since",
        ),
        pytest.param(sized(replicas=12), {STABLE.hash: 12, CANDIDATE.hash: 12}, id="replicas raised in the middle"),
        pytest.param(sized(stable=None), {STABLE.hash: 10, CANDIDATE.hash: 10}, id="an attempt of an older operator"),
    ],
)
def test_what_serves_is_not_made_narrower(seen: Observation, expected: dict[str, int]) -> None:
    assert scale(seen, seen.status).replicas == expected


def test_entering_a_step_asks_for_the_pods_of_the_one_after_it() -> None:
    plan = decide(by_weight(1, candidate=2))
    assert plan.action is Action.ENTER
    assert plan.replicas == {STABLE.hash: 10, CANDIDATE.hash: 4}


def test_the_drain_after_a_shadow_is_looked_at_again() -> None:
    seen = with_step(by_weight(1), started_at=NOW - 10 * SECOND, accepted_at=NOW - 10 * SECOND)
    assert decide(seen).wake_at == NOW + 20 * SECOND


def short(seen: Observation, ready: int) -> Observation:
    return with_pods(seen, pods(CANDIDATE, ready, FULL))


@table(
    Case("enough for the next step", short(by_weight(1), 2), Action.ENTER, "Passed", "ramp at 20 %"),
    Case(
        "too few for the next step",
        short(by_weight(1), 1),
        Action.WAIT,
        "ScalingUp",
        text="1 of 2 endpoints that ramp at 20 % needs are ready",
    ),
    Case("too few for the ramp", short(by_weight(3), 4), Action.WAIT, "ScalingUp", text="4 of 5 endpoints"),
    Case("too few for all", short(by_weight(4), 9), Action.WAIT, "ScalingUp", text="9 of 10 endpoints"),
    Case(
        "too few for the promotion",
        short(by_weight(1, stages=HOLDBACK), 9),
        Action.WAIT,
        "ScalingUp",
        text="9 of 10 endpoints that the promotion needs",
    ),
    Case("without scaleWithWeight too", short(sized(position=4), 9), Action.WAIT, "ScalingUp"),
    Case("and no more than its share", short(sized(position=3), 5), Action.ENTER, "Passed", "ramp at 50 %"),
    Case(
        "open checks are what it waits for",
        short(with_evidence(by_weight(1), Verdict.CONTINUE), 1),
        Action.WAIT,
        "Gathering",
    ),
    Case(
        "harm does not wait for pods",
        short(with_evidence(by_weight(1), Verdict.HARM), 1),
        Action.ROLL_BACK,
        "Harm",
        fails=True,
    ),
    Case("nor does an unready candidate", candidate_down(by_weight(1)), Action.SUSPEND, "CandidateUnready"),
    Case(
        "before the deadline it waits",
        short(with_step(by_weight(1), scaling_since=NOW - 9 * MINUTE), 1),
        Action.WAIT,
        "ScalingUp",
    ),
    Case(
        "past the deadline it is stuck and stays",
        short(with_step(by_weight(1), scaling_since=NOW - 10 * MINUTE), 1),
        Action.WAIT,
        "ProgressDeadlineExceeded",
        text="1 of 2 endpoints",
    ),
    Case(
        "a first step waits for its pods",
        with_pods(loading(raw=raw_spec(replicas=FULL, deployment={"scaleWithWeight": True})), pods(CANDIDATE, 9, FULL)),
        Action.WAIT,
        "CandidateLoading",
        text="9/10 endpoints",
    ),
    Case(
        "and only for its pods",
        with_pods(
            loading(raw=raw_spec(replicas=FULL, deployment={"scaleWithWeight": True}, stages=SHADOW_10)),
            pods(CANDIDATE, 1, 1),
        ),
        Action.ENTER,
        "CandidateReady",
        "shadow at mirror 10 %",
    ),
    Case(
        "but no longer than its user said",
        short(by_weight(1, stages=IMPATIENT), 1),
        Action.ROLL_BACK,
        "Inconclusive",
        fails=True,
        text="stayed open for maxDuration: 1 of 10 endpoints that full at 100 % needs are ready",
    ),
    Case(
        "a suspended candidate waits for the pods of its weight",
        short(suspended(by_weight(4)), 4),
        Action.WAIT,
        "Suspended",
        text="4 of the 5 endpoints of 2 that its weight needs are ready",
    ),
    Case(
        "and goes on with them", short(suspended(by_weight(4)), 5), Action.ENTER, "CandidateRecovered", "ramp at 50 %"
    ),
    Case(
        "or is given up",
        short(suspended(by_weight(4), NOW - 10 * MINUTE), 4),
        Action.ROLL_BACK,
        "ProgressDeadlineExceeded",
        fails=True,
        text="4 of the 5 endpoints",
    ),
    Case(
        "replicas raised in the middle restart nothing",
        with_spec(with_evidence(sized(), Verdict.CONTINUE), raw_spec(replicas=12)),
        Action.WAIT,
        "Gathering",
    ),
    Case(
        "nor does autoscaling",
        with_spec(
            with_evidence(sized(), Verdict.CONTINUE),
            raw_spec(replicas=2, deployment={"autoscaling": {"maxReplicas": 3}}),
        ),
        Action.WAIT,
        "Gathering",
    ),
)
def test_no_weight_rises_before_the_pods_are_ready(case: Case) -> None:
    check(ask(situation_of(case.seen)), case)


def test_the_wait_for_pods_is_timed_in_status() -> None:
    seen = short(by_weight(1), 1)
    plan = decide(seen)
    assert plan.status.attempt is not None
    assert plan.status.attempt.step is not None
    assert plan.status.attempt.step.scaling_since == NOW
    assert plan.wake_at == NOW + 10 * MINUTE
    later = decide(replace(with_status(seen, **dict(plan.status)), now=NOW + MINUTE))
    assert later.wake_at == plan.wake_at
    assert later.status.attempt == plan.status.attempt


def test_a_wait_for_anything_else_ends_it() -> None:
    waited = with_step(short(by_weight(1), 1), scaling_since=NOW - MINUTE)
    plan = decide(with_evidence(waited, Verdict.CONTINUE))
    assert plan.status.attempt is not None
    assert plan.status.attempt.step is not None
    assert plan.status.attempt.step.scaling_since is None


# --- autoscaling ------------------------------------------------------------------------------------------------------


AUTO = {"autoscaling": {"minReplicas": 2, "maxReplicas": 12}}


def auto(now: int = 6, *, start: int | None = 6, candidate: int = 6, position: int = 2, **others: Any) -> Observation:
    """A step under autoscaling; stable had `start` pods when the rollout began and has `now`."""
    deployment = AUTO | others.pop("deployment", {})
    seen = sized(start, candidate, position, replicas=2, deployment=deployment, **others)
    return with_pods(seen, pods(STABLE, now, now))


def resting_auto(now: int, **status: Any) -> Observation:
    return with_pods(resting(raw_spec("1", replicas=2, deployment=AUTO), **status), pods(STABLE, now, now))


@pytest.mark.parametrize(
    ("seen", "replicas", "bounds"),
    [
        pytest.param(
            empty(raw_spec("1", replicas=4, deployment=AUTO)),
            {STABLE.hash: 4},
            {STABLE.hash: Bounds(4, 12)},
            id="the first revision is not made narrower than it starts while it loads",
        ),
        pytest.param(resting_auto(7), {STABLE.hash: 7}, {STABLE.hash: Bounds(2, 12)}, id="at rest load decides"),
        pytest.param(resting_auto(1), {STABLE.hash: 2}, {STABLE.hash: Bounds(2, 12)}, id="within its bounds"),
        pytest.param(
            auto(),
            {STABLE.hash: 6, CANDIDATE.hash: 6},
            {STABLE.hash: Bounds(6, 12), CANDIDATE.hash: Bounds(6, 12)},
            id="stable keeps what it had, and the candidate has as many",
        ),
        pytest.param(
            auto(now=9),
            {STABLE.hash: 9, CANDIDATE.hash: 9},
            {STABLE.hash: Bounds(6, 12), CANDIDATE.hash: Bounds(9, 12)},
            id="load has grown: the candidate is to take over as many",
        ),
        pytest.param(
            auto(now=9, candidate=11),
            {STABLE.hash: 9, CANDIDATE.hash: 11},
            {STABLE.hash: Bounds(6, 12), CANDIDATE.hash: Bounds(9, 12)},
            id="its own load may make more of it: that is its autoscaler's to say",
        ),
        pytest.param(
            auto(deployment={"scaleWithWeight": True}, candidate=3),
            {STABLE.hash: 6, CANDIDATE.hash: 3},
            {STABLE.hash: Bounds(6, 12), CANDIDATE.hash: Bounds(3, 12)},
            id="with scaleWithWeight, in proportion to that",
        ),
        pytest.param(
            auto(now=10, start=10, deployment={"autoscaling": {"maxReplicas": 4}}, candidate=4),
            {STABLE.hash: 10, CANDIDATE.hash: 4},
            {STABLE.hash: Bounds(10, 10), CANDIDATE.hash: Bounds(4, 4)},
            id="maxReplicas lowered in the middle",
        ),
        pytest.param(
            with_problems(auto()), {STABLE.hash: 6, CANDIDATE.hash: 6}, {}, id="an invalid spec changes no autoscaler"
        ),
        pytest.param(
            with_pods(resting_auto(6, previous=previous(THIRD)), pods(THIRD, 5, 5)),
            {STABLE.hash: 6, THIRD.hash: 5},
            {STABLE.hash: Bounds(2, 12), THIRD.hash: None},
            id="the warm one keeps its pods, though nothing loads it",
        ),
        pytest.param(
            with_pods(resting_auto(6, previous=previous(THIRD).model_copy(update={"replicas": 8})), pods(THIRD, 5, 5)),
            {STABLE.hash: 6, THIRD.hash: 8},
            {STABLE.hash: Bounds(2, 12), THIRD.hash: None},
            id="as many as it had when it served",
        ),
        pytest.param(
            with_pods(resting_auto(6, retired=(Retired(revision=THIRD.hash, since=NOW),)), pods(THIRD, 5, 5)),
            {STABLE.hash: 6},
            {STABLE.hash: Bounds(2, 12), THIRD.hash: None},
            id="what drains is not scaled by a load that it does not have",
        ),
        pytest.param(
            with_pods(resting_auto(6), pods(THIRD, 5, 5)),
            {STABLE.hash: 6, THIRD.hash: 0},
            {STABLE.hash: Bounds(2, 12), THIRD.hash: None},
            id="what has drained stops without one",
        ),
        pytest.param(
            with_pods(resting(raw_spec("1", replicas=4)), pods(STABLE, 7, 7)),
            {STABLE.hash: 4},
            {STABLE.hash: None},
            id="without autoscaling there is none",
        ),
        pytest.param(
            with_pods(with_spec(auto(now=9), raw_spec(replicas=4)), pods(CANDIDATE, 9, 9)),
            {STABLE.hash: 9, CANDIDATE.hash: 4},
            {STABLE.hash: None, CANDIDATE.hash: None},
            id="autoscaling taken away in the middle: stable keeps what it has",
        ),
    ],
)
def test_between_which_numbers_load_decides(
    seen: Observation, replicas: dict[str, int], bounds: dict[str, Bounds | None]
) -> None:
    planned = scale(seen, seen.status)
    assert (planned.replicas, planned.bounds) == (replicas, bounds)


def test_a_rollout_remembers_how_many_pods_stable_had_at_its_start() -> None:
    seen = with_spec(resting_auto(7), raw_spec("2", replicas=2, deployment=AUTO))
    plan = decide(with_route(seen))
    assert plan.action is Action.BEGIN
    assert plan.status.attempt is not None
    assert plan.status.attempt.stable_replicas == 7
    assert plan.bounds == {STABLE.hash: Bounds(7, 12), CANDIDATE.hash: Bounds(7, 12)}
    assert plan.replicas == {STABLE.hash: 7, CANDIDATE.hash: 7}


def test_a_promotion_gives_the_users_bounds_back_and_keeps_the_old_one_wide() -> None:
    plan = decide(auto(now=8, start=8, candidate=8, position=5))
    assert plan.action is Action.PROMOTE
    assert plan.status.previous is not None
    assert plan.status.previous.replicas == 8
    assert plan.bounds == {STABLE.hash: None, CANDIDATE.hash: Bounds(2, 12)}
    assert plan.replicas == {STABLE.hash: 8, CANDIDATE.hash: 8}


def test_after_a_rollback_stable_keeps_its_pods_until_its_load_has_been_seen() -> None:
    seen = with_evidence(auto(), Verdict.HARM)
    plan = decide(seen)
    assert plan.status.floor == FloorStatus(replicas=6, until=NOW + 5 * MINUTE)
    assert plan.bounds == {STABLE.hash: Bounds(6, 12), CANDIDATE.hash: None}
    assert plan.replicas == {STABLE.hash: 6}
    rolled_back = with_route(with_status(with_status(seen, **dict(plan.status)), retired=()))
    almost = decide(replace(rolled_back, now=NOW + 4 * MINUTE))
    assert almost.bounds[STABLE.hash] == Bounds(6, 12)
    assert almost.wake_at == NOW + 5 * MINUTE
    over = decide(replace(rolled_back, now=NOW + 5 * MINUTE))
    assert over.status.floor is None
    assert over.bounds[STABLE.hash] == Bounds(2, 12)


def test_so_it_does_where_only_the_route_tells_of_the_rollback() -> None:
    plan = decide(ahead(auto(), route_decision(Action.ROLL_BACK, "Harm")))
    assert plan.status.floor == FloorStatus(replicas=6, until=NOW + 5 * MINUTE)


def test_without_autoscaling_there_is_no_floor() -> None:
    assert decide(with_evidence(sized(), Verdict.HARM)).status.floor is None


def test_a_return_is_served_by_as_many_as_before() -> None:
    warm = previous(THIRD).model_copy(update={"replicas": 8})
    raw = raw_spec("3", replicas=2, deployment=AUTO)
    seen = with_pods(with_status(resting(raw), previous=warm), pods(STABLE, 6, 6), pods(THIRD, 8, 8))
    plan = decide(seen)
    assert plan.action is Action.RETURN
    assert plan.replicas[THIRD.hash] == 8
    assert plan.bounds == {STABLE.hash: None, THIRD.hash: Bounds(2, 12)}
