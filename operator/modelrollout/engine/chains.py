"""In which order the rules are asked, situation by situation. The first that has something to say decides.

Someone who reads only these four lists knows the product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from modelrollout.engine import (
    adopt,
    automation,
    capacity,
    contest,
    fallback,
    gates,
    hands,
    inherit,
    late,
    pipeline,
    policies,
    presets,
    proving,
    services,
    surroundings,
    upstream,
    usual,
)
from modelrollout.engine.plan import Decision
from modelrollout.engine.situation import Empty, Loading, Resting, Situation, Stepping

S = TypeVar("S")
Policy = Callable[[S], Decision | None]

STEPPING: Final[tuple[Policy[Stepping], ...]] = (
    # first: nothing delays it, not an unready pod, a refused route or an invalid spec; it may only have to be asked for
    automation.unless_restrained(policies.harm),
    services.replaced,  # before silence: what was replaced answers nothing, and must not be blamed for that
    policies.silence,  # harm without a single bad answer
    automation.fails_all,  # harm that acts whatever spec.automation and onFailure say
    policies.crash,  # before unready: a crash loop is not a pause
    policies.unready,  # hard failures act whatever the spec says
    hands.aborted,  # a person's way back works under an invalid spec too, and while suspended
    policies.reverted,  # the user's way back works under an otherwise invalid spec too, and while suspended
    policies.superseded,  # as does a newer revision: both only take traffic away
    contest.contested,  # takes traffic away too, and acts under an invalid spec
    gates.gate_ended,  # its end is a fact whatever the spec, Prometheus or the route say, and may take traffic away
    policies.suspended_for_good,  # acts under an invalid spec too: pods that never become ready cost money
    policies.invalid,  # from here on the spec is trusted
    hands.promoted_full,  # before what evidence says, and before suspended: a person may do without it
    hands.promoted,  # before suspended: the intent may move on while the candidate has no traffic
    hands.approved,  # before whatever begins the step again: it was given for the step that there is
    policies.suspended,  # before anything that enters a step: no weight without a ready endpoint
    hands.paused_while_suspended,  # before what gives traffic back: edited and recovered
    policies.edited,  # evidence of another stage must not count: before anything that reads it
    surroundings.moved,  # after edited, which may choose another step; before anything that reads evidence
    pipeline.upstream_changed,  # the same: evidence is about what it was made on
    contest.waits,  # after edited: an edit of the step ends the wait; before all that enters or judges it
    contest.over,
    policies.recovered,  # after edited: a step of another spec is not entered again
    upstream.mended,  # the same; before all that judges: what both failed with may not keep the step open
    capacity.relieved,  # the same; before all that judges: what latency has shown was for want of pods
    policies.accepted,  # a stamp; nothing passes without it
    policies.in_force,  # a stamp; nothing passes without it
    hands.paused,  # after the stamps: evidence is gathered all the same; before anything that goes on or gives up
    presets.no_metrics,  # before all that goes on by itself, with open evidence too: there is nothing to go by
    usual.no_history,  # the same: a limit that is still to come is kept by nobody
    upstream.both_fail,  # the same: what fails for both is no ground to give up or to go on
    upstream.input_drift,  # after paused, which a person said; before all that goes on or gives up
    pipeline.upstream_first,  # the same; a person may promote all the same
    automation.recommended,  # before passed and inconclusive: what a person has to be asked for first
    policies.passed,  # before inconclusive: evidence that is complete at the last moment counts
    policies.inconclusive,  # only the user's explicit choice acts; Hold falls through
    capacity.short,  # after inconclusive: it is no harm, but it ends with maxDuration, as the user said
    hands.promotion_waits,  # nothing else may have to be said by then: the stages go on meanwhile
    proving.unproven,  # last but one: all checks pass, and only the throughput goal is left to say
    policies.held,  # always answers: says what is missing
)

LOADING: Final[tuple[Policy[Loading], ...]] = (
    policies.crash,
    hands.aborted,  # a person's way back works under an invalid spec too
    policies.reverted,  # before the deadline: giving up is the user's wish then, not the candidate's fault
    policies.superseded,
    gates.gate_ended,  # before the deadline: what a gate found says more than that time is over
    policies.load_deadline,  # acts under an invalid spec too: pods that load for ever cost money
    policies.invalid,
    hands.promoted_full,  # falls through until all pods are ready, which load_wait says
    hands.approved,  # a mark that enters nothing: it counts when the candidate is ready
    hands.paused,  # before load_wait: a person sees that the pause holds, and how far the pods are
    policies.load_wait,
    hands.entered,  # after load_wait: a person may do without everything but ready pods
    services.unsettled,  # after load_wait: what is deployed has to be ready first, and then to stay
    policies.unchecked,  # pods may load meanwhile, but get no traffic
    policies.route_at_rest,  # the last thing before traffic: a rise starts from a known split
    adopt.hidden,  # the same: requests that pass by the route would leave the candidate silent, and it would be blamed
    presets.no_metrics,  # before unscraped, which matters only where metrics do; nobody is asked while there are none
    usual.no_history,  # the same: a limit that is still to come is kept by nobody
    policies.unscraped,  # after the route: what is waited for last is seen last
    pipeline.upstream_first,  # nobody is asked for what cannot begin
    automation.recommended,  # before traffic: whom a person has to be asked for first
    policies.enter_first,  # always answers
)

RESTING: Final[tuple[Policy[Resting], ...]] = (
    late.late_harm,  # first, as harm is everywhere: whatever the spec asks for, what serves must not
    hands.declined,  # before invalid: what does not begin needs no valid spec
    hands.rolled_back,  # before invalid: the way back works under an invalid spec too
    policies.invalid,  # a spec that cannot be carried out starts nothing
    policies.steady,
    hands.retried,  # before failed_before: a person is who may try again
    policies.failed_before,  # before warm_return and begin: a failure is not retried by itself
    policies.warm_return,  # before begin: back is one write, not a rollout
    hands.paused,  # after what is back to a known revision: that is no step forward
    policies.unchecked,  # after what is back to a known revision: only something new needs the check
    policies.route_at_rest,
    pipeline.upstream_first,  # last: pods that could get no traffic cost money
    policies.begin,  # always answers
)

EMPTY: Final[tuple[Policy[Empty], ...]] = (
    policies.invalid,
    inherit.inherited,  # before what makes a first revision: there is one that serves
    services.serves_already,  # before first_ready: a candidate beside what serves runs the stages
    fallback.stand_in,  # before first_ready: with a fallback the first revision runs the stages
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
