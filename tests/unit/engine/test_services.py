"""Two Services that somebody else deploys: who is stable, what is refused, and what a deployment in the middle does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.services import PODS_MAX
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.config import Config, wanted
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.revisions import Revision
from modelrollout.engine.services import (
    crowd_problems,
    desired_of,
    replaced,
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
    judged,
    known,
    now,
    serving,
    state,
)
from tests.support.cases import Case, as_empty, as_loading, as_stepping, check, table
from tests.support.scenes import (
    MINUTE,
    NOW,
    Raw,
    failure,
    previous,
    rollout,
    with_attempt,
    with_clicks,
    with_evidence,
    with_problems,
    with_route,
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


# --- somebody deploys in the middle -----------------------------------------------------------------------------------

STEP = judged()
OTHERS = state(TWO, behind(NEWER))


@table(
    Case("nobody does", STEP, None),
    Case("a deployment begins", now(STEP, state(TWO, behind(NEW, also=(NEWER,)))), None),
    Case(
        "to the candidate",
        now(STEP, OTHERS),
        Action.ABANDON,
        "CandidateReplaced",
        text="behind Service digits-b is digits-b-5f6b7c8d9f-* now, no more digits-b-79c8b5f4d9-*",
    ),
    Case("to stable", now(STEP, state(ONE, behind(OLD, NEWER))), Action.ABANDON, "StableReplaced", text="digits-a is"),
    Case("to both", now(STEP, OTHERS, state(ONE, behind(NEWER))), Action.ABANDON, "CandidateReplaced"),
    Case("and the spec is bad", with_problems(now(STEP, OTHERS)), Action.ABANDON, "CandidateReplaced"),
    Case("nobody answers", now(STEP, state(TWO, behind(), 0)), None),
    Case(
        "and stable cannot answer",
        now(STEP, OTHERS, state(ONE, behind(), 0)),
        Action.WAIT,
        "NoSafeTarget",
        text="the candidate keeps serving",
    ),
)
def test_replaced(case: Case) -> None:
    check(replaced(as_stepping(case.seen)), case)


def test_an_untested_deployment_gets_nothing_of_what_was_earned_and_is_not_to_blame() -> None:
    """In the ramp, with evidence that would promote: back to stable, and again from the first stage."""
    plan = decide(now(judged(4), OTHERS))
    assert (plan.action, plan.split) == (Action.ABANDON, only(ONE.hash))
    assert (plan.status.attempt, plan.status.failed) == (None, None)
    assert [event.reason for event in plan.events] == ["Abandoned"]
    again = with_route(replace(now(STEP, OTHERS), evidence=None, rollout=replace(STEP.rollout, status=plan.status)))
    assert decide(again).action is Action.BEGIN


def test_what_was_replaced_is_silent_and_not_blamed_for_that() -> None:
    silent = with_evidence(now(STEP, OTHERS), silent=True)
    assert decide(silent).reason == "CandidateReplaced"


def test_harm_of_what_was_measured_counts_all_the_same() -> None:
    plan = decide(with_evidence(now(STEP, OTHERS), Verdict.HARM))
    assert (plan.action, plan.reason) == (Action.ROLL_BACK, "Harm")


def test_a_deployment_to_stable_is_told_and_compared_with_from_then_on() -> None:
    plan = decide(now(STEP, state(ONE, behind(NEWER))))
    assert [event.reason for event in plan.events] == ["Abandoned", "StableReplaced"]
    assert plan.status.service_of(ONE.hash) == known(ONE, NEWER, since=NOW)


def test_as_long_as_it_cannot_be_acted_on_it_is_not_forgotten() -> None:
    stuck = now(STEP, OTHERS, state(ONE, behind(), 0))
    plan = decide(stuck)
    assert plan.reason == "NoSafeTarget"
    assert plan.status.services == KNOWN, "what comes back is held against what was measured"


def test_a_service_that_is_removed_takes_the_weight_to_nothing_and_blames_nobody() -> None:
    plan = decide(now(STEP, state(TWO, behind(), 0)))
    assert (plan.action, plan.reason, plan.split) == (Action.SUSPEND, "CandidateUnready", only(ONE.hash))
    assert plan.status.services == KNOWN


def test_what_comes_back_as_another_deployment_begins_anew() -> None:
    gone = with_route(with_attempt(STEP, unready_since=NOW - MINUTE))
    assert decide(gone).reason == "CandidateRecovered"
    assert decide(now(gone, OTHERS)).reason == "CandidateReplaced"


def test_a_third_version_behind_the_same_service_starts_from_stable() -> None:
    raw = asks("3")
    third = wanted(raw, (ONE, TWO), STEP.status, UNTRACKED).revision
    seen = replace(STEP, rollout=replace(STEP.rollout, raw_spec=raw), desired=third)
    plan = decide(replace(seen, revisions=(*STEP.revisions, state(third, behind(NEWER)))))
    assert (plan.action, plan.reason, plan.split) == (Action.ABANDON, "Superseded", only(ONE.hash))


def test_reverting_the_spec_is_a_rollback_in_one_write() -> None:
    raw = asks("1", A, None)
    plan = decide(replace(STEP, rollout=replace(STEP.rollout, raw_spec=raw), desired=ONE))
    assert (plan.action, plan.reason, plan.split) == (Action.ROLL_BACK, "SpecReverted", only(ONE.hash))


# --- afterwards -------------------------------------------------------------------------------------------------------

LAST = judged(5)


def test_the_promotion_needs_no_edit_of_the_spec() -> None:
    plan = decide(LAST)
    assert (plan.action, plan.split) == (Action.PROMOTE, only(TWO.hash))
    assert plan.status.previous is not None
    assert plan.status.services == (known(TWO, NEW), known(ONE, OLD))
    later = replace(LAST, evidence=None, rollout=replace(LAST.rollout, status=plan.status))
    assert decide(with_route(later)).reason == "Serving"


def test_nobody_is_scaled_drained_or_followed() -> None:
    plan = decide(LAST)
    later = replace(LAST, evidence=None, rollout=replace(LAST.rollout, status=plan.status), now=NOW + 60 * MINUTE)
    after = decide(with_route(later))
    assert set(after.replicas.values()) <= {1}, "records are kept, nothing is stopped"
    assert set(after.bounds.values()) == {None}
    assert after.status.retired == ()


WARM = {"previous": previous(ONE), "services": (known(TWO, NEW), known(ONE, OLD))}


def test_back_within_the_window_is_one_write_while_the_same_pods_are_there() -> None:
    seen = with_route(serving(asks("1", A, None), TWO, **WARM))
    same = now(seen, state(TWO, behind(NEW)))
    plan = decide(same)
    assert (plan.action, plan.split) == (Action.RETURN, only(ONE.hash))


def test_back_to_what_somebody_has_deployed_since_is_a_rollout() -> None:
    seen = with_route(serving(asks("1", A, None), TWO, **WARM))
    plan = decide(now(seen, state(TWO, behind(NEW)), state(ONE, behind(NEWER))))
    assert plan.action is Action.BEGIN
    assert "PreviousReplaced" in [event.reason for event in plan.events]
    assert plan.status.previous is None


def test_a_person_cannot_go_back_to_what_is_not_there_any_more() -> None:
    seen = with_clicks(with_route(serving(asks("2"), TWO, **WARM)), rollback=TWO.hash)
    same = now(seen, state(TWO, behind(NEW)))
    assert decide(same).action is Action.RETURN
    plan = decide(now(same, state(ONE, behind(NEWER))))
    assert (plan.action, plan.split) == (Action.WAIT, only(TWO.hash))
    assert "ControlRefused" in [event.reason for event in plan.events]


def test_a_window_that_is_over_is_no_replacement() -> None:
    seen = with_route(serving(asks("2"), TWO, **(WARM | {"previous": previous(ONE, -1)})))
    plan = decide(now(seen, state(TWO, behind(NEW))))
    assert (plan.status.previous, plan.events) == (None, ())


def test_a_deployment_to_what_serves_moves_nothing_and_is_told_once() -> None:
    seen = with_route(serving())
    plan = decide(now(seen, state(ONE, behind(NEWER))))
    assert (plan.action, plan.reason, plan.split) == (Action.WAIT, "Serving", only(ONE.hash))
    assert [event.reason for event in plan.events] == ["StableReplaced"]
    assert "it has passed no stage" in plan.events[0].note
    again = replace(now(seen, state(ONE, behind(NEWER))), rollout=replace(seen.rollout, status=plan.status))
    assert decide(again).events == ()


def test_a_version_that_failed_is_not_tried_again_by_a_deployment() -> None:
    seen = with_route(serving(asks("2"), ONE, failed=failure(TWO)))
    plan = decide(now(seen, OTHERS))
    assert (plan.action, plan.reason) == (Action.WAIT, "Harm")
