"""How far the operator acts without a person: every degree, every kind of decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.automation import Automation
from modelrollout.api.conditions import Condition, ConditionStatus, ConditionType
from modelrollout.engine.chains import decide
from modelrollout.engine.decide import decide as plan_of
from modelrollout.engine.observed import JudgedMetric
from modelrollout.engine.plan import Action, Fault
from modelrollout.engine.revisions import stage_hash
from modelrollout.engine.situation import Observation, situation_of
from tests.support.cases import Case, check, table
from tests.support.scenes import (
    CANDIDATE,
    METRICS,
    MINUTE,
    NOW,
    STAGES,
    Raw,
    candidate_down,
    latched,
    loading,
    pods,
    raw_spec,
    spec_and_revision,
    stable_down,
    stepping,
    with_attempt,
    with_clicks,
    with_evidence,
    with_pods,
    with_spec,
    with_status,
    with_step,
)

pytestmark = pytest.mark.unit

HASH = CANDIDATE.hash
DEGREES = list(Automation)
ASKING = [Automation.HUMAN_ONLY, Automation.DRY_RUN, Automation.ASSIST]


def at(degree: Automation, seen: Observation | None = None) -> Observation:
    """The canary under a degree of automation."""
    return with_spec(seen or stepping(), raw_spec(automation=str(degree)))


def told(seen: Observation, reason: str) -> Observation:
    """After the operator has said so."""
    condition = Condition(
        type=ConditionType.RECONCILING,
        status=ConditionStatus.TRUE,
        last_transition_time=NOW,
        reason=reason,
    )
    return with_status(seen, conditions=(condition,))


def failing(share: float, *, category: str = "Software") -> Observation:
    """The error rate shows harm, at that share of the answers."""
    raw = raw_spec(metrics=[METRICS[0] | {"category": category}, METRICS[1]], automation="HumanOnly", onFailure="Hold")
    seen = stepping(1, raw)
    metric = seen.rollout.spec.metrics[0]
    result = CheckResult("error-rate", Verdict.HARM, f"error-rate {share} > 0.01", share, None, 0.01, 40)
    assert seen.evidence is not None
    return replace(seen, evidence=replace(seen.evidence, judged=(JudgedMetric(metric, result),)))


def manual(*, approved: bool = False, **changes: Any) -> Observation:
    """In a canary that somebody has to approve."""
    raw = raw_spec(stages=[STAGES[0], STAGES[1] | {"approval": "Manual"}, *STAGES[2:]], **changes)
    seen = stepping(1, raw)
    return with_attempt(seen, approved_at=NOW) if approved else seen


BAD = with_evidence(stepping(), Verdict.HARM)
WARNED = with_evidence(stepping(), warn=Verdict.HARM)
TYPED = f"kubectl -n demo annotate mr digits --overwrite modelrollout.io/{{}}={HASH}.2"


@table(
    Case("Full", at(Automation.FULL, BAD), Action.ROLL_BACK, "Harm", fails=True),
    Case("Partial", at(Automation.PARTIAL, BAD), Action.ROLL_BACK, "Harm", fails=True),
    Case("Assist", at(Automation.ASSIST, BAD), Action.WAIT, "RollbackRecommended",
         text=f"automation: Assist; error-rate 0.08 > 0.01 (n=640); to roll back: {TYPED.format('approve')}"),
    Case("HumanOnly", at(Automation.HUMAN_ONLY, BAD), Action.WAIT, "HarmHeld", text=TYPED.format("abort")),
    Case("DryRun", at(Automation.DRY_RUN, BAD), Action.WAIT, "HarmHeld", text=TYPED.format("abort")),
    Case("Assist, nobody else could answer", stable_down(at(Automation.ASSIST, BAD)), Action.WAIT,
         "RollbackRecommended"),
    Case("HumanOnly, decided before", with_attempt(at(Automation.HUMAN_ONLY), harm=latched()), Action.ROLL_BACK,
         "Harm", fails=True),
    Case("Assist, approved", with_clicks(told(at(Automation.ASSIST, BAD), "RollbackRecommended"), approve=HASH),
         Action.ROLL_BACK, "Harm", fails=True),
    Case("Assist, approved, nobody else could answer", stable_down(with_clicks(told(
        at(Automation.ASSIST, BAD), "RollbackRecommended"), approve=HASH)), Action.WAIT, "NoSafeTarget",
         latch=Fault("Harm", "error-rate 0.08 > 0.01 (n=640)")),
    Case("Assist, approved before anybody was told", with_clicks(told(
        at(Automation.ASSIST, BAD), "ApprovalNeeded"), approve=HASH), Action.WAIT, "RollbackRecommended"),
    Case("HumanOnly, aborted", with_clicks(at(Automation.HUMAN_ONLY, BAD), abort=HASH), Action.ROLL_BACK, "Aborted",
         fails=True),
    Case("HumanOnly, promoted all the same", with_clicks(at(Automation.HUMAN_ONLY, BAD), promote=HASH), Action.ENTER,
         "PromotedByHand", step="ramp at 20 %"),
)  # fmt: skip
def test_harm(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@table(
    Case("Full", at(Automation.FULL), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("Partial", at(Automation.PARTIAL), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("Full, a warning", at(Automation.FULL, WARNED), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("Partial, a warning", at(Automation.PARTIAL, WARNED), Action.WAIT, "ApprovalNeeded",
         text="automation: Partial, and latency 0.08 > 0.01"),
    Case("Partial, a warning, approved", with_attempt(at(Automation.PARTIAL, WARNED), approved_at=NOW), Action.ENTER,
         "Passed", step="ramp at 20 %"),
    Case("Assist", at(Automation.ASSIST), Action.WAIT, "ApprovalNeeded",
         text=f"enters ramp at 20 %; to go on: {TYPED.format('approve')}"),
    Case("Assist, approved now", with_clicks(at(Automation.ASSIST), approve=HASH), Action.APPROVE, "Approved"),
    Case("Assist, approved before", with_attempt(at(Automation.ASSIST), approved_at=NOW), Action.ENTER, "Passed",
         step="ramp at 20 %"),
    Case("Assist, still open", at(Automation.ASSIST, with_evidence(stepping(), Verdict.CONTINUE)), Action.WAIT,
         "Gathering"),
    Case("Assist, approved while it is still open", with_clicks(at(Automation.ASSIST, with_evidence(
        stepping(), Verdict.CONTINUE)), approve=HASH), Action.WAIT, "Gathering"),
    Case("HumanOnly", at(Automation.HUMAN_ONLY), Action.WAIT, "PromotionRecommended", text=TYPED.format("promote")),
    Case("HumanOnly, approved", with_clicks(at(Automation.HUMAN_ONLY), approve=HASH), Action.WAIT,
         "PromotionRecommended"),
    Case("HumanOnly, promoted", with_clicks(at(Automation.HUMAN_ONLY), promote=HASH), Action.ENTER, "PromotedByHand",
         step="ramp at 20 %"),
    Case("DryRun", at(Automation.DRY_RUN), Action.WAIT, "PromotionRecommended", text="automation: DryRun"),
)  # fmt: skip
def test_a_step_that_is_over(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@table(
    Case("passing", manual(), Action.WAIT, "ApprovalNeeded", text="approval: Manual; canary at 5 % passed"),
    Case("approved now", with_clicks(manual(), approve=HASH), Action.APPROVE, "Approved", text="canary at 5 %"),
    Case("approved before", manual(approved=True), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("approved, still open", with_evidence(manual(approved=True), Verdict.CONTINUE), Action.WAIT, "Gathering"),
    Case("approved early", with_clicks(with_evidence(manual(), Verdict.CONTINUE), approve=HASH), Action.APPROVE,
         "Approved"),
    Case("harm", with_evidence(manual(approved=True), Verdict.HARM), Action.ROLL_BACK, "Harm", fails=True),
    Case("approved while it is paused", with_clicks(manual(), approve=HASH, pause=HASH), Action.APPROVE, "Approved"),
    Case("promoted", with_clicks(manual(), promote=HASH), Action.ENTER, "PromotedByHand", step="ramp at 20 %"),
    Case("waits longer than maxDuration", with_step(with_evidence(manual(
        automation="Full"), covered=600 * MINUTE), started_at=NOW - 600 * MINUTE), Action.WAIT, "ApprovalNeeded"),
    Case("HumanOnly, approved before", manual(approved=True, automation="HumanOnly"), Action.WAIT,
         "PromotionRecommended"),
)  # fmt: skip
def test_approval_of_a_stage(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


def inconclusive(degree: Automation, way: str) -> Observation:
    """Open for longer than it may."""
    stages = [STAGES[0], STAGES[1] | {"onInconclusive": way}, *STAGES[2:]]
    seen = with_step(stepping(1, raw_spec(stages=stages, automation=str(degree))), started_at=NOW - 300 * MINUTE)
    return with_evidence(seen, Verdict.CONTINUE, covered=300 * MINUTE)


@table(
    Case("Full rolls back", inconclusive(Automation.FULL, "Rollback"), Action.ROLL_BACK, "Inconclusive", fails=True),
    Case("Partial rolls back", inconclusive(Automation.PARTIAL, "Rollback"), Action.ROLL_BACK, "Inconclusive",
         fails=True),
    Case("Assist asks", inconclusive(Automation.ASSIST, "Rollback"), Action.WAIT, "RollbackRecommended"),
    Case("HumanOnly says so", inconclusive(Automation.HUMAN_ONLY, "Rollback"), Action.WAIT, "HarmHeld"),
    Case("Full goes on", inconclusive(Automation.FULL, "Advance"), Action.ENTER, "InconclusiveAdvance",
         step="ramp at 20 %"),
    Case("Partial asks, for it is not clear", inconclusive(Automation.PARTIAL, "Advance"), Action.WAIT,
         "ApprovalNeeded", text="the evidence is still open"),
    Case("Assist asks whether to go on", inconclusive(Automation.ASSIST, "Advance"), Action.WAIT, "ApprovalNeeded"),
)  # fmt: skip
def test_evidence_that_stays_open(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@pytest.mark.parametrize("degree", DEGREES)
def test_hard_failures_act_at_every_degree(degree: Automation) -> None:
    for seen, action, reason in (
        (candidate_down(at(degree)), Action.SUSPEND, "CandidateUnready"),
        (with_pods(at(degree), pods(CANDIDATE, 0, crashing="Error")), Action.ROLL_BACK, "Crashing"),
        (at(degree, with_evidence(stepping(), silent=True)), Action.ROLL_BACK, "NoAnswers"),
        (with_attempt(with_spec(loading(), raw_spec(automation=str(degree))), started_at=NOW - 60 * MINUTE),
         Action.ROLL_BACK, "ProgressDeadlineExceeded"),
    ):  # fmt: skip
        decision = decide(situation_of(seen))
        assert (decision.action, decision.reason) == (action, reason)


@table(
    Case("all", failing(1.0), Action.ROLL_BACK, "FailsAll", fails=True, text="error-rate 1.0 > 0.01"),
    Case("as good as all", failing(0.96), Action.ROLL_BACK, "FailsAll", fails=True),
    Case("half", failing(0.5), Action.WAIT, "HarmHeld"),
    Case("what is no failure", failing(1.0, category="Output"), Action.WAIT, "HarmHeld"),
)
def test_failing_all_acts_whatever_the_spec_says(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@pytest.mark.parametrize("degree", DEGREES)
def test_the_first_step(degree: Automation) -> None:
    seen = with_spec(loading(2), raw_spec(automation=str(degree)))
    decision = decide(situation_of(seen))
    expected = {
        Automation.ASSIST: (Action.WAIT, "ApprovalNeeded"),
        Automation.HUMAN_ONLY: (Action.WAIT, "PromotionRecommended"),
        Automation.DRY_RUN: (Action.WAIT, "PromotionRecommended"),
    }.get(degree, (Action.ENTER, "CandidateReady"))
    assert (decision.action, decision.reason) == expected
    if degree in ASKING:
        assert decide(situation_of(with_clicks(seen, promote=HASH))).action is Action.ENTER


def test_an_approval_while_it_loads_counts_when_it_is_ready() -> None:
    seen = with_clicks(with_spec(loading(1), raw_spec(automation="Assist")), approve=HASH)
    plan = plan_of(seen)
    assert plan.action is Action.APPROVE
    ready = with_pods(replace(seen, rollout=replace(seen.rollout, status=plan.status)), pods(CANDIDATE))
    assert plan_of(ready).action is Action.ENTER


def test_an_approval_is_for_one_step() -> None:
    seen = with_attempt(at(Automation.ASSIST), approved_at=NOW)
    plan = plan_of(seen)
    assert plan.action is Action.ENTER
    assert plan.status.attempt is not None
    assert plan.status.attempt.approved_at is None


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (at(Automation.FULL), "nothing waits for an approval"),
        (at(Automation.HUMAN_ONLY), "waits for no approval: use promote"),
        (at(Automation.ASSIST, BAD), "there is harm by now"),
        (told(at(Automation.ASSIST), "RollbackRecommended"), "is not any more"),
        (manual(approved=True), "it is approved"),
    ],
)
def test_approvals_that_are_refused(seen: Observation, text: str) -> None:
    plan = plan_of(with_clicks(seen, approve=HASH))
    assert [entry.outcome for entry in plan.status.controls] == ["Refused"]
    assert text in plan.status.controls[0].message


def test_a_degree_is_switched_without_starting_the_step_again() -> None:
    def hash_of(raw: Raw) -> str:
        return stage_hash(spec_and_revision(raw)[0], "canary")

    assert {hash_of(raw_spec(automation=str(degree))) for degree in DEGREES} == {hash_of(raw_spec())}
