"""What must always hold, one function each: DESIGN.md, section 5, by the numbers there.

They are said in other words than the engine's, and judged by what really happened (`World.truth`) wherever that differs
from what the operator knows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.automation import Approval, Automation
from modelrollout.api.controls import Control
from modelrollout.api.spec import OnFailure
from modelrollout.api.stages import OnInconclusive
from modelrollout.api.status import LOG_MAX
from modelrollout.engine.answers import CARRIED_OUT
from modelrollout.engine.fallback import is_fallback
from modelrollout.engine.intent import live_weight, split_of
from modelrollout.engine.observed import Acceptance
from modelrollout.engine.plan import LOWERING, Action
from modelrollout.engine.split import only
from modelrollout.engine.steps import steps_of
from tests.support import weather
from tests.support.made import Made
from tests.support.truth import step_of
from tests.support.weather import Weather

FORWARD: Final = frozenset({"Passed", "InconclusiveAdvance"})
"""Reasons to take a step on evidence."""
BY_HAND: Final = "PromotedByHand"
BACK_BY_HAND: Final = frozenset({"RolledBackByHand", "Aborted"})


def only_the_step_of_a_ready_candidate(made: Made) -> None:
    """1: the candidate has live weight only while ready, and only what its step says."""
    plan = made.plan
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
        state = made.seen.state_of(revision)
        assert state is not None
        assert state.is_ready


def on_recovery_the_step_starts_again(made: Made) -> None:
    """1: what was gathered before a suspension counts for nothing."""
    old, new = made.before.attempt, made.plan.status.attempt
    if old is None or old.unready_since is None or new is None or new.unready_since is not None:
        return
    assert made.plan.action is Action.ENTER
    step = step_of(made.plan.status)
    assert step is not None
    assert (step.accepted_at, step.in_force_at, step.started_at) == (None, None, made.seen.now)


def forward_only_on_evidence_of_this_step(made: Made) -> None:
    """2: no step forward without fresh, passing evidence gathered in this step, in force."""
    if not _goes_forward(made):
        return
    world, truth, seen = made.world, made.world.truth, made.seen
    advance = made.plan.reason == "InconclusiveAdvance"
    position, step = made.position, step_of(made.before)
    assert step is not None
    assert not seen.problems
    assert truth.step == (truth.attempt, step.number), "evidence of another step"
    since, duration = truth.in_force, position.duration
    if advance:
        assert position.stage.on_inconclusive is OnInconclusive.ADVANCE
        since, duration = truth.accepted, position.stage.max_duration
    assert since is not None
    assert world.prometheus - since >= duration.total_seconds(), "a step was shortened"
    for metric in made.enforced:
        shown = world.weather_of(metric.name)
        if advance:
            assert shown.is_answer
            assert shown is not Weather.BAD
        else:
            assert weather.passes(metric, shown), metric.name


def forward_only_over_the_weight_that_flowed(made: Made) -> None:
    """2, 9: what was judged is what clients, or the shadow, got."""
    if not _goes_forward(made):
        return
    route = made.seen.route
    assert route is not None
    assert route.acceptance is Acceptance.ACCEPTED
    assert route.weight_of(made.world.candidate) == made.position.weight, "another weight flowed"
    assert route.mirror_of(made.world.candidate) == made.position.mirror_percent
    if "route" not in made.world.lagging:
        assert not made.world.fresh


def a_shadow_is_counted(made: Made) -> None:
    """9: a shadow passes only after a count has shown that copies arrive."""
    step, before = step_of(made.plan.status), step_of(made.before)
    if step is None or before is None or step.number != before.number or not step.mirror_percent:
        return
    if step.in_force_at is not None and before.in_force_at is None:
        assert made.world.shows_share is True


def forward_is_the_next_step(made: Made) -> None:
    """2, 6: no step is skipped."""
    if not _goes_forward(made):
        return
    steps = steps_of(made.seen.rollout.spec)
    following = steps[steps.index(made.position) + 1 :]
    assert (made.plan.action is Action.PROMOTE) is (not following)
    step = step_of(made.plan.status)
    if step is not None:
        assert (step.stage, step.index, step.weight) == (
            following[0].stage.name, following[0].index, following[0].weight,
        )  # fmt: skip
        made.world.truth.earned = max(made.world.truth.earned, step.weight)


def the_first_step_starts_from_stable_alone(made: Made) -> None:
    """1, 6: a rise starts from a known split, and Prometheus sees the candidate before the first client does."""
    old, new, seen = step_of(made.before), step_of(made.plan.status), made.seen
    if new is None or old is not None or made.plan.reason == BY_HAND:
        return
    assert made.plan.reason == "CandidateReady"
    assert made.before.stable is not None
    assert seen.route is not None
    assert seen.route.carries(only(made.before.stable.revision)), "a rise from an unknown split"
    assert seen.route.acceptance is Acceptance.ACCEPTED
    assert seen.unchecked is None
    assert seen.scraped is not False
    first = steps_of(seen.rollout.spec)[0]
    assert (new.stage, new.weight) == (first.stage.name, first.weight)
    made.world.truth.earned = first.weight


def weight_is_earned(made: Made) -> None:
    """2, 6, 8: never more than what evidence opened to this attempt."""
    assert live_weight(made.plan.status) <= made.world.truth.earned


def _goes_forward(made: Made) -> bool:
    forward = made.plan.action is Action.ENTER and made.plan.reason in FORWARD
    return forward or (made.plan.action is Action.PROMOTE and made.plan.reason != BY_HAND)


def harm_takes_the_weight(made: Made) -> None:
    """4: in the decision that saw it, unless nobody else could answer; then as soon as somebody can."""
    attempt, seen, plan = made.attempt, made.seen, made.plan
    if attempt is None or attempt.step is None or made.before.stable is None:
        return
    found = seen.evidence is not None and any(
        judged.metric.is_enforced and judged.result.verdict is Verdict.HARM for judged in seen.evidence.judged
    )
    if attempt.harm is None and not (found and _acts_on_harm(made)):
        return
    stable, candidate = made.stable, made.candidate
    if stable and not stable.is_ready and candidate and candidate.is_ready and live_weight(made.before):
        assert plan.reason == "NoSafeTarget"
        assert plan.status.attempt is not None
        assert plan.status.attempt.harm is not None
        # Nobody but its owner can scale a fallback up.
        assert is_fallback(made.before.stable) or plan.replicas[made.before.stable.revision] >= 1
    else:
        assert plan.action is Action.ROLL_BACK
        assert plan.split == only(made.before.stable.revision)
        assert plan.status.failed is not None


def _acts_on_harm(made: Made) -> bool:
    spec = made.seen.rollout.spec
    return spec.on_failure is OnFailure.ROLLBACK and spec.automation in {Automation.FULL, Automation.PARTIAL}


def a_degree_restrains(made: Made) -> None:
    """4: how far the operator acts without a person."""
    degree, plan, attempt = made.seen.rollout.spec.automation, made.plan, made.attempt
    approved = attempt is not None and attempt.approved_at is not None
    if _goes_forward(made) or plan.reason == "CandidateReady":
        assert degree not in {Automation.HUMAN_ONLY, Automation.DRY_RUN}
        assert degree is not Automation.ASSIST or approved
    if _goes_forward(made):
        assert made.position.stage.approval is Approval.AUTO or approved
    if plan.action is Action.ROLL_BACK and plan.reason in {"Harm", "Inconclusive"} and not _acts_on_harm(made):
        latched = attempt is not None and attempt.harm is not None
        clicked = Control.APPROVE.annotation in made.seen.rollout.annotations
        assert latched or (degree is Automation.ASSIST and clicked) or degree in {Automation.FULL, Automation.PARTIAL}


def bad_weather_is_harm(made: Made) -> None:
    """4: by what metrics really show: a bad one, enforced, answered and of this stage, leaves no weight."""
    step = step_of(made.before)
    if step is None or not _acts_on_harm(made) or not (made.stable and made.stable.is_ready):
        return
    if any(made.world.weather_of(metric.name) is Weather.BAD for metric in made.enforced):
        assert live_weight(made.plan.status) == 0


def silence_is_a_failure_where_there_was_something_to_answer(made: Made) -> None:
    """3: weight applied, both ready, and the candidate answers improbably few."""
    step, attempt, seen = step_of(made.before), made.attempt, made.seen
    if step is None or attempt is None or made.before.stable is None or seen.evidence is None:
        return
    stable, candidate, split = made.stable, made.candidate, split_of(made.before)
    asked = step.accepted_at is not None and not attempt.is_withheld
    carried = split is not None and seen.route is not None and seen.route.carries(split)
    if not (asked and carried and stable and stable.is_ready and candidate and candidate.is_ready):
        assert made.plan.reason != "NoAnswers"
    elif seen.evidence.silent:
        assert made.plan.action is Action.ROLL_BACK


def a_contest_takes_the_weight(made: Made) -> None:
    """10: who sets the route back three times within five minutes has it as it was: nobody wins such a fight."""
    contest = made.attempt.contest if made.attempt else None
    if contest is None or contest.held_since is not None:
        return
    recent = [at for at in contest.resets if at > made.seen.now - timedelta(minutes=5)]
    if len(recent) >= 3 and made.stable and made.stable.is_ready:
        assert live_weight(made.plan.status) == 0


def a_hard_failure_takes_the_weight(made: Made) -> None:
    """4: a candidate that is unready or crashes has no weight, whatever the spec says."""
    if made.attempt is None or made.before.stable is None:
        return
    candidate, stable = made.candidate, made.stable
    if candidate is None or not candidate.is_ready or (candidate.crashing and stable and stable.is_ready):
        assert made.plan.split == only(made.before.stable.revision)
    if candidate is not None and candidate.crashing and made.attempt.step is None:
        assert made.plan.status.attempt is None


def another_wish_takes_the_weight(made: Made) -> None:
    """7: what the spec does not ask for any more gets nothing, unless nobody else could answer."""
    if made.attempt is not None and made.attempt.revision != made.seen.desired.hash:
        assert made.plan.action in LOWERING or made.plan.reason == "NoSafeTarget"
        assert made.plan.reason != "Superseded" or made.seen.desired.hash != made.stable_hash, "nothing replaces it"


def an_edit_never_raises(made: Made) -> None:
    """8: an edited step restarts at the same weight or a lower one."""
    old, new = step_of(made.before), step_of(made.plan.status)
    if (
        made.plan.reason in {"StageEdited", "CandidateRecovered", "ContestOver", "RouteEdited", "PrometheusEdited"}
        and old is not None
    ):
        assert new is not None
        assert new.weight <= old.weight
        assert (new.accepted_at, new.in_force_at, new.number) == (None, None, old.number + 1)


def an_invalid_spec_raises_nothing(made: Made) -> None:
    """14: bad input changes nothing that works."""
    seen, plan = made.seen, made.plan
    if not seen.problems or plan.reason in BACK_BY_HAND:
        return
    assert plan.action in LOWERING | {Action.WAIT, Action.END_GATE}
    assert live_weight(plan.status) <= live_weight(made.before)
    assert not plan.collect
    for state in seen.revisions:
        if state.replicas and made.before.stable and state.revision.hash == made.before.stable.revision:
            assert plan.replicas.get(state.revision.hash) == state.replicas


def nothing_comes_back(made: Made) -> None:
    """6: what was rolled back by a route that was written gets no weight again."""
    truth = made.world.truth
    if truth.attempt in truth.ended and "route" not in made.world.lagging:
        assert made.before.attempt is None, "the route's decision is taken over"
        assert live_weight(made.plan.status) == 0


def each_move_has_a_number(made: Made) -> None:
    """6: each decision that moves traffic has a higher number than the one before."""
    still = {
        Action.WAIT,
        Action.BEGIN,
        Action.ACCEPT,
        Action.IN_FORCE,
        Action.DECLINE,
        Action.APPROVE,
        Action.BEGIN_GATE,
        Action.END_GATE,
    }
    assert made.plan.status.sequence - made.before.sequence == int(made.plan.action not in still)


def what_failed_is_not_retried(made: Made) -> None:
    """7: reapplying a failed revision does not retry by itself."""
    if made.plan.action is Action.BEGIN and made.plan.reason != "Retried":
        assert made.plan.status.attempt is not None
        assert made.plan.status.attempt.revision != made.world.truth.failed


def a_rollout_starts_on_a_checked_spec(made: Made) -> None:
    """14: nothing starts on a spec that may turn out to be one that cannot be carried out."""
    if made.plan.action is Action.BEGIN:
        assert made.seen.unchecked is None
        assert not made.seen.problems


def back_is_one_write(made: Made) -> None:
    """5: within the window, going back is one write."""
    previous, seen = made.before.previous, made.seen
    if made.attempt or previous is None or previous.revision != seen.desired.hash or seen.problems:
        return
    state = seen.state_of(previous.revision)
    failed = made.before.failed is not None and made.before.failed.revision == previous.revision
    failed = failed or made.plan.action is Action.DECLINE
    if state and state.is_ready and previous.warm_until > seen.now and not failed:
        assert made.plan.action is Action.RETURN
        assert made.plan.split == only(previous.revision)


def only_what_served_or_passed_is_stable(made: Made) -> None:
    """7: nothing untested is ever promoted."""
    old, new, plan = made.before.stable, made.plan.status.stable, made.plan
    if old == new or new is None:
        return
    if plan.action in {Action.ADOPT, Action.STAND_IN}:
        assert old is None
    elif plan.action is Action.RETURN:
        assert new.revision in made.world.truth.served
    else:
        assert plan.action is Action.PROMOTE
        assert made.attempt is not None
        assert made.attempt.revision == new.revision


def idle_asks_for_nothing(made: Made) -> None:
    """12: a rollout that serves and waits for nothing has no reason to be looked at."""
    status = made.plan.status
    if made.plan.reason == "Serving" and status.previous is None and not status.retired:
        assert made.plan.wake_at is None


def the_log_tells(made: Made) -> None:
    """13: what, when, why."""
    plan = made.plan
    if plan.action is Action.WAIT and plan.status.log is made.before.log:
        return
    decided = [entry for entry in plan.status.log if entry.reason != CARRIED_OUT]
    if plan.action in {Action.WAIT, Action.ACCEPT}:
        assert decided == [entry for entry in made.before.log if entry.reason != CARRIED_OUT][-len(decided) :]
    else:
        assert decided[-1].action == plan.action
        assert decided[-1].reason == plan.reason
    assert len(plan.status.log) <= LOG_MAX


OF_DECISIONS: Final[tuple[Callable[[Made], None], ...]] = (
    only_the_step_of_a_ready_candidate,
    on_recovery_the_step_starts_again,
    forward_only_on_evidence_of_this_step,
    forward_only_over_the_weight_that_flowed,
    a_shadow_is_counted,
    forward_is_the_next_step,
    the_first_step_starts_from_stable_alone,
    weight_is_earned,
    harm_takes_the_weight,
    a_degree_restrains,
    bad_weather_is_harm,
    silence_is_a_failure_where_there_was_something_to_answer,
    a_contest_takes_the_weight,
    a_hard_failure_takes_the_weight,
    another_wish_takes_the_weight,
    an_edit_never_raises,
    an_invalid_spec_raises_nothing,
    nothing_comes_back,
    each_move_has_a_number,
    what_failed_is_not_retried,
    a_rollout_starts_on_a_checked_spec,
    back_is_one_write,
    only_what_served_or_passed_is_stable,
    idle_asks_for_nothing,
    the_log_tells,
)
