"""What people and their gates say, one function each: DESIGN.md, section 5, by the numbers there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from modelrollout.api.controls import Control
from modelrollout.api.gates import GateState
from modelrollout.engine.controls import pause_of
from modelrollout.engine.intent import live_weight
from modelrollout.engine.plan import Action
from modelrollout.engine.rounds import round_of
from tests.support.invariants import BY_HAND, FORWARD
from tests.support.made import Made
from tests.support.truth import step_of


def forward_only_through_gates(made: Made) -> None:
    """Every gate on the way has succeeded, in the order that is written; and only what status tells of is run."""
    plan, attempt = made.plan, made.attempt
    told = {gate.run for gate in plan.status.attempt.gates} if plan.status.attempt else set()
    assert {due.run for due in plan.gates} <= told
    if attempt is None or plan.reason not in {*FORWARD, "CandidateReady"}:
        return
    states = {gate.run: gate.state for gate in attempt.gates}
    for due in round_of(made.seen.rollout.spec, attempt):
        assert states.get(due.run) is GateState.SUCCEEDED, due.label
        assert due.run in made.world.succeeded


def an_abort_takes_the_weight(made: Made) -> None:
    """4: who names the candidate ends its attempt, under whatever spec, unless nobody else could answer."""
    wish = made.seen.rollout.annotations.get(Control.ABORT.annotation, "")
    if made.attempt is None or wish.partition(".")[0] != made.attempt.revision:
        return
    known = {(answer.control, answer.value) for answer in made.before.controls}
    if (Control.ABORT, wish) not in known:
        assert made.plan.status.attempt is None or made.plan.reason == "NoSafeTarget"


def by_hand_only_what_can_serve(made: Made) -> None:
    """4, 14: a person may do without evidence, and not without a click, a valid spec or ready pods."""
    plan = made.plan
    if plan.reason != BY_HAND:
        return
    assert not made.seen.problems
    clicks = {Control.PROMOTE.annotation, Control.PROMOTE_FULL.annotation}
    assert clicks & set(made.seen.rollout.annotations)
    if plan.action is Action.PROMOTE:
        assert plan.status.stable is not None
        state = made.seen.state_of(plan.status.stable.revision)
        assert state is not None
        assert state.ready_endpoints >= made.seen.rollout.spec.workload.replicas
    step = step_of(plan.status)
    made.world.truth.earned = max(made.world.truth.earned, step.weight if step is not None else 0)


def a_pause_holds(made: Made) -> None:
    """No step forward, no begin, no traffic for a candidate that had none, while somebody holds it."""
    plan = made.plan
    if pause_of(made.seen, made.before) is not None:
        assert plan.action not in {Action.BEGIN, Action.PROMOTE}
        assert plan.action is not Action.ENTER or plan.reason == "StageEdited"
        assert live_weight(plan.status) <= live_weight(made.before)


OF_PEOPLE: Final[tuple[Callable[[Made], None], ...]] = (
    forward_only_through_gates,
    an_abort_takes_the_weight,
    by_hand_only_what_can_serve,
    a_pause_holds,
)
