"""In which order the rules are asked, situation by situation. The first that has something to say decides.

Someone who reads only these four lists knows the product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from modelrollout.engine import policies
from modelrollout.engine.plan import Decision
from modelrollout.engine.situation import Empty, Loading, Resting, Situation, Stepping

S = TypeVar("S")
Policy = Callable[[S], Decision | None]

STEPPING: Final[tuple[Policy[Stepping], ...]] = (
    policies.harm,  # first: nothing delays it, not an unready pod, a refused route or an invalid spec
    policies.silence,  # harm without a single bad answer
    policies.crash,  # before unready: a crash loop is not a pause
    policies.unready,  # hard failures act whatever the spec says
    policies.reverted,  # the user's way back works under an otherwise invalid spec too, and while suspended
    policies.superseded,  # as does a newer revision: both only take traffic away
    policies.suspended_for_good,  # acts under an invalid spec too: pods that never become ready cost money
    policies.invalid,  # from here on the spec is trusted
    policies.suspended,  # before anything that enters a step: no weight without a ready endpoint
    policies.edited,  # evidence of another stage must not count: before anything that reads it
    policies.recovered,  # after edited: a step of another spec is not entered again
    policies.accepted,  # a stamp; nothing passes without it
    policies.in_force,  # a stamp; nothing passes without it
    policies.passed,  # before inconclusive: evidence that is complete at the last moment counts
    policies.inconclusive,  # only the user's explicit choice acts; Hold falls through
    policies.held,  # always answers: says what is missing
)

LOADING: Final[tuple[Policy[Loading], ...]] = (
    policies.crash,
    policies.reverted,  # before the deadline: giving up is the user's wish then, not the candidate's fault
    policies.superseded,
    policies.load_deadline,  # acts under an invalid spec too: pods that load for ever cost money
    policies.invalid,
    policies.load_wait,
    policies.unchecked,  # pods may load meanwhile, but get no traffic
    policies.route_at_rest,  # the last thing before traffic: a rise starts from a known split
    policies.unscraped,  # after the route: what is waited for last is seen last
    policies.enter_first,  # always answers
)

RESTING: Final[tuple[Policy[Resting], ...]] = (
    policies.invalid,  # first: a spec that cannot be carried out starts nothing
    policies.steady,
    policies.failed_before,  # before warm_return and begin: a failure is not retried by itself
    policies.warm_return,  # before begin: back is one write, not a rollout
    policies.unchecked,  # after what is back to a known revision: only something new needs the check
    policies.route_at_rest,
    policies.begin,  # always answers
)

EMPTY: Final[tuple[Policy[Empty], ...]] = (
    policies.invalid,
    policies.first_ready,
    policies.first_loading,  # always answers
)


def decide(situation: Situation) -> Decision:
    """Ask the policies of a situation in order."""
    match situation:
        case Stepping():
            return _first(STEPPING, situation)
        case Loading():
            return _first(LOADING, situation)
        case Resting():
            return _first(RESTING, situation)
        case Empty():
            return _first(EMPTY, situation)


def _first(chain: tuple[Policy[S], ...], situation: S) -> Decision:
    for policy in chain:
        decision = policy(situation)
        if decision is not None:
            return decision
    raise AssertionError("the last policy of each chain always answers")
