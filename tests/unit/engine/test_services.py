"""Two Services that somebody else deploys: who is stable, what is refused, and what a rollout waits for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.api.services import PODS_MAX
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.config import Config, wanted
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.revisions import Revision
from modelrollout.engine.services import (
    crowd_problems,
    desired_of,
    serves_already,
    services_problems,
    unsettled,
)
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import only
from tests.support.behind import (
    FIRST,
    KNOWN,
    NEW,
    NEWER,
    OLD,
    ONE,
    THREE,
    TWO,
    A,
    B,
    C,
    asks,
    begun,
    behind,
    known,
    now,
    state,
)
from tests.support.cases import Case, as_empty, as_loading, check, table
from tests.support.scenes import (
    NOW,
    Raw,
    previous,
    rollout,
    with_status,
)

pytestmark = pytest.mark.unit

UNTRACKED = Config(tracked=False)


# --- what the spec asks for -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "stable", "asked"),
    [
        (asks("1", A, None), None, ONE),
        (asks("2"), None, TWO),
        (asks("2"), FIRST, TWO),
        (asks("2"), TWO, TWO),
        (asks("2", B, None), TWO, TWO),
        (asks("1", A, None), FIRST, FIRST),
        (asks("1", A, None), TWO, ONE),
        (asks("3", B, A), TWO, THREE),
    ],
    ids=[
        "one Service is its version",
        "of two it is the candidate",
        "also beside what nobody has named",
        "after the promotion it is what serves",
        "also with one name left",
        "without a candidate, what serves stays it, whatever its version is called",
        "the version before",
        "the roles have swapped",
    ],
)
def test_what_a_spec_asks_for(raw: Raw, stable: Revision | None, asked: Revision) -> None:
    status = ModelRolloutStatus(stable=stable.ref if stable is not None else None)
    assert desired_of(raw, (FIRST, ONE, TWO), status) == asked
    assert wanted(raw, (FIRST, ONE, TWO), status, UNTRACKED).revision == asked


STABLE_FIELD, CANDIDATE_FIELD = "spec.workload.services.stable", "spec.workload.services.candidate"


@pytest.mark.parametrize(
    ("raw", "status", "says"),
    [
        (asks("2"), {}, None),
        (asks("2"), {"stable": ONE.ref}, None),
        (asks("2"), {"stable": TWO.ref}, None),
        (asks("1", A, None), {"stable": TWO.ref, "previous": previous(ONE)}, None),
        (asks("1", A, None), {"stable": TWO.ref}, None),
        (asks("3", B, A), {"stable": TWO.ref}, None),
        (asks("3", B, C), {"stable": TWO.ref}, None),
        (asks("3"), {"stable": TWO.ref}, f"{CANDIDATE_FIELD}: Service digits-b serves version 2 now"),
        (
            asks("3", B, None),
            {"stable": TWO.ref},
            f"{STABLE_FIELD}: Service digits-b serves version 2 now, and version 3",
        ),
        (
            asks("3", A, C),
            {"stable": TWO.ref},
            f"{STABLE_FIELD}: Service digits-b serves version 2 now: write stable: digits-b",
        ),
        (
            asks("2", C, B),
            {"stable": ONE.ref},
            f"{STABLE_FIELD}: Service digits-a serves version 1 now: write stable: digits-a",
        ),
        (asks("2", B, A), {"stable": ONE.ref}, f"{CANDIDATE_FIELD}: Service digits-a serves version 1 now"),
        (
            asks("4", C, None),
            {"stable": TWO.ref},
            f"{STABLE_FIELD}: Service digits-b serves version 2 now: write stable: digits-b",
        ),
        (
            asks("2", B, A),
            {"stable": TWO.ref},
            "spec.model.version: Service digits-b serves version 2 now: write another one",
        ),
    ],
    ids=[
        "nothing has served",
        "a new version beside the one that serves",
        "what serves, as its rollout was written",
        "back, while it is warm",
        "back, when it is not warm any more: a rollout",
        "the third version behind the Service that is free",
        "the third version behind a third Service",
        "a new version where all requests go",
        "the same, with one name",
        "stable edited too late",
        "stable edited before the promotion",
        "both swapped before the promotion",
        "another Service in place of what serves, past all stages",
        "swapped after the promotion, without another version",
    ],
)
def test_what_contradicts_what_serves_is_refused(raw: Raw, status: dict[str, object], says: str | None) -> None:
    asked = rollout(raw, ModelRolloutStatus().model_copy(update=status))
    stored = (FIRST, ONE, TWO)
    desired = desired_of(raw, stored, asked.status)
    problems = list(services_problems(asked.spec, desired, stored, asked.status))
    assert [problem[: len(says or "")] for problem in problems] == ([] if says is None else [says])


def test_more_pods_than_can_be_told_apart_are_refused() -> None:
    assert not list(crowd_problems(B, behind(*(f"p-{n}@12345678" for n in range(PODS_MAX)))))
    (problem,) = crowd_problems(B, behind(*(f"p-{n}@12345678" for n in range(PODS_MAX + 1))))
    assert problem.startswith("spec.workload.services: Service digits-b has 41 pods that are of no ReplicaSet")


# --- nothing has served -----------------------------------------------------------------------------------------------


def nothing_served(ready: int, raw: Raw | None = None) -> Observation:
    pods = behind(OLD) if ready else behind()
    states = (state(FIRST, pods, ready), state(TWO, behind(NEW)))
    return Observation(NOW, rollout(raw or asks(), ModelRolloutStatus(), 1), TWO, (), None, states)


@table(
    Case("its endpoints are ready", nothing_served(2), Action.ADOPT, "ServiceServes", text="digits-a answers"),
    Case("none is", nothing_served(0), Action.WAIT, "StableUnready", text="Service digits-a, which is to be stable"),
    Case("there is no candidate", nothing_served(2, asks("2", A, None)), None),
)
def test_serves_already(case: Case) -> None:
    check(serves_already(as_empty(case.seen)), case)


def test_what_serves_is_stable_from_the_first_look_on_and_then_the_candidate_begins() -> None:
    plan = decide(nothing_served(2))
    assert (plan.status.stable, plan.split) == (FIRST.ref, only(FIRST.hash))
    assert plan.status.stable is not None
    assert plan.status.stable.version == A, "nobody has named its version"
    assert plan.status.services == (known(FIRST, OLD, since=NOW),)
    assert plan.replicas == {FIRST.hash: 1}, "its record is made before the route"
    assert plan.collect == ()


def test_one_service_alone_serves_as_the_version_that_the_spec_names() -> None:
    raw = asks("1", A, None)
    seen = replace(nothing_served(2, raw), desired=ONE, revisions=(state(ONE, behind(OLD), 2),))
    plan = decide(seen)
    assert (plan.action, plan.reason, plan.status.stable) == (Action.ADOPT, "FirstRevision", ONE.ref)


def test_no_candidate_gets_anything_beside_a_service_that_does_not_answer() -> None:
    plan = decide(nothing_served(0))
    assert (plan.status.stable, plan.split, plan.status.attempt) == (None, None, None)


# --- a rollout begins -------------------------------------------------------------------------------------------------

SETTLED = begun()
FRESH = with_status(SETTLED, services=(KNOWN[0], known(TWO, NEW, since=NOW - timedelta(seconds=1))))


@table(
    Case("the same for long", SETTLED, None),
    Case("deployed a moment ago", FRESH, Action.WAIT, "ServiceChanging", text="digits-b-79c8b5f4d9-* since"),
    Case("not known yet", with_status(SETTLED, services=KNOWN[:1]), Action.WAIT, "ServiceChanging"),
    Case("others are ready", now(SETTLED, state(TWO, behind(NEWER))), Action.WAIT, "ServiceChanging"),
    Case(
        "others are about to be ready",
        now(SETTLED, state(TWO, behind(NEW, also=(NEWER,)))),
        Action.WAIT,
        "ServiceChanging",
        text="behind Service digits-b are digits-b-5f6b7c8d9f-*, digits-b-79c8b5f4d9-*, and not all of them are ready",
    ),
    Case("somebody deploys to the other one", now(SETTLED, state(ONE, behind(NEWER))), None),
)
def test_unsettled(case: Case) -> None:
    check(unsettled(as_loading(case.seen)), case)


def test_it_is_looked_at_again_when_it_has_settled() -> None:
    plan = decide(FRESH)
    settle = FRESH.rollout.spec.traffic.settle
    assert (plan.reason, plan.wake_at) == ("ServiceChanging", NOW - timedelta(seconds=1) + settle)


def test_a_candidate_begins_when_all_of_its_endpoints_are_ready() -> None:
    half = now(SETTLED, state(TWO, behind(NEW, endpoints=4), 2))
    assert decide(half).reason == "CandidateLoading"
    plan = decide(now(SETTLED, state(TWO, behind(NEW, endpoints=4), 4)))
    assert plan.action is Action.ENTER
    assert plan.status.services == KNOWN


def test_without_a_ready_endpoint_it_gets_nothing_however_it_is_pushed() -> None:
    gone = now(SETTLED, state(TWO, behind(), 0))
    plan = decide(gone)
    assert (plan.reason, plan.split) == ("CandidateLoading", only(ONE.hash))


def test_no_rollout_begins_beside_an_older_route_to_what_serves() -> None:
    assert SETTLED.route is not None
    plan = decide(replace(SETTLED, route=replace(SETTLED.route, hidden_by="theirs")))
    assert (plan.reason, plan.split) == ("RouteHidden", only(ONE.hash))
    assert "HTTPRoute theirs is older and leads to digits-a" in plan.message


def test_what_is_known_follows_the_deployment_until_the_first_step() -> None:
    plan = decide(now(SETTLED, state(TWO, behind(NEWER)), state(ONE, behind("digits-a-75bfc9d8f5-*"))))
    assert plan.status.services == (known(ONE, "digits-a-75bfc9d8f5-*", since=NOW), known(TWO, NEWER, since=NOW))
