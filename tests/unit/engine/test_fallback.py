"""A fallback plays stable until a first revision is: its rules, and a whole life of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.fallback import Fallback, FallbackService
from modelrollout.api.status import ModelRolloutStatus, Phase
from modelrollout.engine.decide import decide
from modelrollout.engine.fallback import fallback_problems, revision_of_fallback, stand_in, to_serve
from modelrollout.engine.plan import Action
from modelrollout.engine.revisions import FALLBACK, revision_of
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import only
from tests.support.cases import Case, as_empty, check, table
from tests.support.scenes import (
    CANDIDATE,
    METRICS,
    MINUTE,
    QUEUE,
    STABLE,
    STAGES,
    Raw,
    before_the_first,
    beside_fallback,
    empty,
    failure,
    loading,
    pods,
    previous,
    raw_spec,
    resting,
    rollout,
    stepping,
    with_evidence,
    with_problems,
    with_spec,
    with_status,
)
from tests.support.watching import Invariants
from tests.support.weather import Weather
from tests.support.world import World

pytestmark = pytest.mark.unit

REFUSAL = Fallback(status_code=503)
OTHER = Fallback(service=FallbackService(name="rules", port=80), selector='pod=~"rules-.*"')
RELATIVE: Raw = METRICS[0] | {"check": {"noWorseThan": {"ratio": "1.5"}}}
LIVE = STAGES[1:]


@table(
    Case("no fallback", empty(), None),
    Case("ready", before_the_first(), Action.STAND_IN, "FallbackReady", text="queue answers"),
    Case("not ready", before_the_first(0), Action.WAIT, "FallbackUnready", text="Service queue"),
    Case(
        "a code is always ready",
        before_the_first(0, raw_spec("1", stages=LIVE, fallback={"statusCode": 503})),
        Action.STAND_IN,
        "FallbackReady",
        text="503 answers",
    ),
)
def test_stand_in(case: Case) -> None:
    check(stand_in(as_empty(case.seen)), case)


def problems(status: ModelRolloutStatus, ready: int = 1, **spec: object) -> list[str]:
    return list(fallback_problems(rollout(raw_spec("1", **spec), status), ready))  # type: ignore[arg-type]


NOTHING = ModelRolloutStatus()
SERVES = ModelRolloutStatus(stable=STABLE.ref)
STANDS_IN = beside_fallback(resting()).status


@pytest.mark.parametrize(
    ("status", "ready", "spec", "expected"),
    [
        pytest.param(NOTHING, 1, {}, [], id="none"),
        pytest.param(NOTHING, 1, {"metrics": [RELATIVE], "fallback": QUEUE.dump()}, [], id="comparable"),
        pytest.param(NOTHING, 0, {"fallback": QUEUE.dump()}, [], id="not ready yet is waited for"),
        pytest.param(
            NOTHING, 0, {"metrics": [RELATIVE], "stages": LIVE, "fallback": REFUSAL.dump()},
            ["spec.metrics[0].check.noWorseThan (error-rate): there is no stable revision to compare with, and nothing "
             "tells the series of the fallback: set max or min instead, or name a fallback.service with a selector"],
            id="nothing to compare with"),
        pytest.param(
            NOTHING, 0, {"fallback": {"service": {"name": "queue", "port": 80}}},
            ["spec.stages[0].shadow (shadow): nothing counts the requests that the fallback answers, so no count can "
             "show that copies of them arrive: set spec.fallback.selector, or remove the stage"],
            id="a shadow that nobody counts"),
        pytest.param(
            STANDS_IN, 0, {},
            ["spec.fallback: queue answers until a revision is stable, and cannot go before: set it again"],
            id="taken away"),
        pytest.param(
            STANDS_IN, 0, {"fallback": OTHER.dump()},
            ["spec.fallback.service: no endpoint of Service rules is ready; queue goes on answering"],
            id="changed to one that cannot answer"),
        pytest.param(STANDS_IN, 1, {"fallback": OTHER.dump()}, [], id="changed to one that can"),
        pytest.param(
            SERVES, 0, {"metrics": [RELATIVE], "fallback": REFUSAL.dump()}, [], id="a revision is stable: as usual"
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_out(status: ModelRolloutStatus, ready: int, spec: Raw, expected: list[str]) -> None:
    assert problems(status, ready, **spec) == expected


def test_the_fallback_takes_all_traffic_and_is_told_of() -> None:
    plan = decide(before_the_first())
    assert (plan.split, plan.status.fallback, plan.serve) == (only(FALLBACK), QUEUE, None)
    assert plan.status.phase is Phase.PROGRESSING
    assert [event.reason for event in plan.events] == ["FallbackServing"]
    assert FALLBACK not in plan.replicas


def test_what_loads_already_goes_on_loading() -> None:
    """The fallback became ready after the first pods were asked for."""
    seen = replace(before_the_first(), revisions=(pods(STABLE, 0),))
    assert STABLE.hash not in decide(seen).replicas
    after = beside_fallback(with_spec(replace(resting(), revisions=(pods(STABLE, 0),)), raw_spec("1")))
    assert decide(after).action is Action.BEGIN
    failed = with_status(after, failed=failure(STABLE))
    assert decide(failed).replicas == {STABLE.hash: 0}


def test_nothing_of_the_fallback_is_made_scaled_drained_or_collected() -> None:
    fallback = beside_fallback(stepping(5, raw_spec(fallback=QUEUE.dump())))
    plan = decide(fallback)
    assert plan.action is Action.PROMOTE
    assert plan.status.retired == ()
    assert FALLBACK not in {*plan.replicas, *plan.collect, plan.serve}


def test_after_promotion_the_fallback_is_previous_and_then_forgotten() -> None:
    plan = decide(beside_fallback(stepping(5, raw_spec(fallback=QUEUE.dump()))))
    assert plan.status.stable == CANDIDATE.ref
    assert plan.status.previous is not None
    assert (plan.status.previous.revision, plan.status.previous.version) == (FALLBACK, "queue")
    assert plan.status.fallback == QUEUE
    assert plan.serve == CANDIDATE.hash
    over = resting(raw_spec("1"), previous=previous(revision_of_fallback(QUEUE), -1), fallback=QUEUE)
    assert decide(over).status.fallback is None


def test_harm_gives_all_traffic_back_to_the_fallback_in_one_write() -> None:
    for position in (0, 1, 4, 5):
        seen = with_evidence(beside_fallback(stepping(position, raw_spec(fallback=QUEUE.dump()))), Verdict.HARM)
        plan = decide(seen)
        assert (plan.action, plan.split) == (Action.ROLL_BACK, only(FALLBACK))
        assert plan.status.phase is Phase.ROLLED_BACK


def test_a_fallback_that_cannot_answer_is_no_safe_target() -> None:
    seen = with_evidence(beside_fallback(stepping(), ready=0), Verdict.HARM)
    assert decide(seen).reason == "NoSafeTarget"


@pytest.mark.parametrize("ready", [0, 2])
def test_readers_see_who_answers(ready: int) -> None:
    condition = next(c for c in decide(beside_fallback(loading(), ready)).status.conditions if c.type == "Ready")
    assert (condition.status, condition.reason) == (
        ("True", "FallbackServes") if ready else ("False", "FallbackUnready")
    )


def test_the_fallback_in_use_changes_only_with_a_spec_that_can_be_carried_out() -> None:
    raw = raw_spec(fallback=OTHER.dump())
    changed = replace(beside_fallback(loading()), rollout=rollout(raw, beside_fallback(loading()).status))
    assert decide(changed).status.fallback == OTHER
    assert decide(with_problems(changed)).status.fallback == QUEUE
    assert decide(replace(changed, unchecked="no answer")).status.fallback == QUEUE
    removed = replace(changed, rollout=rollout(raw_spec(), changed.status))
    assert decide(removed).status.fallback == QUEUE


def test_a_hash_is_never_that_of_the_fallback() -> None:
    assert not FALLBACK.startswith("r")
    assert revision_of(raw_spec("1")).hash.startswith("r")


def test_a_whole_life() -> None:
    """A first revision that fails, a second that gets through, all beside the queue."""
    world = World(raw_spec("1", fallback=QUEUE.dump()), Invariants())
    world.reconcile()
    assert world.route is None
    world.fallback_ready = 1
    world.reconcile()
    assert world.route is not None
    assert world.route.carries(only(FALLBACK))
    world.pass_time(timedelta(seconds=10))
    for _, state in world.states():
        state.ready = state.replicas
    world.pass_time(15 * MINUTE)
    assert world.status.attempt is not None
    assert world.status.attempt.step is not None
    assert world.status.attempt.step.weight == 5
    world.weather = Weather.BAD
    world.pass_time(MINUTE)
    assert world.route.carries(only(FALLBACK))
    assert world.status.phase is Phase.ROLLED_BACK

    world.weather = Weather.GOOD
    world.edit(raw_spec("2", fallback=QUEUE.dump()))
    world.pass_time(timedelta(seconds=10))
    for _, state in world.states():
        state.ready = state.replicas
    world.pass_time(timedelta(hours=2))
    assert world.status.stable == CANDIDATE.ref
    assert world.status.previous is not None
    assert world.route.carries(only(CANDIDATE.hash))
    world.pass_time(timedelta(hours=2))
    assert (world.status.previous, world.status.fallback) == (None, None)


@pytest.mark.parametrize(
    ("seen", "served", "expected"),
    [
        (stepping(), STABLE.hash, STABLE.hash),
        (beside_fallback(stepping()), None, None),
        (beside_fallback(stepping()), CANDIDATE.hash, FALLBACK),
        (beside_fallback(stepping(), fallback=REFUSAL), CANDIDATE.hash, None),
        (before_the_first(), None, None),
    ],
    ids=["a revision", "before the first", "a return to it", "a code has no pods", "nothing serves"],
)
def test_the_service_for_clients_inside_the_cluster(
    seen: Observation, served: str | None, expected: str | None
) -> None:
    assert to_serve(replace(seen, served=served), seen.status) == expected
