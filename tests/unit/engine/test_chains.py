"""Where two policies have something to say, the order decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine.chains import EMPTY, LOADING, RESTING, STEPPING, decide
from modelrollout.engine.observed import Acceptance
from modelrollout.engine.plan import Action, Fault
from modelrollout.engine.situation import situation_of
from tests.support.cases import Case, check, table
from tests.support.scenes import (
    CANDIDATE,
    MINUTE,
    NOW,
    STAGES,
    THIRD,
    candidate_down,
    empty,
    failure,
    latched,
    loading,
    pods,
    previous,
    raw_spec,
    resting,
    stable_down,
    stepping,
    suspended,
    with_attempt,
    with_evidence,
    with_pods,
    with_problems,
    with_route,
    with_spec,
    with_step,
)

pytestmark = pytest.mark.unit

BAD = with_evidence(stepping(), Verdict.HARM)
LOWER = raw_spec(stages=[STAGES[0], STAGES[1] | {"weight": 3}, *STAGES[2:]])
OPEN = with_step(
    stepping(1, raw_spec(stages=[STAGES[0], STAGES[1] | {"onInconclusive": "Rollback"}, *STAGES[2:]])),
    started_at=NOW - 120 * MINUTE,
)


@table(
    Case("harm, candidate unready", candidate_down(BAD), Action.ROLL_BACK, "Harm", fails=True),
    Case("harm, stable unready", stable_down(BAD), Action.WAIT, "NoSafeTarget",
         latch=Fault("Harm", "error-rate 0.08 > 0.01 (n=640)")),
    Case("harm, invalid spec", with_problems(BAD), Action.ROLL_BACK, "Harm", fails=True),
    Case("harm, refused route", with_route(BAD, Acceptance.REJECTED), Action.ROLL_BACK, "Harm", fails=True),
    Case("harm, superseded", with_spec(BAD, raw_spec("3")), Action.ROLL_BACK, "Harm", fails=True),
    Case("harm, reverted", with_spec(BAD, raw_spec("1")), Action.ROLL_BACK, "Harm", fails=True),
    Case("harm, edited", with_spec(BAD, LOWER), Action.ROLL_BACK, "Harm", fails=True),
    Case("harm, suspended", candidate_down(suspended(BAD)), Action.ROLL_BACK, "Harm", fails=True),
    Case("latched harm, stable back, passing by now", with_attempt(stepping(), harm=latched()), Action.ROLL_BACK,
         "Harm", fails=True),
    Case("crashing and unready", with_pods(stepping(), pods(CANDIDATE, 0, crashing="Error")), Action.ROLL_BACK,
         "Crashing", fails=True),
    Case("unready and passing", candidate_down(stepping()), Action.SUSPEND, "CandidateUnready"),
    Case("unready and invalid", with_problems(candidate_down(stepping())), Action.SUSPEND, "CandidateUnready"),
    Case("unready and reverted", candidate_down(with_spec(stepping(), raw_spec("1"))), Action.SUSPEND,
         "CandidateUnready"),
    Case("suspended and reverted", candidate_down(suspended(with_spec(stepping(), raw_spec("1")))), Action.ROLL_BACK,
         "SpecReverted"),
    Case("suspended too long and reverted", candidate_down(suspended(
        with_spec(stepping(), raw_spec("1")), NOW - 60 * MINUTE)), Action.ROLL_BACK, "SpecReverted"),
    Case("suspended and superseded", candidate_down(suspended(with_spec(stepping(), raw_spec("3")))), Action.ABANDON,
         "Superseded"),
    Case("ready again and superseded", suspended(with_spec(stepping(), raw_spec("3"))), Action.ABANDON, "Superseded"),
    Case("ready again and invalid", with_problems(suspended(stepping())), Action.WAIT, "InvalidSpec"),
    Case("ready again and edited", suspended(with_spec(stepping(), LOWER)), Action.ENTER, "StageEdited",
         step="canary at 3 %"),
    Case("ready again", suspended(stepping()), Action.ENTER, "CandidateRecovered", step="canary at 5 %"),
    Case("suspended and edited", candidate_down(suspended(with_spec(stepping(), LOWER))), Action.WAIT, "Suspended"),
    Case("suspended too long and invalid", with_problems(candidate_down(suspended(stepping(), NOW - 60 * MINUTE))),
         Action.ROLL_BACK, "ProgressDeadlineExceeded", fails=True),
    Case("reverted to an invalid spec", with_problems(with_spec(stepping(), raw_spec("1"))), Action.ROLL_BACK,
         "SpecReverted"),
    Case("superseded by an invalid spec", with_problems(with_spec(stepping(), raw_spec("3"))), Action.ABANDON,
         "Superseded"),
    Case("passing under an invalid spec", with_problems(stepping()), Action.WAIT, "InvalidSpec"),
    Case("edited to an invalid spec", with_problems(with_spec(stepping(), LOWER)), Action.WAIT, "InvalidSpec"),
    Case("passing and edited", with_spec(stepping(), LOWER), Action.ENTER, "StageEdited", step="canary at 3 %"),
    Case("passing at the last moment", with_evidence(OPEN, covered=121 * MINUTE), Action.ENTER, "Passed",
         step="ramp at 20 %"),
    Case("open at the last moment", with_evidence(OPEN, Verdict.CONTINUE), Action.ROLL_BACK, "Inconclusive",
         fails=True),
    Case("first acceptance", with_step(stepping(), accepted_at=None, in_force_at=None), Action.ACCEPT, "Accepted"),
    Case("then force", with_step(stepping(), in_force_at=None), Action.IN_FORCE, "ShareShown"),
    Case("then passing", stepping(), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("candidate's input is lost and another is wanted", replace(
        with_spec(stepping(), raw_spec("3")), revisions=(pods(resting().desired), pods(THIRD, 0))), Action.SUSPEND,
         "CandidateUnready"),
)  # fmt: skip
def test_stepping(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


LATE = with_attempt(loading(), started_at=NOW - 60 * MINUTE)


@table(
    Case("late and reverted", with_spec(LATE, raw_spec("1")), Action.ROLL_BACK, "SpecReverted"),
    Case("late and superseded", with_spec(LATE, raw_spec("3")), Action.ABANDON, "Superseded"),
    Case("late and invalid", with_problems(LATE), Action.ROLL_BACK, "ProgressDeadlineExceeded", fails=True),
    Case("crashing and late", with_pods(LATE, pods(CANDIDATE, 0, crashing="Error")), Action.ROLL_BACK, "Crashing",
         fails=True),
    Case("ready and invalid", with_problems(loading(2)), Action.WAIT, "InvalidSpec"),
    Case("ready and reverted", with_spec(loading(2), raw_spec("1")), Action.ROLL_BACK, "SpecReverted"),
    Case("ready, route pending", with_route(loading(2), Acceptance.PENDING), Action.WAIT, "RoutePending"),
    Case("loading, route pending", with_route(loading(), Acceptance.PENDING), Action.WAIT, "CandidateLoading"),
    Case("ready", loading(2), Action.ENTER, "CandidateReady", step="shadow at mirror 100 %"),
)  # fmt: skip
def test_loading(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


WARM = with_pods(resting(raw_spec(), previous=previous(CANDIDATE)), pods(CANDIDATE))


@table(
    Case("invalid", with_problems(resting(raw_spec())), Action.WAIT, "InvalidSpec"),
    Case("failed and warm", replace(WARM, rollout=resting(
        raw_spec(), previous=previous(CANDIDATE), failed=failure()).rollout), Action.WAIT, "Harm"),
    Case("warm, route pending", with_route(WARM, Acceptance.PENDING), Action.RETURN, "SpecReverted"),
    Case("cold", with_pods(WARM, pods(CANDIDATE, 0)), Action.BEGIN, "NewRevision"),
    Case("new, route pending", with_route(resting(raw_spec()), Acceptance.PENDING), Action.WAIT, "RoutePending"),
    Case("new", resting(raw_spec()), Action.BEGIN, "NewRevision"),
    Case("nothing new, route pending", with_route(resting(), Acceptance.PENDING), Action.WAIT, "Serving"),
)  # fmt: skip
def test_resting(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@table(
    Case("ready and invalid", with_problems(empty(ready=2)), Action.WAIT, "InvalidSpec"),
    Case("ready", empty(ready=2), Action.ADOPT, "FirstRevision"),
    Case("replaced while loading", with_spec(empty(ready=2), raw_spec("2")), Action.WAIT, "FirstRevisionLoading"),
)
def test_empty(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@pytest.mark.parametrize("chain", [STEPPING, LOADING, RESTING, EMPTY], ids=["stepping", "loading", "resting", "empty"])
def test_no_policy_is_asked_twice(chain: tuple[object, ...]) -> None:
    assert len(set(chain)) == len(chain)


def test_harm_is_asked_first() -> None:
    assert [policy.__name__ for policy in STEPPING[:5]] == ["harm", "replaced", "silence", "fails_all", "crash"]
