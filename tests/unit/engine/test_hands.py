"""What people do with a rollout, in every situation: a click, the expected decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine.chains import decide
from modelrollout.engine.decide import decide as plan_of
from modelrollout.engine.observed import Acceptance
from modelrollout.engine.plan import Action, Fault
from modelrollout.engine.situation import situation_of
from modelrollout.engine.split import only
from tests.support.cases import Case, check, table
from tests.support.scenes import (
    CANDIDATE,
    MINUTE,
    NOW,
    STABLE,
    STAGES,
    THIRD,
    candidate_down,
    failure,
    loading,
    pods,
    previous,
    raw_spec,
    resting,
    stable_down,
    stepping,
    suspended,
    with_attempt,
    with_clicks,
    with_evidence,
    with_pods,
    with_problems,
    with_route,
    with_spec,
    with_step,
)

pytestmark = pytest.mark.unit

HASH = CANDIDATE.hash
OPEN = with_evidence(stepping(), Verdict.CONTINUE)
BLIND = with_evidence(stepping(), Verdict.NO_DATA, unavailable="no answer")
LOWER = raw_spec(stages=[STAGES[0], STAGES[1] | {"weight": 3}, *STAGES[2:]])
GONE = raw_spec(stages=[STAGES[0], *STAGES[2:]])
WARM = with_pods(resting(raw_spec("3"), stable=THIRD.ref, previous=previous(STABLE)), pods(STABLE), pods(THIRD))
WARM = replace(WARM, route=replace(with_route(WARM).route, weights=((THIRD.hash, 100),)))  # type: ignore[type-var]
FAILED = resting(raw_spec(), failed=failure())
IMPATIENT = with_step(
    stepping(1, raw_spec(stages=[STAGES[0], STAGES[1] | {"onInconclusive": "Rollback"}, *STAGES[2:]])),
    started_at=NOW - 300 * MINUTE,
)


@table(
    Case("passing", with_clicks(stepping(), abort=HASH), Action.ROLL_BACK, "Aborted", fails=True,
         text="version 2 was aborted by hand in canary at 5 %"),
    Case("without Prometheus", with_clicks(BLIND, abort=HASH), Action.ROLL_BACK, "Aborted", fails=True),
    Case("route refused", with_clicks(with_route(stepping(), Acceptance.REJECTED), abort=HASH), Action.ROLL_BACK,
         "Aborted", fails=True),
    Case("invalid spec", with_clicks(with_problems(stepping()), abort=HASH), Action.ROLL_BACK, "Aborted", fails=True),
    Case("suspended", with_clicks(candidate_down(suspended(stepping())), abort=HASH), Action.ROLL_BACK, "Aborted",
         fails=True),
    Case("paused", with_clicks(stepping(), abort=HASH, pause=HASH), Action.ROLL_BACK, "Aborted", fails=True),
    Case("at weight 100", with_clicks(stepping(5), abort=HASH), Action.ROLL_BACK, "Aborted", fails=True),
    Case("nobody else could answer", with_clicks(stable_down(stepping()), abort=HASH), Action.WAIT, "NoSafeTarget",
         latch=Fault("Aborted", "version 2 was aborted by hand in canary at 5 %")),
    Case("harm says more", with_clicks(with_evidence(stepping(), Verdict.HARM), abort=HASH), Action.ROLL_BACK, "Harm",
         fails=True),
    Case("loading", with_clicks(loading(), abort=HASH), Action.ROLL_BACK, "Aborted", fails=True, text="loading"),
    Case("loading, invalid spec", with_clicks(with_problems(loading()), abort=HASH), Action.ROLL_BACK, "Aborted",
         fails=True),
    Case("not begun", with_clicks(resting(raw_spec()), abort=HASH), Action.DECLINE, "Aborted", fails=True,
         text="before it began"),
    Case("not begun, invalid spec", with_clicks(with_problems(resting(raw_spec())), abort=HASH), Action.DECLINE,
         "Aborted", fails=True),
    Case("meant for another", with_clicks(stepping(), abort=THIRD.hash), Action.ENTER, "Passed", step="ramp at 20 %"),
)  # fmt: skip
def test_abort(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@table(
    Case("passing", with_clicks(stepping(), pause=HASH), Action.WAIT, "Paused",
         text="to go on: kubectl -n demo annotate mr digits modelrollout.io/pause-"),
    Case("harm", with_clicks(with_evidence(stepping(), Verdict.HARM), pause=HASH), Action.ROLL_BACK, "Harm",
         fails=True),
    Case("unready", with_clicks(candidate_down(stepping()), pause=HASH), Action.SUSPEND, "CandidateUnready"),
    Case("ready again", with_clicks(suspended(stepping()), pause=HASH), Action.WAIT, "Paused"),
    Case("suspended for good", with_clicks(candidate_down(suspended(stepping(), NOW - 60 * MINUTE)), pause=HASH),
         Action.ROLL_BACK, "ProgressDeadlineExceeded", fails=True),
    Case("reverted", with_clicks(with_spec(stepping(), raw_spec("1")), pause=HASH), Action.ROLL_BACK, "SpecReverted"),
    Case("superseded", with_clicks(with_spec(stepping(), raw_spec("3")), pause=HASH), Action.ABANDON, "Superseded"),
    Case("not accepted yet", with_clicks(with_step(stepping(), accepted_at=None, in_force_at=None), pause=HASH),
         Action.ACCEPT, "Accepted"),
    Case("not in force yet", with_clicks(with_step(stepping(), in_force_at=None), pause=HASH), Action.IN_FORCE,
         "ShareShown"),
    Case("open for maxDuration", with_clicks(with_evidence(IMPATIENT, Verdict.CONTINUE), pause=HASH), Action.WAIT,
         "Paused"),
    Case("edited to less", with_clicks(with_spec(stepping(), LOWER), pause=HASH), Action.ENTER, "StageEdited",
         step="canary at 3 %"),
    Case("ready again and edited", with_clicks(suspended(with_spec(stepping(), LOWER)), pause=HASH), Action.WAIT,
         "Paused"),
    Case("loading", with_clicks(loading(), pause=HASH), Action.WAIT, "Paused", text="0/2 endpoints"),
    Case("loaded", with_clicks(loading(2), pause=HASH), Action.WAIT, "Paused", text="before the first step"),
    Case("loads too long", with_clicks(with_attempt(loading(), started_at=NOW - 60 * MINUTE), pause=HASH),
         Action.ROLL_BACK, "ProgressDeadlineExceeded", fails=True),
    Case("not begun", with_clicks(resting(raw_spec()), pause=HASH), Action.WAIT, "Paused", text="version 2 begins"),
    Case("meant for another", with_clicks(resting(raw_spec()), pause=THIRD.hash), Action.BEGIN, "NewRevision"),
)  # fmt: skip
def test_pause(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@table(
    Case("open", with_clicks(OPEN, promote=HASH), Action.ENTER, "PromotedByHand", step="ramp at 20 %",
         text="skipping the rest of canary at 5 % (error-rate Continue)"),
    Case("without Prometheus", with_clicks(BLIND, promote=HASH), Action.ENTER, "PromotedByHand", step="ramp at 20 %"),
    Case("route refused", with_clicks(with_route(OPEN, Acceptance.REJECTED), promote=HASH), Action.ENTER,
         "PromotedByHand", step="ramp at 20 %"),
    Case("the stage, not the step", with_clicks(with_evidence(stepping(2), Verdict.CONTINUE), promote=HASH),
         Action.ENTER, "PromotedByHand", step="full at 100 %", text="ramp at 35 %, ramp at 50 %"),
    Case("from the last stage", with_clicks(with_evidence(stepping(5), Verdict.CONTINUE), promote=HASH),
         Action.PROMOTE, "PromotedByHand", text="skipping the rest of full at 100 %"),
    Case("suspended", with_clicks(candidate_down(suspended(OPEN)), promote=HASH), Action.ENTER, "PromotedByHand",
         step="ramp at 20 %"),
    Case("from the last stage, one pod not ready", with_clicks(with_pods(with_evidence(
        stepping(5), Verdict.CONTINUE), pods(CANDIDATE, 1)), promote=HASH), Action.WAIT, "PromotionWaits",
         text="1/2 endpoints"),
    Case("harm", with_clicks(with_evidence(stepping(), Verdict.HARM), promote=HASH), Action.ROLL_BACK, "Harm",
         fails=True),
    Case("paused", with_clicks(stepping(), promote=HASH, pause=HASH), Action.WAIT, "Paused"),
    Case("invalid spec", with_clicks(with_problems(stepping()), promote=HASH), Action.WAIT, "InvalidSpec"),
    Case("edited", with_clicks(with_spec(OPEN, LOWER), promote=HASH), Action.ENTER, "PromotedByHand",
         step="ramp at 18 %"),
    Case("stage removed", with_clicks(with_spec(OPEN, GONE), promote=HASH), Action.ENTER, "StageEdited",
         step="shadow at mirror 100 %"),
    Case("loading", with_clicks(loading(1), promote=HASH), Action.WAIT, "CandidateLoading"),
    Case("loaded, not checked", with_clicks(replace(loading(2), unchecked="no answer"), promote=HASH), Action.ENTER,
         "PromotedByHand", step="shadow at mirror 100 %"),
    Case("loaded, not scraped, route pending", with_clicks(with_route(replace(
        loading(2), scraped=False), Acceptance.PENDING), promote=HASH), Action.ENTER, "PromotedByHand",
        step="shadow at mirror 100 %"),
)  # fmt: skip
def test_promote(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@table(
    Case("open", with_clicks(OPEN, promote_full=HASH), Action.PROMOTE, "PromotedByHand",
         text="skipping the rest of canary at 5 % (error-rate Continue), ramp at 20 %, ramp at 35 %"),
    Case("without Prometheus", with_clicks(BLIND, promote_full=HASH), Action.PROMOTE, "PromotedByHand"),
    Case("route refused", with_clicks(with_route(OPEN, Acceptance.REJECTED), promote_full=HASH), Action.PROMOTE,
         "PromotedByHand"),
    Case("one pod not ready", with_clicks(with_pods(OPEN, pods(CANDIDATE, 1)), promote_full=HASH), Action.WAIT,
         "PromotionWaits", text="1/2 endpoints of version 2"),
    Case("one pod not ready, passing", with_clicks(with_pods(stepping(), pods(CANDIDATE, 1)), promote_full=HASH),
         Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("suspended", with_clicks(candidate_down(suspended(OPEN)), promote_full=HASH), Action.WAIT, "Suspended"),
    Case("paused", with_clicks(stepping(), promote_full=HASH, pause=HASH), Action.WAIT, "Paused"),
    Case("loading", with_clicks(loading(1), promote_full=HASH), Action.WAIT, "CandidateLoading", text="1/2 endpoints"),
    Case("loaded", with_clicks(loading(2), promote_full=HASH), Action.PROMOTE, "PromotedByHand",
         text="skipping shadow at mirror 100 %, canary at 5 %"),
    Case("loaded, invalid spec", with_clicks(with_problems(loading(2)), promote_full=HASH), Action.WAIT, "InvalidSpec"),
)  # fmt: skip
def test_promote_full(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@table(
    Case("failed", with_clicks(FAILED, retry=HASH), Action.BEGIN, "Retried", text="version 2"),
    Case("not checked", with_clicks(replace(FAILED, unchecked="no answer"), retry=HASH), Action.WAIT, "SpecUnchecked"),
    Case("route pending", with_clicks(with_route(FAILED, Acceptance.PENDING), retry=HASH), Action.WAIT, "RoutePending"),
    Case("invalid spec", with_clicks(with_problems(FAILED), retry=HASH), Action.WAIT, "InvalidSpec"),
    Case("meant for another", with_clicks(FAILED, retry=THIRD.hash), Action.WAIT, "Harm"),
    Case("paused", with_clicks(FAILED, retry=HASH, pause=HASH), Action.WAIT, "Harm"),
)  # fmt: skip
def test_retry(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@table(
    Case("warm", with_clicks(WARM, rollback=THIRD.hash), Action.RETURN, "RolledBackByHand", fails=True,
         text="version 3 was rolled back by hand to version 1"),
    Case("invalid spec", with_clicks(with_problems(WARM), rollback=THIRD.hash), Action.RETURN, "RolledBackByHand",
         fails=True),
    Case("route refused", with_clicks(with_route(WARM, Acceptance.REJECTED), rollback=THIRD.hash), Action.RETURN,
         "RolledBackByHand", fails=True),
    Case("too late", with_clicks(replace(WARM, now=NOW + 60 * MINUTE), rollback=THIRD.hash), Action.WAIT, "Serving"),
    Case("not ready", with_clicks(with_pods(WARM, pods(STABLE, 0)), rollback=THIRD.hash), Action.WAIT, "Serving"),
    Case("another is on its way", with_clicks(stepping(), rollback=STABLE.hash), Action.ENTER, "Passed",
         step="ramp at 20 %"),
)  # fmt: skip
def test_rollback(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


def test_a_version_that_was_left_by_hand_does_not_begin_again() -> None:
    plan = plan_of(with_clicks(WARM, rollback=THIRD.hash))
    assert plan.split == only(STABLE.hash)
    assert plan.status.failed is not None
    assert (plan.status.failed.revision, plan.status.failed.reason) == (THIRD.hash, "RolledBackByHand")
    assert plan.status.phase == "RolledBack"


def test_a_version_that_failed_does_not_begin_because_another_one_was_left_by_hand() -> None:
    seen = with_spec(WARM, raw_spec("2"))
    status = seen.status.model_copy(update={"failed": failure()})
    seen = replace(seen, rollout=replace(seen.rollout, status=status))
    plan = plan_of(with_clicks(seen, rollback=THIRD.hash))
    assert plan.action is Action.RETURN
    assert plan.status.failed == failure()


def test_a_suspended_candidate_that_is_promoted_gets_no_traffic_before_it_is_ready() -> None:
    plan = plan_of(with_clicks(candidate_down(suspended(OPEN)), promote=HASH))
    assert plan.split == only(STABLE.hash)
    assert plan.status.phase == "Suspended"
    assert plan.status.attempt is not None
    assert plan.status.attempt.step is not None
    assert plan.status.attempt.step.weight == 20


def test_a_retry_forgets_the_failure() -> None:
    plan = plan_of(with_clicks(FAILED, retry=HASH))
    assert plan.status.failed is None
    assert plan.status.attempt is not None


def test_what_was_declined_is_not_begun() -> None:
    seen = with_clicks(resting(raw_spec()), abort=HASH)
    first = plan_of(seen)
    again = plan_of(replace(seen, rollout=replace(seen.rollout, status=first.status)))
    assert (again.action, again.reason, again.status.phase) == (Action.WAIT, "Aborted", "RolledBack")
    assert not again.events
