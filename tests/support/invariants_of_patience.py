"""What does not become well is given up in the time that the user gave it, one function each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from modelrollout.api.stages import OnInconclusive
from modelrollout.engine.plan import Action
from modelrollout.engine.steps import find, steps_of
from tests.support.made import Made
from tests.support.transitions import OTHER, transitions
from tests.support.truth import step_of

MAY_LAST: Final = frozenset(
    {"Paused", "NoSafeTarget", "InvalidSpec", "NameTaken", "Suspended", "RouteContested", "HarmHeld", "PromotionWaits"}
)
"""Why a step with `onInconclusive: Rollback` may stay open longer than its `maxDuration`."""
KNOWN: Final = frozenset((each.situation, each.action, each.reason) for each in transitions())
"""Read before any test can change a chain: what the code says as it is."""


def who_stays_unready_is_given_up(made: Made) -> None:
    """2.workload.progressDeadline: a suspended candidate has so long to become ready."""
    attempt, candidate = made.attempt, made.candidate
    if attempt is None or attempt.unready_since is None or candidate is None or candidate.is_ready:
        return
    if made.seen.now >= attempt.unready_since + made.seen.rollout.spec.workload.progress_deadline:
        assert made.plan.status.attempt is None or made.plan.action is not Action.WAIT


def who_never_loads_is_given_up(made: Made) -> None:
    """2.workload.progressDeadline: a candidate whose pods do not come up has so long to load."""
    attempt, candidate = made.attempt, made.candidate
    if attempt is None or attempt.step is not None or candidate is None or attempt.gates:
        return
    deadline = made.seen.rollout.spec.workload.progress_deadline
    if candidate.ready_endpoints == 0 and made.seen.now >= attempt.started_at + deadline:
        assert made.plan.status.attempt is None


def what_stays_open_ends_as_its_user_said(made: Made) -> None:
    """2.stages: `onInconclusive: Rollback` bounds a step by `maxDuration`."""
    step = step_of(made.before)
    if step is None or made.plan.action is not Action.WAIT or made.seen.evidence is None:
        return
    position = find(steps_of(made.seen.rollout.spec), step)
    if position is None or position.stage.on_inconclusive is not OnInconclusive.ROLLBACK:
        return
    if made.seen.now >= step.started_at + position.stage.max_duration:
        assert made.plan.reason in MAY_LAST


def what_is_decided_is_known(made: Made) -> None:
    """13: docs/lifecycle.md has every decision: what its test reads in the source is all that happens."""
    before = made.before
    if before.stable is None:
        situation = "Empty"
    elif before.attempt is None:
        situation = "Resting"
    else:
        situation = "Loading" if before.attempt.step is None else "Stepping"
    action = made.plan.action.value
    assert {(situation, action, made.plan.reason), (situation, action, OTHER)} & KNOWN


OF_PATIENCE: Final[tuple[Callable[[Made], None], ...]] = (
    who_stays_unready_is_given_up,
    who_never_loads_is_given_up,
    what_stays_open_ends_as_its_user_said,
    what_is_decided_is_known,
)
