"""How many pods each revision has."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.scale import candidate_size, scale
from modelrollout.engine.situation import Observation
from tests.support.scenes import (
    CANDIDATE,
    NOW,
    STABLE,
    loading,
    pods,
    raw_spec,
    suspended,
    with_pods,
    with_problems,
    with_spec,
    with_step,
)
from tests.support.sized import FULL, HOLDBACK, SHADOW_10, by_weight, sized

pytestmark = pytest.mark.unit

SECOND = timedelta(seconds=1)


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
