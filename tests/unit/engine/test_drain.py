"""A revision that has lost its traffic keeps its pods until requests under way have had time to end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.status import Retired
from modelrollout.engine.decide import decide
from modelrollout.engine.observed import Acceptance
from modelrollout.engine.plan import Action
from modelrollout.engine.revisions import Revision
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import Mirror, between
from tests.support.scenes import (
    CANDIDATE,
    NOW,
    STABLE,
    THIRD,
    ahead,
    candidate_down,
    latched,
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
)

pytestmark = pytest.mark.unit

SECOND = timedelta(seconds=1)
DRAIN = 30 * SECOND
LONG_AGO = NOW - timedelta(hours=1)


def drains(gone_at: datetime | None = None) -> Observation:
    """Version 2 was to lose its traffic long ago; version 1 serves, and the route says so."""
    entry = Retired(revision=CANDIDATE.hash, since=LONG_AGO, gone_at=gone_at)
    return with_pods(with_status(resting(), retired=(entry,)), pods(CANDIDATE))


def gone_at(seen: Observation, revision: str = CANDIDATE.hash) -> datetime | None:
    """Since when nothing leads to a revision, after the decision, which must not stop it."""
    plan = decide(seen)
    assert plan.replicas.get(revision) != 0
    assert revision not in plan.collect
    return next(entry.gone_at for entry in plan.status.retired if entry.revision == revision)


# --- from when the drain counts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(drains(), NOW, id="the gateway has accepted the route without it"),
        pytest.param(with_problems(drains()), NOW, id="also under a spec that cannot be carried out"),
        pytest.param(with_route(drains(), Acceptance.PENDING), None, id="not accepted yet"),
        pytest.param(with_route(drains(), Acceptance.REJECTED), None, id="refused: the gateway goes by an older route"),
        pytest.param(with_route(drains(), sequence=0), None, id="the route is of an earlier decision"),
        pytest.param(with_route(drains(), uniform=False), None, id="one rule leads elsewhere"),
        pytest.param(replace(drains(), route=None), None, id="somebody deleted the route"),
        pytest.param(
            with_route(drains(), weights=((STABLE.hash, 95), (CANDIDATE.hash, 5))), None, id="it has a share still"
        ),
        pytest.param(with_route(drains(), mirror=Mirror(CANDIDATE.hash, 10)), None, id="it gets copies still"),
        pytest.param(replace(drains(), served=CANDIDATE.hash), None, id="the Service selects it still"),
        pytest.param(replace(drains(), served=STABLE.hash), NOW, id="the Service selects another"),
    ],
)
def test_it_counts_from_when_nothing_leads_to_it(seen: Observation, expected: datetime | None) -> None:
    assert gone_at(seen) == expected


def test_it_is_stamped_once() -> None:
    stamped = NOW - 10 * SECOND
    assert gone_at(drains(stamped)) == stamped
    assert gone_at(with_route(drains(stamped), Acceptance.PENDING)) == stamped, "another decision is on its way"


def test_traffic_by_hand_makes_it_start_again() -> None:
    by_hand = with_route(drains(LONG_AGO), weights=between(STABLE.hash, CANDIDATE.hash, 50).weights)
    assert gone_at(by_hand) is None


@pytest.mark.parametrize(
    ("ago", "replicas", "wake_at"),
    [(None, None, NOW + DRAIN), (29 * SECOND, None, NOW + SECOND), (30 * SECOND, 0, None)],
    ids=["just gone", "nearly over", "over"],
)
def test_its_pods_stop_when_its_time_is_over(
    ago: timedelta | None, replicas: int | None, wake_at: datetime | None
) -> None:
    plan = decide(drains(None if ago is None else NOW - ago))
    assert plan.replicas.get(CANDIDATE.hash) == replicas
    assert plan.wake_at == wake_at


def test_nobody_looks_again_while_the_gateway_has_not_accepted() -> None:
    plan = decide(with_route(drains(), Acceptance.PENDING))
    assert plan.wake_at is None, "the gateway's word is an event"
    assert plan.status.retired == with_route(drains()).status.retired, "and nothing is written meanwhile"


def test_the_spec_says_how_long_whenever_it_is_edited() -> None:
    edited = with_spec(drains(NOW - 40 * SECOND), raw_spec("1", drain="1m"))
    assert decide(edited).wake_at == NOW + 20 * SECOND


# --- every way out of traffic -----------------------------------------------------------------------------------------


HARM = with_evidence(stepping(), Verdict.HARM)
HOLDBACK = [
    {"name": "canary", "weight": 5},
    {"name": "full", "weight": 100, "holdback": 5, "duration": "1m"},
]


@pytest.mark.parametrize(
    ("seen", "action", "leaving"),
    [
        pytest.param(HARM, Action.ROLL_BACK, CANDIDATE, id="rolled back"),
        pytest.param(with_attempt(stepping(), harm=latched()), Action.ROLL_BACK, CANDIDATE, id="for harm of before"),
        pytest.param(with_evidence(stepping(0), Verdict.HARM), Action.ROLL_BACK, CANDIDATE, id="a shadow"),
        pytest.param(with_spec(stepping(), raw_spec("1")), Action.ROLL_BACK, CANDIDATE, id="reverted"),
        pytest.param(with_spec(stepping(), raw_spec("3")), Action.ABANDON, CANDIDATE, id="a third revision"),
        pytest.param(stepping(5), Action.PROMOTE, STABLE, id="promoted, previous kept warm"),
        pytest.param(stepping(5, raw_spec(rollbackWindow="0s")), Action.PROMOTE, STABLE, id="promoted, nothing warm"),
        pytest.param(stepping(1, raw_spec(stages=HOLDBACK)), Action.PROMOTE, STABLE, id="promoted with a holdback"),
        pytest.param(
            with_pods(resting(raw_spec("3"), previous=previous(THIRD)), pods(THIRD)),
            Action.RETURN,
            STABLE,
            id="back to previous",
        ),
    ],
)
def test_every_way_out_of_traffic_drains_from_its_acceptance(
    seen: Observation, action: Action, leaving: Revision
) -> None:
    left = decide(replace(seen, served=STABLE.hash))
    assert left.action is action
    assert leaving.hash not in left.replicas or left.replicas[leaving.hash]
    assert [e.gone_at for e in left.status.retired if e.revision == leaving.hash] == [None]

    # Two hours pass before the gateway accepts the route: longer than any drain and any rollback window.
    later = NOW + timedelta(hours=2)
    moved = replace(with_status(replace(seen, now=later), **dict(left.status)), served=left.serve, evidence=None)
    assert gone_at(with_route(moved, Acceptance.PENDING), leaving.hash) is None
    assert gone_at(with_route(moved), leaving.hash) == later


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(with_route(with_spec(loading(), raw_spec("1"))), id="reverted while it loads"),
        pytest.param(suspended(candidate_down(stepping()), LONG_AGO), id="suspended for good"),
    ],
)
def test_what_the_gateway_knew_to_have_no_traffic_drains_at_once(seen: Observation) -> None:
    plan = decide(seen)
    assert plan.action is Action.ROLL_BACK
    assert gone_at(seen) == NOW


def test_what_is_suspended_for_good_before_the_gateway_knew_drains_later() -> None:
    unheard = with_route(suspended(candidate_down(stepping()), LONG_AGO), Acceptance.PENDING)
    assert gone_at(unheard) is None


def test_a_way_back_that_only_the_route_tells_of_drains_from_its_acceptance() -> None:
    """The operator ended between the route and status; how long ago the decision was says nothing of the gateway."""
    told = ahead(stepping(), replace(route_decision(Action.ROLL_BACK, "Harm"), at=LONG_AGO))
    accepted = decide(told)
    assert accepted.replicas == {STABLE.hash: 2}
    assert [entry.gone_at for entry in accepted.status.retired] == [NOW]
    assert told.route is not None
    pending = decide(replace(told, route=replace(told.route, acceptance=Acceptance.PENDING)))
    assert pending.replicas == {STABLE.hash: 2}
    assert [entry.gone_at for entry in pending.status.retired] == [None]


def test_what_drains_and_is_asked_for_again_does_not_stop() -> None:
    again = with_spec(drains(LONG_AGO), raw_spec("2"))
    plan = decide(again)
    assert plan.action is Action.BEGIN
    assert plan.status.retired == ()
    assert plan.replicas == {STABLE.hash: 2, CANDIDATE.hash: 2}


def test_others_go_on_draining_while_a_rollout_begins() -> None:
    plan = decide(with_spec(drains(NOW - SECOND), raw_spec("3")))
    assert plan.action is Action.BEGIN
    assert [entry.gone_at for entry in plan.status.retired] == [NOW - SECOND]
    assert CANDIDATE.hash not in plan.replicas
