from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.engine.chains import decide as ask
from modelrollout.engine.decide import decide
from modelrollout.engine.inherit import inherited
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import Observation, situation_of
from modelrollout.engine.split import only
from tests.support import scenes
from tests.support.cases import Case, as_empty, check, table
from tests.support.scenes import CANDIDATE, STABLE, pods, raw_spec

pytestmark = pytest.mark.unit


def left(ready: int = 2) -> RevisionState:
    """Version 1, as an earlier ModelRollout has left it."""
    return replace(pods(STABLE, ready), left=True)


def found(version: str = "2", ready: int = 2, *, routed: bool = True) -> Observation:
    """A new ModelRollout that asks for a version, and what it finds."""
    seen = scenes.empty(raw_spec(version))
    states = (left(ready),) if version == "1" else (*seen.revisions, left(ready))
    route = scenes.route(only(STABLE.hash), 7) if routed else None
    return replace(seen, revisions=states, route=route)


@table(
    Case("nothing was left", scenes.empty(), None),
    Case("it serves", found(), Action.ADOPT, "Inherited", text="version 1 was left serving"),
    Case("the very version that is asked for", found("1"), Action.ADOPT, "Inherited"),
    Case("it is not ready", found(ready=0), None),
    Case("nobody asks it", found(routed=False), None),
    Case(
        "clients inside of the cluster do", replace(found(routed=False), served=STABLE.hash), Action.ADOPT, "Inherited"
    ),
)
def test_inherited(case: Case) -> None:
    check(inherited(as_empty(case.seen)), case)


def test_it_is_stable_from_the_first_look_on() -> None:
    plan = decide(found())
    assert plan.status.stable == STABLE.ref
    assert plan.status.attempt is None
    assert (plan.split, plan.serve) == (only(STABLE.hash), STABLE.hash)
    assert plan.replicas[STABLE.hash] == 2
    assert not plan.replicas.get(CANDIDATE.hash), "it waits for its turn"
    assert plan.status.sequence > 7, "the route that was left bears an older number"


def test_another_version_passes_its_stages_beside_it() -> None:
    plan = decide(found())
    seen = found()
    after = replace(seen, rollout=replace(seen.rollout, status=plan.status))
    after = replace(after, route=scenes.route(only(STABLE.hash), plan.status.sequence))
    assert ask(situation_of(after)).action is Action.BEGIN


@pytest.mark.parametrize("seen", [found(ready=0), found(routed=False)])
def test_what_was_left_and_does_not_serve_is_not_touched_before_another_does(seen: Observation) -> None:
    plan = decide(replace(seen, route=None))
    assert STABLE.hash not in plan.replicas
    assert STABLE.hash not in plan.collect


def test_an_invalid_spec_takes_nothing_over() -> None:
    assert ask(situation_of(scenes.with_problems(found()))).reason == "InvalidSpec"
