"""Policies outside of a step, each alone: an observation, the expected decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.engine import policies
from modelrollout.engine.chains import decide
from modelrollout.engine.decide import decide as plan_of
from modelrollout.engine.observed import Acceptance
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import situation_of
from tests.support.cases import Case, as_empty, as_loading, as_resting, check, table
from tests.support.scenes import (
    CANDIDATE,
    MINUTE,
    NOW,
    STABLE,
    THIRD,
    empty,
    failure,
    loading,
    pods,
    previous,
    raw_spec,
    resting,
    stable_down,
    with_attempt,
    with_pods,
    with_route,
    with_spec,
)

pytestmark = pytest.mark.unit

HARM_TEXT = "error-rate 0.08 > 0.01 (n=640)"

LATE = with_attempt(loading(1), started_at=NOW - 10 * MINUTE)


@table(
    Case("in time", loading(), None),
    Case("late", LATE, Action.ROLL_BACK, "ProgressDeadlineExceeded", fails=True, text="1/2 endpoints of version 2"),
    Case("ready at the last moment", with_pods(LATE, pods(CANDIDATE)), None),
)
def test_load_deadline(case: Case) -> None:
    check(policies.load_deadline(as_loading(case.seen)), case)


@table(
    Case("none ready", loading(), Action.WAIT, "CandidateLoading", text="0/2"),
    Case("one of two", loading(1), Action.WAIT, "CandidateLoading", text="1/2"),
    Case("all", loading(2), None),
)
def test_load_wait(case: Case) -> None:
    check(policies.load_wait(as_loading(case.seen)), case)


@table(
    Case("at rest", loading(2), None),
    Case("none", replace(loading(2), route=None), Action.WAIT, "RoutePending", text="does not exist"),
    Case("pending", with_route(loading(2), Acceptance.PENDING), Action.WAIT, "RoutePending"),
    Case("refused", with_route(loading(2), Acceptance.REJECTED), Action.WAIT, "RouteRejected"),
    Case("of an older decision", with_route(loading(2), sequence=0), Action.WAIT, "RoutePending"),
    Case("changed by hand", with_route(loading(2), weights=((STABLE.hash, 50), (CANDIDATE.hash, 50))), Action.WAIT,
         "RoutePending", text="does not give stable all traffic"),
)  # fmt: skip
def test_route_at_rest(case: Case) -> None:
    check(policies.route_at_rest(as_loading(case.seen)), case)


@table(
    Case("scraped", replace(loading(2), scraped=True), None),
    Case("nobody can tell", loading(2), None),
    Case("not scraped", replace(loading(2), scraped=False), Action.WAIT, "CandidateNotScraped",
         text="does not scrape it yet"),
)  # fmt: skip
def test_unscraped(case: Case) -> None:
    check(policies.unscraped(as_loading(case.seen)), case)


def test_a_candidate_that_is_not_scraped_is_looked_at_again_when_there_may_be_more() -> None:
    again = NOW + timedelta(seconds=1)
    plan = plan_of(replace(loading(2), scraped=False, next_evidence_at=again))
    assert (plan.action, plan.reason, plan.wake_at) == (Action.WAIT, "CandidateNotScraped", again)


def test_a_ready_candidate_enters_the_first_step() -> None:
    case = Case("", loading(2), Action.ENTER, "CandidateReady", step="shadow at mirror 100 %")
    check(policies.enter_first(as_loading(case.seen)), case)


@table(
    Case("serves", resting(), Action.WAIT, "Serving", text="version 1 serves"),
    Case("unready", stable_down(resting()), Action.WAIT, "StableUnready"),
    Case("another is wanted", resting(raw_spec()), None),
)
def test_steady(case: Case) -> None:
    check(policies.steady(as_resting(case.seen)), case)


@table(
    Case("nothing failed", resting(raw_spec()), None),
    Case("this one", resting(raw_spec(), failed=failure()), Action.WAIT, "Harm", text=HARM_TEXT),
    Case("another one", resting(raw_spec("3"), failed=failure()), None),
)
def test_failed_before(case: Case) -> None:
    check(policies.failed_before(as_resting(case.seen)), case)


WARM = with_pods(resting(raw_spec(), previous=previous(CANDIDATE)), pods(CANDIDATE))


@table(
    Case("no previous", resting(raw_spec()), None),
    Case("warm", WARM, Action.RETURN, "SpecReverted", text="previous version 2"),
    Case("window over", with_pods(resting(raw_spec(), previous=previous(CANDIDATE, 0)), pods(CANDIDATE)), None),
    Case("not ready", with_pods(WARM, pods(CANDIDATE, 0)), None),
    Case("another is wanted", with_spec(WARM, raw_spec("3")), None),
)
def test_warm_return(case: Case) -> None:
    check(policies.warm_return(as_resting(case.seen)), case)


def test_nothing_new_starts_on_a_spec_that_is_not_fully_checked() -> None:
    why = "Prometheus does not answer"
    for seen in (replace(resting(raw_spec()), unchecked=why), replace(loading(2), unchecked=why)):
        decision = decide(situation_of(seen))
        assert (decision.action, decision.reason) == (Action.WAIT, "SpecUnchecked")
        assert why in decision.message
    assert decide(situation_of(replace(resting(), unchecked=why))).reason == "Serving"


def test_a_new_revision_begins() -> None:
    case = Case("", resting(raw_spec()), Action.BEGIN, "NewRevision", text="version 2 is to replace 1")
    check(policies.begin(as_resting(case.seen)), case)


@table(
    Case("none", empty(), None),
    Case("one of two", empty(ready=1), None),
    Case("all", empty(ready=2), Action.ADOPT, "FirstRevision"),
    Case("not made yet", with_pods(empty(), pods(STABLE, 2, None)), None),
)
def test_first_ready(case: Case) -> None:
    check(policies.first_ready(as_empty(case.seen)), case)


@table(
    Case("not made yet", with_pods(empty(), pods(STABLE, 0, None)), Action.WAIT, "FirstRevisionLoading"),
    Case("loading", with_pods(empty(), replace(pods(STABLE, 0), created_at=NOW)), Action.WAIT, "FirstRevisionLoading"),
    Case("crashing", with_pods(empty(), pods(STABLE, 0, crashing="server: Error")), Action.WAIT, "Crashing"),
    Case("late", empty(), Action.WAIT, "ProgressDeadlineExceeded", text="0/2 endpoints of the first version 1"),
)
def test_first_loading(case: Case) -> None:
    check(policies.first_loading(as_empty(case.seen)), case)


def test_what_is_made_now_is_looked_at_again_soon() -> None:
    # Where others have its pods ready already, its record appears, and nothing else ever changes.
    assert plan_of(with_pods(empty(), pods(STABLE, 2, None))).wake_at == NOW + policies.MADE


def test_third_is_another_revision() -> None:
    assert len({STABLE.hash, CANDIDATE.hash, THIRD.hash}) == 3
