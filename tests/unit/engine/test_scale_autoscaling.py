"""Between which numbers an autoscaler decides how many pods a revision has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.status import FloorStatus, Retired
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.scale import Bounds, scale
from modelrollout.engine.situation import Observation
from tests.support.scenes import (
    CANDIDATE,
    MINUTE,
    NOW,
    STABLE,
    THIRD,
    ahead,
    empty,
    pods,
    previous,
    raw_spec,
    resting,
    route_decision,
    with_evidence,
    with_pods,
    with_problems,
    with_route,
    with_spec,
    with_status,
)
from tests.support.sized import sized

pytestmark = pytest.mark.unit

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
