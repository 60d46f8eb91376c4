"""An adopted Deployment: it stands in, is rolled out against, and may be stopped once nothing goes back to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.adopt import Adopt, Afterwards
from modelrollout.api.controls import Control
from modelrollout.api.fallback import Fallback
from modelrollout.api.status import AdoptedStatus, Retired
from modelrollout.engine.adopt import hidden, remembered
from modelrollout.engine.decide import decide
from modelrollout.engine.fallback import fallback_problems, revision_of_fallback, state_of_fallback
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.plan import Action
from modelrollout.engine.revisions import FALLBACK, revision_of
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import between, only
from tests.support.cases import Case, as_loading, check, table
from tests.support.scenes import (
    CANDIDATE,
    MINUTE,
    NOW,
    STABLE,
    Raw,
    before_the_first,
    beside_fallback,
    loading,
    pods,
    previous,
    raw_spec,
    resting,
    stable_down,
    stepping,
    with_evidence,
    with_pods,
    with_problems,
    with_route,
    with_spec,
    with_status,
)
from tests.support.stand_ins import End, Trouble
from tests.support.watching import Invariants
from tests.support.world import World

pytestmark = pytest.mark.unit

KEPT = Adopt(deployment="prod", service="queue", port=80, selector='pod=~"queue-.*"')
STOPPED = KEPT.model_copy(update={"afterwards": Afterwards.SCALE_DOWN})
BEFORE = AdoptedStatus(deployment="prod")


def stand_in(adopt: Adopt = KEPT) -> Fallback:
    return adopt.stand_in(8080)


def adopting(version: str = "2", adopt: Adopt | None = STOPPED, **others: object) -> Raw:
    """A spec as a user writes it."""
    raw = raw_spec(version, **others)  # type: ignore[arg-type]
    if adopt is not None:
        raw["workload"]["deployment"]["adopt"] = adopt.dump()
    return raw


def promoted(adopt: Adopt | None = STOPPED, **status: object) -> Observation:
    """Version 1 is stable, and has replaced what was adopted long ago."""
    return resting(adopting("1", adopt), **({"adopted": BEFORE} | status))


# --- it stands in -----------------------------------------------------------------------------------------------------


def test_it_plays_stable_and_is_remembered() -> None:
    seen = replace(before_the_first(2, adopting("1")), fallback=state_of_fallback(stand_in(), 2))
    plan = decide(seen)
    assert plan.action is Action.STAND_IN
    assert plan.split == only(FALLBACK)
    assert plan.serve is None, "no Service of ours follows it"
    assert plan.status.stable == revision_of_fallback(stand_in()).ref
    assert plan.status.fallback == stand_in()
    assert plan.status.adopted == BEFORE
    assert plan.stop is None


def test_it_is_not_adopted_without_a_ready_endpoint() -> None:
    seen = replace(before_the_first(0, adopting("1")), fallback=state_of_fallback(stand_in(), 0))
    plan = decide(seen)
    assert (plan.action, plan.reason, plan.status.adopted) == (Action.WAIT, "FallbackUnready", None)


def test_what_serves_already_adopts_nothing() -> None:
    assert decide(resting(adopting("1"))).status.adopted is None


def test_another_name_is_remembered_while_it_plays_stable_and_the_spec_is_good() -> None:
    seen = beside_fallback(loading(), fallback=stand_in())
    other = with_spec(seen, adopting("2", STOPPED.model_copy(update={"deployment": "other"})))
    known = with_status(other, adopted=BEFORE)
    assert remembered(known.status, known, None).adopted == AdoptedStatus(deployment="other")
    assert remembered(known.status, with_problems(known), None).adopted == BEFORE


def test_to_take_it_away_before_the_first_version_is_stable_is_refused() -> None:
    gone = with_status(beside_fallback(loading(), fallback=stand_in()), adopted=BEFORE)
    (problem,) = fallback_problems(gone.rollout, 0)
    assert problem.startswith("spec.workload.deployment.adopt: queue answers until a revision is stable")
    assert not list(fallback_problems(promoted(None).rollout, 0))


# --- requests that pass by --------------------------------------------------------------------------------------------

BESIDE = with_pods(beside_fallback(loading(2), fallback=stand_in()), pods(CANDIDATE))


@table(
    Case("nothing hides it", BESIDE, None),
    Case(
        "an older route",
        with_route(BESIDE, hidden_by="theirs"),
        Action.WAIT,
        "RouteHidden",
        text="HTTPRoute theirs is older and leads to queue for the same host: let it match nothing",
    ),
    Case("no route yet", replace(BESIDE, route=None), None),
    Case("beside a revision of ours", with_route(loading(2), hidden_by="theirs"), None),
)
def test_hidden(case: Case) -> None:
    check(hidden(as_loading(case.seen)), case)


def test_a_hidden_route_lets_pods_load_and_nothing_more() -> None:
    assert decide(with_route(BESIDE, hidden_by="theirs")).reason == "RouteHidden"
    still_loading = with_pods(with_route(BESIDE, hidden_by="theirs"), pods(CANDIDATE, 0))
    assert decide(still_loading).reason == "CandidateLoading"
    assert decide(BESIDE).action is Action.ENTER


# --- it is stopped ----------------------------------------------------------------------------------------------------


def draining(since_seconds: int | None) -> tuple[Retired, ...]:
    gone_at = None if since_seconds is None else NOW - timedelta(seconds=since_seconds)
    return (Retired(revision=FALLBACK, since=NOW - timedelta(hours=1), gone_at=gone_at),)


WARM = previous(STABLE).model_copy(update={"revision": FALLBACK, "version": "queue"})


@pytest.mark.parametrize(
    ("seen", "stopped"),
    [
        pytest.param(promoted(), True, id="nothing goes back to it"),
        pytest.param(promoted(KEPT), False, id="afterwards: Keep"),
        pytest.param(promoted(None), False, id="the spec does not speak of it any more"),
        pytest.param(promoted(STOPPED.model_copy(update={"deployment": "other"})), False, id="another was adopted"),
        pytest.param(promoted(adopted=None), False, id="nothing was adopted"),
        pytest.param(
            promoted(adopted=BEFORE.model_copy(update={"stopped_at": NOW})),
            False,
            id="it is done once",
        ),
        pytest.param(promoted(previous=WARM), False, id="it is warm"),
        pytest.param(promoted(retired=draining(None)), False, id="the gateway has not accepted the route without it"),
        pytest.param(promoted(retired=draining(29)), False, id="it drains"),
        pytest.param(promoted(retired=draining(30)), True, id="it has drained"),
        pytest.param(
            with_route(promoted(), weights=between(STABLE.hash, FALLBACK, 5).weights),
            False,
            id="it has a share",
        ),
        pytest.param(stable_down(promoted()), False, id="nothing of ours can answer"),
        pytest.param(with_problems(promoted()), False, id="an invalid spec stops nothing"),
        pytest.param(beside_fallback(promoted(), fallback=stand_in()), False, id="it is stable"),
        pytest.param(with_spec(promoted(), adopting("2")), True, id="the next rollout begins"),
    ],
)
def test_it_is_stopped_when_nothing_goes_back_to_it(seen: Observation, *, stopped: bool) -> None:
    plan = decide(seen)
    assert plan.stop == ("prod" if stopped else None)
    assert [event.reason for event in plan.events].count("AdoptedStopped") == stopped
    known = seen.status.adopted
    if stopped:
        assert plan.status.adopted == BEFORE.model_copy(update={"stopped_at": NOW})
    elif known is not None:
        assert plan.status.adopted == known


def test_nothing_is_stopped_beside_a_lowering() -> None:
    """Status is written after the route then, and would remember what has not been done."""
    seen = with_status(with_spec(with_evidence(stepping(), Verdict.HARM), adopting("2")), adopted=BEFORE)
    plan = decide(seen)
    assert plan.action is Action.ROLL_BACK
    assert (plan.stop, plan.status.adopted) == (None, BEFORE)


def test_promotion_keeps_it_warm_and_drains_it() -> None:
    raw = adopting("2", rollbackWindow="1h")
    seen = beside_fallback(with_spec(stepping(5, raw), raw), fallback=stand_in(STOPPED))
    plan = decide(with_status(with_evidence(seen), adopted=BEFORE))
    assert plan.action is Action.PROMOTE, plan.message
    assert plan.status.previous is not None
    assert plan.status.previous.revision == FALLBACK
    assert [entry.revision for entry in plan.status.retired] == [FALLBACK]
    assert plan.stop is None


def test_a_fallback_that_was_not_adopted_does_not_drain() -> None:
    plan = decide(with_evidence(beside_fallback(stepping(5))))
    assert plan.action is Action.PROMOTE
    assert plan.status.retired == ()


def test_what_is_adopted_is_no_part_of_a_revision() -> None:
    assert revision_of(adopting("2")) == revision_of(raw_spec("2")) == CANDIDATE


def test_it_is_none_of_our_pods() -> None:
    plan = decide(promoted())
    assert plan.replicas == {STABLE.hash: 2}
    assert isinstance(state_of_fallback(stand_in(), 2), RevisionState)


# --- a whole life -----------------------------------------------------------------------------------------------------


def all_ready(world: World) -> None:
    for _, state in world.states():
        state.ready = state.replicas


def until_promoted() -> World:
    """What was adopted has been replaced, and is warm for an hour."""
    world = World(adopting("1"), Invariants())
    world.reconcile()
    assert world.route is None, "nothing leads to what cannot answer"
    world.fallback_ready = 1
    world.pass_time(timedelta(seconds=10))
    assert world.route is not None
    assert world.route.carries(only(FALLBACK))
    all_ready(world)
    for _ in range(120):
        if world.status.stable != STABLE.ref:
            world.pass_time(MINUTE)
    assert world.status.stable == STABLE.ref, world.told[-5:]
    assert world.status.previous is not None
    assert world.route.carries(only(STABLE.hash))
    assert world.stopped == []
    return world


def test_a_whole_life() -> None:
    world = until_promoted()
    world.pass_time(timedelta(hours=2))
    assert world.stopped == ["prod"]
    assert world.events.count("AdoptedStopped") == 1
    assert (world.status.previous, world.status.fallback) == (None, None)

    world.fallback_ready = 1
    world.pass_time(timedelta(hours=2))
    assert world.stopped == ["prod"], "whoever started it again is right"
    world.edit(adopting("2"))
    world.pass_time(timedelta(seconds=10))
    all_ready(world)
    world.pass_time(timedelta(hours=2))
    assert world.status.stable == CANDIDATE.ref, "later versions never meet it"
    assert world.stopped == ["prod"]


@pytest.mark.parametrize("end", list(End))
@pytest.mark.parametrize("writes", range(4))
def test_it_is_stopped_once_whatever_breaks_off(end: End, writes: int) -> None:
    world = until_promoted()
    world.trouble = Trouble(end, writes)
    world.pass_time(timedelta(hours=2))
    world.reconcile()
    assert world.stopped == ["prod"]
    assert world.status.adopted is not None
    assert world.status.adopted.stopped_at is not None


def test_a_person_goes_back_to_it_within_the_window() -> None:
    world = until_promoted()
    assert world.service == STABLE.hash
    world.annotate(Control.ROLLBACK, STABLE.hash)
    world.pass_time(timedelta(seconds=10))
    assert world.route is not None
    assert world.route.carries(only(FALLBACK))
    assert world.service == FALLBACK, "clients inside the cluster go back too"
    assert world.pods[STABLE.hash].replicas == 2, "it drains"
    world.pass_time(timedelta(hours=3))
    assert world.route.carries(only(FALLBACK))
    assert world.pods[STABLE.hash].replicas == 0
    assert world.stopped == []
