"""What must always hold, on random histories of a small world: DESIGN.md, section 5."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.controls import Control
from modelrollout.api.gates import GateState
from modelrollout.api.spec import OnFailure
from modelrollout.api.stages import OnInconclusive
from modelrollout.api.status import LOG_MAX, ModelRolloutStatus, Phase
from modelrollout.engine.answers import CARRIED_OUT
from modelrollout.engine.controls import pause_of
from modelrollout.engine.decide import decide
from modelrollout.engine.intent import live_weight, split_of
from modelrollout.engine.observed import Acceptance
from modelrollout.engine.plan import LOWERING, Action, Plan
from modelrollout.engine.rounds import round_of
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import only
from modelrollout.engine.steps import Step, find, steps_of
from modelrollout.engine.transition import adopted
from tests.support.history import NAMES, happen, histories
from tests.support.world import World, new_world, step_of

pytestmark = pytest.mark.unit

RUNS, LENGTH = 75, 150
GATING = frozenset({Action.BEGIN_GATE, Action.END_GATE})


def judge(world: World, seen: Observation, plan: Plan) -> None:
    """Every invariant, on one decision."""
    before = adopted(seen.status, seen.route, seen.now)
    only_the_step_of_a_ready_candidate(seen, plan)
    nothing_comes_back(world, before, plan)
    harm_takes_the_weight(seen, before, plan)
    silence_is_a_failure_where_there_was_something_to_answer(seen, before, plan)
    a_hard_failure_takes_the_weight(seen, before, plan)
    another_wish_takes_the_weight(seen, before, plan)
    forward_only_on_evidence(world, seen, before, plan)
    forward_only_through_gates(world, seen, before, plan)
    an_edit_never_raises(before, plan)
    an_invalid_spec_raises_nothing(seen, before, plan)
    what_failed_is_not_retried(world, plan)
    back_is_one_write(seen, before, plan)
    only_what_served_or_passed_is_stable(world, before, plan)
    the_log_tells(before, plan)
    a_pause_holds(seen, before, plan)


def only_the_step_of_a_ready_candidate(seen: Observation, plan: Plan) -> None:
    """1: the candidate has live weight only while ready, and only what its step says."""
    if plan.split is None:
        assert plan.status.stable is None
        return
    assert plan.status.stable is not None
    for revision, weight in plan.split.weights:
        if revision == plan.status.stable.revision:
            continue
        attempt, step = plan.status.attempt, step_of(plan.status)
        assert attempt is not None
        assert step is not None
        assert (revision, weight) == (attempt.revision, step.weight)
        state = seen.state_of(revision)
        assert state is not None
        assert state.is_ready


def forward_only_on_evidence(world: World, seen: Observation, before: ModelRolloutStatus, plan: Plan) -> None:
    """2: no step forward without fresh, passing evidence gathered in this step, in force."""
    old, new = step_of(before), step_of(plan.status)
    if plan.reason == "PromotedByHand":
        _asked_for(seen, plan)
        world.truth.earned = max(world.truth.earned, new.weight if new is not None else 0)
    elif plan.action is Action.PROMOTE or (
        plan.action is Action.ENTER and plan.reason in {"Passed", "InconclusiveAdvance"}
    ):
        position = _position(seen, before)
        advance = plan.reason == "InconclusiveAdvance"
        since = world.truth.accepted if advance else world.truth.in_force
        _earned(world, seen, position, since, position.stage.max_duration if advance else position.duration)
        assert world.verdict is Verdict.PASS or (advance and world.verdict is not Verdict.HARM)
        assert not advance or position.stage.on_inconclusive is OnInconclusive.ADVANCE
        following = steps_of(seen.rollout.spec)[steps_of(seen.rollout.spec).index(position) + 1 :]
        assert (plan.action is Action.PROMOTE) is (not following)
        if new is not None:
            assert new.weight == following[0].weight
            world.truth.earned = max(world.truth.earned, new.weight)
    elif new is not None and old is None:
        assert plan.reason == "CandidateReady"
        assert before.stable is not None
        assert seen.route is not None
        assert seen.route.carries(only(before.stable.revision)), "a rise from an unknown split"
        assert seen.route.acceptance is Acceptance.ACCEPTED
        first = steps_of(seen.rollout.spec)[0]
        assert (new.stage, new.weight) == (first.stage.name, first.weight)
        world.truth.earned = first.weight
    assert live_weight(plan.status) <= world.truth.earned


def _asked_for(seen: Observation, plan: Plan) -> None:
    """A person may do without evidence, and not without a valid spec or ready pods."""
    assert not seen.problems
    clicks = {Control.PROMOTE.annotation, Control.PROMOTE_FULL.annotation}
    assert clicks & set(seen.rollout.annotations)
    if plan.action is Action.PROMOTE:
        assert plan.status.stable is not None
        state = seen.state_of(plan.status.stable.revision)
        assert state is not None
        assert state.ready_endpoints >= seen.rollout.spec.workload.replicas


def a_pause_holds(seen: Observation, before: ModelRolloutStatus, plan: Plan) -> None:
    """No step forward, no begin, no traffic for a candidate that had none, while somebody holds it."""
    if pause_of(seen, before) is not None:
        assert plan.action not in {Action.BEGIN, Action.PROMOTE}
        assert plan.action is not Action.ENTER or plan.reason == "StageEdited"
        assert live_weight(plan.status) <= live_weight(before)


def forward_only_through_gates(world: World, seen: Observation, before: ModelRolloutStatus, plan: Plan) -> None:
    """Every gate on the way has succeeded, in the order that is written; and only what status tells of is run."""
    told = {gate.run for gate in plan.status.attempt.gates} if plan.status.attempt else set()
    assert {due.run for due in plan.gates} <= told
    if before.attempt is None or plan.reason not in {"Passed", "InconclusiveAdvance", "CandidateReady"}:
        return
    states = {gate.run: gate.state for gate in before.attempt.gates}
    for due in round_of(seen.rollout.spec, before.attempt):
        assert states.get(due.run) is GateState.SUCCEEDED, due.label
        assert due.run in world.succeeded


def _position(seen: Observation, before: ModelRolloutStatus) -> Step:
    step = step_of(before)
    assert step is not None
    position = find(steps_of(seen.rollout.spec), step)
    assert position is not None
    return position


def _earned(world: World, seen: Observation, position: Step, since: float | None, duration: timedelta) -> None:
    truth, step = world.truth, step_of(seen.status)
    assert step is not None
    assert not seen.problems
    assert truth.step == (truth.attempt, step.number), "evidence of another step"
    assert since is not None
    assert world.prometheus - since >= duration.total_seconds(), "a step was shortened"
    assert world.verdict is not None
    assert world.route is not None
    assert not world.fresh
    assert world.gateway is Acceptance.ACCEPTED
    assert position.weight == 0 or world.route.weight_of(world.candidate) == position.weight, "another weight flowed"


def harm_takes_the_weight(seen: Observation, before: ModelRolloutStatus, plan: Plan) -> None:
    """4: in the decision that saw it, unless nobody else could answer; then as soon as somebody can."""
    if before.attempt is None or before.attempt.step is None or before.stable is None:
        return
    found = seen.evidence is not None and any(
        judged.metric.is_enforced and judged.result.verdict is Verdict.HARM for judged in seen.evidence.judged
    )
    acts = before.attempt.harm is not None or (found and seen.rollout.spec.on_failure is OnFailure.ROLLBACK)
    if not acts:
        return
    stable, candidate = seen.state_of(before.stable.revision), seen.state_of(before.attempt.revision)
    if stable and not stable.is_ready and candidate and candidate.is_ready and live_weight(before):
        assert plan.reason == "NoSafeTarget"
        assert plan.status.attempt is not None
        assert plan.status.attempt.harm is not None
        assert plan.replicas[before.stable.revision] >= 1
    else:
        assert plan.action is Action.ROLL_BACK
        assert plan.split == only(before.stable.revision)
        assert plan.status.failed is not None


def silence_is_a_failure_where_there_was_something_to_answer(
    seen: Observation, before: ModelRolloutStatus, plan: Plan
) -> None:
    """3: weight applied, both ready, and the candidate answers improbably few."""
    step = step_of(before)
    if step is None or before.attempt is None or before.stable is None or seen.evidence is None:
        return
    stable, candidate, split = (
        seen.state_of(before.stable.revision),
        seen.state_of(before.attempt.revision),
        split_of(before),
    )
    asked = step.accepted_at is not None and not before.attempt.is_withheld
    carried = split is not None and seen.route is not None and seen.route.carries(split)
    if not (asked and carried and stable and stable.is_ready and candidate and candidate.is_ready):
        assert plan.reason != "NoAnswers"
    elif seen.evidence.silent:
        assert plan.action is Action.ROLL_BACK


def a_hard_failure_takes_the_weight(seen: Observation, before: ModelRolloutStatus, plan: Plan) -> None:
    """4: a candidate that is unready or crashes has no weight, whatever the spec says."""
    if before.attempt is None or before.stable is None:
        return
    candidate, stable = seen.state_of(before.attempt.revision), seen.state_of(before.stable.revision)
    if candidate is None or not candidate.is_ready or (candidate.crashing and stable and stable.is_ready):
        assert plan.split == only(before.stable.revision)


def another_wish_takes_the_weight(seen: Observation, before: ModelRolloutStatus, plan: Plan) -> None:
    """7: what the spec does not ask for any more gets nothing, unless nobody else could answer."""
    if before.attempt is not None and before.attempt.revision != seen.desired.hash:
        assert plan.action in LOWERING or plan.reason == "NoSafeTarget"


def an_edit_never_raises(before: ModelRolloutStatus, plan: Plan) -> None:
    """8: an edited step restarts at the same weight or a lower one."""
    old, new = step_of(before), step_of(plan.status)
    if plan.reason in {"StageEdited", "CandidateRecovered", "ContestOver"} and old is not None:
        assert new is not None
        assert new.weight <= old.weight
        assert (new.accepted_at, new.in_force_at, new.number) == (None, None, old.number + 1)


def an_invalid_spec_raises_nothing(seen: Observation, before: ModelRolloutStatus, plan: Plan) -> None:
    """14: bad input changes nothing that works."""
    if not seen.problems:
        return
    if plan.reason in {"RolledBackByHand", "Aborted"}:
        return
    assert plan.action in LOWERING | {Action.WAIT, Action.END_GATE}
    assert live_weight(plan.status) <= live_weight(before)
    assert not plan.collect
    for state in seen.revisions:
        if state.replicas and before.stable and state.revision.hash == before.stable.revision:
            assert plan.replicas.get(state.revision.hash) == state.replicas


def nothing_comes_back(world: World, before: ModelRolloutStatus, plan: Plan) -> None:
    """6: what was rolled back by a route that was written gets no weight again; each move has a higher number."""
    if world.truth.attempt in world.truth.ended:
        assert before.attempt is None, "the route's decision is taken over"
        assert live_weight(plan.status) == 0
    assert plan.status.sequence - before.sequence == int(
        plan.action not in {Action.WAIT, Action.BEGIN, Action.ACCEPT, Action.IN_FORCE, Action.DECLINE, *GATING}
    )


def what_failed_is_not_retried(world: World, plan: Plan) -> None:
    """7: reapplying a failed revision does not retry by itself."""
    if plan.action is Action.BEGIN and plan.reason != "Retried":
        assert plan.status.attempt is not None
        assert plan.status.attempt.revision != world.truth.failed


def back_is_one_write(seen: Observation, before: ModelRolloutStatus, plan: Plan) -> None:
    """5: within the window, going back is one write."""
    previous = before.previous
    if before.attempt or previous is None or previous.revision != seen.desired.hash or seen.problems:
        return
    if plan.action is Action.DECLINE:
        return
    state = seen.state_of(previous.revision)
    failed = before.failed is not None and before.failed.revision == previous.revision
    if state and state.is_ready and previous.warm_until > seen.now and not failed:
        assert plan.action is Action.RETURN
        assert plan.split == only(previous.revision)


def only_what_served_or_passed_is_stable(world: World, before: ModelRolloutStatus, plan: Plan) -> None:
    """7: nothing untested is ever promoted."""
    old, new = before.stable, plan.status.stable
    if old == new or new is None:
        return
    if plan.action is Action.ADOPT:
        assert old is None
    elif plan.action is Action.RETURN:
        assert new.revision in world.truth.served
    else:
        assert plan.action is Action.PROMOTE
        assert before.attempt is not None
        assert before.attempt.revision == new.revision


def the_log_tells(before: ModelRolloutStatus, plan: Plan) -> None:
    """13: what, when, why."""
    decided = [entry for entry in plan.status.log if entry.reason != CARRIED_OUT]
    if plan.action in {Action.WAIT, Action.ACCEPT}:
        assert decided == [entry for entry in before.log if entry.reason != CARRIED_OUT][-len(decided) :]
    else:
        assert decided[-1].action == plan.action
        assert decided[-1].reason == plan.reason
    assert len(plan.status.log) <= LOG_MAX


def at_rest(world: World) -> None:
    """6, 10: looked at again, there is nothing to do, and the route is what status says."""
    seen = world.observe()
    plan = decide(seen)
    assert plan.action is Action.WAIT
    assert plan.status == world.status
    if plan.split is not None:
        assert world.route is not None
        assert world.route.carries(plan.split)
        assert world.route.sequence == world.status.sequence
    assert all(world.pods[name].replicas == count for name, count in plan.replicas.items())
    assert not plan.events, "told again"


def live(history: list[str]) -> World:
    world = new_world(judge)
    for name in history:
        happen(world, name)
        if world.kill_after is None:
            at_rest(world)
    return world


def heals(world: World) -> None:
    """Whatever has happened: in a healthy world, with a spec that can be carried out, a rollout ends."""
    for name in (
        "gates succeed",
        "gateway accepts",
        "good",
        "answering",
        "share shown",
        "stages as usual",
        "usual metrics",
        "resume",
    ):
        happen(world, name)
    world.kill_after = None
    for _ in range(12):
        happen(world, "all ready")
        happen(world, "1 hour")
    status = world.status
    assert status.attempt is None
    assert status.stable is not None
    desired = world.observe().desired.hash
    assert desired in {status.stable.revision, status.failed.revision if status.failed else None}
    assert world.route is not None
    assert world.route.carries(only(status.stable.revision))
    assert status.phase in {Phase.SUCCEEDED, Phase.ROLLED_BACK}
    assert ModelRolloutStatus.model_validate(status.dump()) == status
    assert {name for name, pods in world.states() if pods.replicas} == {status.stable.revision}


IMPATIENT = ["stages impatient", "version 2", "open", "all ready", "10 seconds"]


@given(histories(60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(["version 2", "all ready", *["10 minutes"] * 30])
@example(["version 2", "all ready", *["10 minutes"] * 3, "killed after one write", "harm", "Prometheus gone"])
@example(["version 2", "all ready", *["10 minutes"] * 3, "stable unready", "harm", "good", "stable ready"])
@example([*IMPATIENT, "clock 1 hour ahead", "10 seconds", "10 minutes", "10 minutes"])
@example([*IMPATIENT, "onFailure: Hold", "harm", "10 minutes", "10 minutes", "10 minutes"])
@example(["stages gated", "version 2", "all ready", *["10 minutes"] * 30])
@example(["stages gated", "version 2", "all ready", "gates fail", *["10 minutes"] * 9])
@example([*IMPATIENT, "Prometheus gone", "10 minutes", "10 minutes", "10 minutes"])
def test_what_must_always_hold(history: list[str]) -> None:
    heals(live(history))


def test_long_histories() -> None:
    """Many decisions, the same ones each time; and histories in which little happens would show little."""
    decisions = 0
    reached: set[str] = set()
    for seed in range(RUNS):
        history = random.Random(seed).choices(NAMES, k=LENGTH)  # noqa: S311 - to be repeatable
        try:
            world = live(history)
            heals(world)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
        decisions += world.decisions
        reached |= {line.split()[1] for line in world.told}
    assert decisions >= 20_000
    # No history here begins with a fallback: test_fallback.py has its life.
    assert reached == {str(action) for action in Action} - {"StandIn"}
