from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from modelrollout.api.conditions import ConditionType
from modelrollout.api.status import ContestStatus, Phase
from modelrollout.engine.chains import decide as ask
from modelrollout.engine.contest import QUIET, QUIET_MAX, contested, counted, over, waits
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action, EventType
from modelrollout.engine.situation import Observation, situation_of
from modelrollout.engine.split import only
from modelrollout.engine.transition import adopted
from tests.support import scenes
from tests.support.cases import Case, as_stepping, check, table
from tests.support.scenes import CANDIDATE, MINUTE, NOW, STABLE

pytestmark = pytest.mark.unit

BY = "argocd-controller"


def reset(seen: Observation, edition: str = "uid/8", **changes: Any) -> Observation:
    """The owner has applied the route again: stable has everything, the marks are as they were."""
    made = scenes.route(only(STABLE.hash), seen.status.sequence)
    return replace(seen, route=replace(made, edition=edition, by=(BY,), **changes))


def fought(*minutes_ago: float, seen: Observation | None = None, **changes: Any) -> Observation:
    """With a contest: resets so many minutes ago."""
    resets = tuple(NOW - ago * MINUTE for ago in minutes_ago)
    contest = ContestStatus(resets=resets, edition="uid/7", by=BY).model_copy(update=changes)
    return scenes.with_attempt(seen or scenes.stepping(), contest=contest)


def held(since: datetime = NOW - MINUTE, times: int = 1, generation: int = 2) -> Observation:
    seen = fought(3, 2, 1, held_since=since, times=times, generation=generation)
    return scenes.with_route(seen, edition="uid/8", by=(BY,))


def resets_of(seen: Observation) -> tuple[datetime, ...]:
    attempt = counted(seen.status, seen).attempt
    return attempt.contest.resets if attempt and attempt.contest else ()


@pytest.mark.parametrize(
    ("seen", "count"),
    [
        (reset(scenes.stepping()), 1),
        (reset(fought(2, 1)), 3),
        (reset(fought(2, 1), edition="uid/7"), 2),
        (reset(scenes.stepping(), sequence=0), 1),
        (reset(scenes.stepping(), sequence=3), 0),
        (reset(scenes.stepping(), edition=""), 0),
        (reset(scenes.resting()), 0),
        (reset(scenes.loading()), 0),
        (reset(scenes.suspended(scenes.stepping())), 0),
        (scenes.with_route(scenes.stepping(), edition="uid/8"), 0),
        (replace(scenes.stepping(), route=None), 0),
    ],
    ids=[
        "the first",
        "the third",
        "counted already",
        "with our marks gone",
        "our own write is still to come",
        "a route of our own, or one that points elsewhere",
        "at rest it is no reset",
        "before the first step neither",
        "nor while the candidate has nothing",
        "the route is as it should be",
        "there is no route",
    ],
)
def test_resets_are_counted_once_each(seen: Observation, count: int) -> None:
    assert len(resets_of(seen)) == count


def test_only_the_latest_are_kept() -> None:
    assert resets_of(reset(fought(4, 3, 2))) == (NOW - 3 * MINUTE, NOW - 2 * MINUTE, NOW)


@table(
    Case("never set back", scenes.stepping(), None),
    Case("twice", fought(2, 1), None),
    Case("three times, but long ago", fought(6, 2, 1), None),
    Case("three times", fought(4, 2, 0), Action.HOLD_BACK, "RouteContested", text=f"{BY} has set the HTTPRoute back 3"),
    Case("under an invalid spec too", scenes.with_problems(fought(4, 2, 0)), Action.HOLD_BACK, "RouteContested"),
    Case("stable cannot take it", scenes.stable_down(fought(4, 2, 0)), Action.WAIT, "NoSafeTarget"),
    Case("held back already", held(), None),
)
def test_contested(case: Case) -> None:
    check(contested(as_stepping(case.seen)), case)


@table(
    Case("nothing was contested", scenes.stepping(), None),
    Case("contested and not held back", fought(1), None),
    Case("just held back", held(), Action.WAIT, "RouteContested", text="docs/gitops.md"),
    Case("quiet long enough", held(NOW - QUIET), None),
    Case("the second time it takes twice as long", held(NOW - QUIET, times=2), Action.WAIT, "RouteContested"),
    Case("but never longer than an hour", held(NOW - QUIET_MAX, times=9), None),
    Case("the user has changed the spec", held(generation=1), None),
)
def test_waits(case: Case) -> None:
    check(waits(as_stepping(case.seen)), case)


@table(
    Case("nothing was contested", scenes.stepping(), None),
    Case("contested and not held back", fought(1), None),
    Case("held back, and the wait is over", held(NOW - QUIET), Action.ENTER, "ContestOver", step="canary at 5 %"),
)
def test_over(case: Case) -> None:
    check(over(as_stepping(case.seen)), case)


def test_the_third_reset_takes_the_candidates_traffic_away_and_says_who() -> None:
    plan = decide(reset(fought(2, 1)))
    assert (plan.action, plan.reason) == (Action.HOLD_BACK, "RouteContested")
    assert plan.split == only(STABLE.hash)
    assert plan.status.phase is Phase.SUSPENDED
    assert plan.status.sequence == 5
    assert [(event.type, event.reason) for event in plan.events] == [(EventType.WARNING, "RouteContested")]
    assert BY in plan.events[0].note


def test_the_first_two_are_restored() -> None:
    plan = decide(reset(fought(2)))
    assert plan.action is Action.WAIT
    assert plan.split is not None
    assert plan.split.weight_of(CANDIDATE.hash) == 5


def test_a_held_back_candidate_is_stalled_and_wakes_up() -> None:
    plan = decide(held())
    rows = {row.type: (row.status, row.reason) for row in plan.status.conditions}
    assert rows[ConditionType.STALLED] == ("True", "RouteContested")
    assert plan.split == only(STABLE.hash)
    assert plan.wake_at is not None


def test_the_step_starts_again_with_nothing_counted() -> None:
    plan = decide(held(NOW - QUIET))
    attempt = plan.status.attempt
    assert plan.action is Action.ENTER
    assert attempt is not None
    assert attempt.step is not None
    assert attempt.contest is not None
    assert (attempt.step.number, attempt.step.accepted_at, attempt.step.in_force_at) == (3, None, None)
    assert (attempt.contest.held_since, attempt.contest.resets, attempt.contest.times) == (None, (), 1)


def test_harm_is_stronger_than_a_contest() -> None:
    seen = scenes.with_attempt(held(), harm=scenes.latched())
    assert ask(situation_of(seen)).action is Action.ROLL_BACK


def test_a_silence_while_it_has_nothing_is_none() -> None:
    seen = scenes.with_evidence(held(), silent=True)
    assert ask(situation_of(seen)).reason == "RouteContested"


def test_a_crash_before_the_status_write_loses_nothing() -> None:
    before = scenes.with_status(reset(fought(2, 1)), observed_generation=2)
    lowered = scenes.ahead(before, scenes.route_decision(Action.HOLD_BACK, "RouteContested"))
    attempt = adopted(lowered.status, lowered.route, NOW).attempt
    assert attempt is not None
    assert attempt.contest is not None
    assert attempt.contest.held_since == NOW - MINUTE
    assert decide(lowered).split == only(STABLE.hash)


def test_an_unready_candidate_waits_for_both() -> None:
    both = scenes.with_attempt(held(), unready_since=NOW - timedelta(seconds=30))
    assert ask(situation_of(both)).reason == "RouteContested"
