"""Somebody else keeps setting a route back that is theirs: nobody wins such a fight, and traffic must not swing by it.

Each time it is restored, as any drift. After three times in five minutes the candidate waits at weight 0: the route is
as its owner wrote it then, and nothing is left to fight about.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from modelrollout.api.status import ContestStatus, ModelRolloutStatus
from modelrollout.engine.intent import split_of
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.shared import back
from modelrollout.engine.situation import Observation, Stepping
from modelrollout.engine.split import only

RESETS: Final = 3
WITHIN: Final = timedelta(minutes=5)
QUIET: Final = timedelta(minutes=5)
"""How long the candidate waits before it tries again by itself; twice as long each further time."""
QUIET_MAX: Final = timedelta(hours=1)


def counted(status: ModelRolloutStatus, seen: Observation) -> ModelRolloutStatus:
    """Status with one more reset, if the route shows one that was not counted yet.

    A reset undoes the weights of the decision that status knows; an older decision on the route is a write of ours that
    is still to come.
    """
    attempt, route, split = status.attempt, seen.route, split_of(status)
    if attempt is None or status.stable is None or split is None or split == only(status.stable.revision):
        return status
    if route is None or not route.edition or route.carries(split) or route.sequence not in {0, status.sequence}:
        return status
    known = attempt.contest or ContestStatus()
    if known.edition == route.edition:
        return status
    changes = {
        "resets": (*known.resets, seen.now)[-RESETS:],
        "edition": route.edition,
        "by": ", ".join(route.by)[:253],
    }
    contest = known.model_copy(update=changes)
    return status.model_copy(update={"attempt": attempt.model_copy(update={"contest": contest})})


def contested(s: Stepping) -> Decision | None:
    """A route that its owner keeps setting back gives the candidate nothing."""
    contest = s.attempt.contest
    if contest is None or contest.held_since is not None:
        return None
    recent = [at for at in contest.resets if at > s.seen.now - WITHIN]
    if len(recent) < RESETS:
        return None
    who, minutes = contest.by or "somebody", WITHIN.seconds // 60
    message = f"{who} has set the HTTPRoute back {len(recent)} times within {minutes} minutes: {_remedy(contest)}"
    return back(s, Decision(Action.HOLD_BACK, "RouteContested", message))


def waits(s: Stepping) -> Decision | None:
    """A candidate that was held back waits until the route has been quiet, or until its user has changed something."""
    contest = s.attempt.contest
    if contest is None or contest.held_since is None or _is_over(s, contest):
        return None
    until = _quiet_at(contest)
    message = f"weight 0 until {until:%H:%M:%S}Z or until the spec is changed: {_remedy(contest)}"
    return Decision(Action.WAIT, "RouteContested", message, until=until)


def over(s: Stepping) -> Decision | None:
    """After a contest the step starts again."""
    contest = s.attempt.contest
    if contest is None or contest.held_since is None or s.position is None:
        return None
    return Decision(Action.ENTER, "ContestOver", f"{s.position.label} starts again", step=s.position)


def _is_over(s: Stepping, contest: ContestStatus) -> bool:
    return s.seen.now >= _quiet_at(contest) or s.seen.rollout.generation != contest.generation


def _quiet_at(contest: ContestStatus) -> datetime:
    assert contest.held_since is not None  # noqa: S101 - callers have looked
    doublings = min(max(contest.times - 1, 0), 10)
    return contest.held_since + min(QUIET * (1 << doublings), QUIET_MAX)


def _remedy(contest: ContestStatus) -> str:
    return (
        f"let {contest.by or 'whoever applies it'} leave backendRefs and filters of the rule alone"
        " (settings for Argo CD and Flux are in docs/gitops.md)"
    )
