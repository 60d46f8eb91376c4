"""Whatever teams deploy and whenever: a weight is earned by the very pods that have it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum, auto

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine.behind import Behind
from modelrollout.engine.decide import decide
from modelrollout.engine.intent import live_weight
from modelrollout.engine.observed import RouteState
from modelrollout.engine.plan import Action, Plan
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import only
from modelrollout.engine.steps import steps_of
from tests.support.behind import ONE, TWO, begun, behind, state
from tests.support.scenes import MINUTE, NOW, evidence, route

pytestmark = pytest.mark.unit


class Happens(Enum):
    """What may happen between two looks."""

    DEPLOYS_B = auto()
    DEPLOYS_HALF_OF_B = auto()
    DEPLOYS_A = auto()
    B_IS_DOWN = auto()
    B_IS_BACK = auto()
    TIME = auto()
    MUCH_TIME = auto()
    NO_EVIDENCE = auto()


@dataclass
class Place:
    """Two Services, their teams, and the status and route that decisions have made.

    Attributes:
        earned_by: pods behind the candidate's Service when the rollout that is under way entered its first step.
    """

    seen: Observation = field(default_factory=begun)
    at: datetime = NOW
    groups: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {"a": ("a-6d4cf56db6-*",), "b": ("b-79c8b5f4d9-*",)}
    )
    down: bool = False
    judged: bool = True
    made: int = 0
    earned_by: frozenset[str] = frozenset()
    most: int = 0

    def happen(self, what: Happens) -> None:
        match what:
            case Happens.DEPLOYS_B | Happens.DEPLOYS_A | Happens.DEPLOYS_HALF_OF_B:
                self.made += 1
                service = "a" if what is Happens.DEPLOYS_A else "b"
                new = f"{service}-{self.made:08}-*"
                kept = self.groups[service][-1:] if what is Happens.DEPLOYS_HALF_OF_B else ()
                self.groups[service] = (*kept, new)
            case Happens.B_IS_DOWN:
                self.down = True
            case Happens.B_IS_BACK:
                self.down = False
            case Happens.TIME:
                self.at += timedelta(seconds=20)
            case Happens.MUCH_TIME:
                self.at += 20 * MINUTE
            case Happens.NO_EVIDENCE:
                self.judged = not self.judged

    def look(self) -> Plan:
        """One decision, carried out at once."""
        b = behind(also=self.groups["b"]) if self.down else behind(*self.groups["b"])
        states = (state(ONE, behind(*self.groups["a"])), state(TWO, b, 0 if self.down else None))
        seen = replace(self.seen, now=self.at, revisions=states)
        attempt = seen.status.attempt
        if attempt is not None and attempt.step is not None:
            shown = evidence(seen, Verdict.PASS if self.judged else Verdict.CONTINUE)
            seen = replace(seen, evidence=shown)
        else:
            seen = replace(seen, evidence=None)
        plan = decide(seen)
        self._check(seen, plan, b)
        assert plan.split is not None
        made: RouteState = route(plan.split, plan.status.sequence)
        self.seen = replace(seen, rollout=replace(seen.rollout, status=plan.status), route=made)
        return plan

    def _check(self, seen: Observation, plan: Plan, b: Behind) -> None:
        weight, old, new = live_weight(plan.status), seen.status.attempt, plan.status.attempt
        if plan.action is Action.ENTER and old is not None and old.step is None:
            self.earned_by = b.ready
            first = steps_of(seen.rollout.spec)[0]
            assert new is not None
            assert new.step is not None
            assert new.step.weight == first.weight, "from the first stage on"
        if weight:
            assert b.ready, "nothing without a ready endpoint"
            assert b.ready <= self.earned_by, "pods that nobody has measured get nothing"
            known = plan.status.service_of(TWO.hash)
            assert known is not None
            assert frozenset(known.pods) == self.earned_by, "evidence is about those, and no others"
        if plan.action is Action.PROMOTE:
            assert b.ready <= self.earned_by
        self.most = max(self.most, weight)


@given(st.lists(st.sampled_from(Happens), max_size=40))
def test_a_weight_is_earned_by_the_pods_that_have_it(history: list[Happens]) -> None:
    place = Place()
    for what in history:
        place.happen(what)
        for _ in range(4):
            if place.look().action in {Action.WAIT, Action.PROMOTE}:
                break


def test_left_alone_it_is_promoted() -> None:
    """The world above is one in which rollouts succeed: or the test before this would show nothing."""
    place = Place()
    for _ in range(60):
        place.happen(Happens.MUCH_TIME)
        if place.look().action is Action.PROMOTE:
            break
    assert place.most == 100
    assert place.seen.status.stable == TWO.ref
    assert place.seen.route is not None
    assert place.seen.route.carries(only(TWO.hash))
