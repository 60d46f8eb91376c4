"""What must always hold where others deploy, one function each: docs/design/0008-services.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from modelrollout.engine.intent import live_weight
from modelrollout.engine.plan import Action
from tests.support.invariants import BY_HAND
from tests.support.made import Made
from tests.support.teams import BetweenServices
from tests.support.truth import step_of


def a_weight_is_for_the_pods_that_were_measured(made: Made) -> None:
    """2: no evidence spans two deployments, so nobody gets what others have earned."""
    world, plan = made.world, made.plan
    if not isinstance(world, BetweenServices) or made.candidate is None or made.candidate.behind is None:
        return
    answering = made.candidate.behind.ready
    if step_of(made.before) is None and (step_of(plan.status) is not None or plan.reason == BY_HAND):
        # A person may promote what nobody has measured: that is about those that answer at that moment.
        world.measured = answering
    if (live_weight(plan.status) and plan.reason != "NoSafeTarget") or plan.action is Action.PROMOTE:
        assert answering <= world.measured, "pods that nobody has measured"


def back_is_to_the_same_pods(made: Made) -> None:
    """5: one write leads back to what has served, and to nothing that was deployed since."""
    world, plan, before = made.world, made.plan, made.before
    if not isinstance(world, BetweenServices):
        return
    if plan.action is Action.PROMOTE and before.stable is not None and made.stable and made.stable.behind:
        world.served_by[before.stable.revision] = made.stable.behind.ready
    if plan.action is Action.RETURN and before.previous is not None:
        state = made.seen.state_of(before.previous.revision)
        assert state is not None
        assert state.behind is not None
        assert state.behind.ready <= world.served_by[before.previous.revision]


def no_rollout_begins_beside_a_deployment(made: Made) -> None:
    """2: what begins has been the same for as long as traffic takes to settle."""
    if made.plan.reason != "CandidateReady" or made.candidate is None or made.candidate.behind is None:
        return
    behind, known = made.candidate.behind, made.before.service_of(made.candidate.revision.hash)
    assert behind.ready == behind.all, "a deployment is under way"
    assert known is not None
    assert set(known.pods) == behind.ready
    assert made.seen.now >= known.since + made.seen.rollout.spec.traffic.settle


def a_first_candidate_runs_the_stages(made: Made) -> None:
    """7: where two Services are named, the one that is to be stable has all requests first."""
    services, stable = made.seen.rollout.spec.workload.services, made.plan.status.stable
    if made.plan.action is not Action.ADOPT or services is None or services.candidate is None or stable is None:
        return
    state = made.seen.state_of(stable.revision)
    assert state is not None
    assert state.revision.service == services.stable


OF_SERVICES: Final[tuple[Callable[[Made], None], ...]] = (
    no_rollout_begins_beside_a_deployment,
    a_first_candidate_runs_the_stages,
    a_weight_is_for_the_pods_that_were_measured,
    back_is_to_the_same_pods,
)
