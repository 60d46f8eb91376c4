"""Policies that take traffic away or keep it away, each alone: an observation, the expected decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine import policies
from modelrollout.engine.observed import Acceptance
from modelrollout.engine.plan import Action, Fault
from tests.support.cases import Case, as_loading, as_stepping, check, table
from tests.support.scenes import (
    CANDIDATE,
    METRICS,
    MINUTE,
    NOW,
    STABLE,
    STAGES,
    candidate_down,
    latched,
    loading,
    pods,
    raw_spec,
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

CANARY = STAGES[1]
HELD_SPEC = raw_spec(onFailure="Hold")
BAD = with_evidence(stepping(), Verdict.HARM)
HARM_TEXT = "error-rate 0.08 > 0.01 (n=640)"


@table(
    Case("passing", stepping(), None),
    Case("enforced", BAD, Action.ROLL_BACK, "Harm", fails=True, text=HARM_TEXT),
    Case("only warned of", with_evidence(stepping(), warn=Verdict.HARM), None),
    Case("in the shadow", with_evidence(stepping(0), Verdict.HARM), Action.ROLL_BACK, "Harm", fails=True),
    Case("before in force", with_step(BAD, in_force_at=None), Action.ROLL_BACK, "Harm", fails=True),
    Case("route refused", with_route(BAD, Acceptance.REJECTED), Action.ROLL_BACK, "Harm", fails=True),
    Case("no route", replace(BAD, route=None), Action.ROLL_BACK, "Harm", fails=True),
    Case("another metric unavailable", with_evidence(stepping(), Verdict.HARM, unavailable="latency: timeout"),
         Action.ROLL_BACK, "Harm", fails=True),
    Case("onFailure: Hold", with_evidence(stepping(1, HELD_SPEC), Verdict.HARM), None),
    Case("stable down", stable_down(BAD), Action.WAIT, "NoSafeTarget", text="keeps serving",
         latch=Fault("Harm", HARM_TEXT)),
    Case("stable down in the shadow", stable_down(with_evidence(stepping(0), Verdict.HARM)),
         Action.ROLL_BACK, "Harm", fails=True),
    Case("both down", candidate_down(stable_down(BAD)), Action.ROLL_BACK, "Harm", fails=True),
    Case("latched, stable back", with_attempt(stepping(), harm=latched()), Action.ROLL_BACK, "Harm", fails=True,
         text=HARM_TEXT),
    Case("latched, stable still down", stable_down(with_attempt(stepping(), harm=latched())), Action.WAIT,
         "NoSafeTarget", latch=Fault("Harm", HARM_TEXT)),
    Case("latched, Prometheus gone", replace(with_attempt(stepping(), harm=latched()), evidence=None),
         Action.ROLL_BACK, "Harm", fails=True),
)  # fmt: skip
def test_harm(case: Case) -> None:
    check(policies.harm(as_stepping(case.seen)), case)


SILENT = with_evidence(stepping(), Verdict.CONTINUE, silent=True, share_shown=False)


@table(
    Case("silent", SILENT, Action.ROLL_BACK, "NoAnswers", fails=True),
    Case("silent, not in force", with_step(SILENT, in_force_at=None), Action.ROLL_BACK, "NoAnswers", fails=True),
    Case("onFailure: Hold does not hold it", with_evidence(stepping(1, HELD_SPEC), silent=True),
         Action.ROLL_BACK, "NoAnswers", fails=True),
    Case("answers", stepping(), None),
    Case("candidate down", candidate_down(SILENT), None),
    Case("stable down", stable_down(SILENT), None),
    Case("gateway has not accepted its share", with_step(SILENT, accepted_at=None, in_force_at=None), None),
    Case("somebody took its share", with_route(SILENT, weights=((STABLE.hash, 100),)), None),
    Case("just back from suspension", suspended(SILENT), None),
)  # fmt: skip
def test_silence(case: Case) -> None:
    check(policies.silence(as_stepping(case.seen)), case)


CRASHING = with_pods(stepping(), pods(CANDIDATE, 1, crashing="server: OOMKilled"))


@table(
    Case("not crashing", stepping(), None),
    Case("one pod serves still", CRASHING, Action.ROLL_BACK, "Crashing", fails=True, text="OOMKilled"),
    Case("suspended", suspended(CRASHING), Action.ROLL_BACK, "Crashing", fails=True),
    Case("stable down", stable_down(CRASHING), Action.WAIT, "NoSafeTarget",
         latch=Fault("Crashing", "server: OOMKilled")),
)  # fmt: skip
def test_crash(case: Case) -> None:
    check(policies.crash(as_stepping(case.seen)), case)


def test_crash_while_loading() -> None:
    seen = stable_down(with_pods(loading(), pods(CANDIDATE, 0, crashing="server: Error")))
    check(policies.crash(as_loading(seen)), Case("", seen, Action.ROLL_BACK, "Crashing", fails=True))


@table(
    Case("ready", stepping(), None),
    Case("one endpoint is enough", with_pods(stepping(), pods(CANDIDATE, 1)), None),
    Case("none", candidate_down(stepping()), Action.SUSPEND, "CandidateUnready", text="no endpoint of 2"),
    Case("none in the shadow", candidate_down(stepping(0)), Action.SUSPEND, "CandidateUnready"),
    Case("none anywhere", stable_down(candidate_down(stepping())), Action.SUSPEND, "CandidateUnready"),
    Case("already suspended", candidate_down(suspended(stepping())), None),
)
def test_unready(case: Case) -> None:
    check(policies.unready(as_stepping(case.seen)), case)


REVERTED = with_spec(stepping(), raw_spec("1"))


@table(
    Case("same", stepping(), None),
    Case("third", with_spec(stepping(), raw_spec("3")), None),
    Case("reverted", REVERTED, Action.ROLL_BACK, "SpecReverted"),
    Case("stable down", stable_down(REVERTED), Action.WAIT, "NoSafeTarget"),
    Case("stable down, candidate too", candidate_down(stable_down(REVERTED)), Action.ROLL_BACK, "SpecReverted"),
)
def test_reverted(case: Case) -> None:
    check(policies.reverted(as_stepping(case.seen)), case)


SUPERSEDED = with_spec(stepping(), raw_spec("3"))


@table(
    Case("same", stepping(), None),
    Case("third", SUPERSEDED, Action.ABANDON, "Superseded", text="version 3 replaces 2"),
    Case("stable down", stable_down(SUPERSEDED), Action.WAIT, "NoSafeTarget"),
    Case("stable down, shadow", stable_down(with_spec(stepping(0), raw_spec("3"))), Action.ABANDON, "Superseded"),
)
def test_superseded(case: Case) -> None:
    check(policies.superseded(as_stepping(case.seen)), case)


DEAD = candidate_down(suspended(stepping(), NOW - 10 * MINUTE))


@table(
    Case("not suspended", candidate_down(stepping()), None),
    Case("not yet", candidate_down(suspended(stepping(), NOW - 9 * MINUTE)), None),
    Case("deadline", DEAD, Action.ROLL_BACK, "ProgressDeadlineExceeded", fails=True, text="since 11:50:00Z"),
    Case("ready at the last moment", suspended(stepping(), NOW - 10 * MINUTE), None),
)
def test_suspended_for_good(case: Case) -> None:
    check(policies.suspended_for_good(as_stepping(case.seen)), case)


@table(
    Case("not suspended", stepping(), None),
    Case("still down", candidate_down(suspended(stepping())), Action.WAIT, "Suspended"),
    Case("ready", suspended(stepping()), None),
)
def test_suspended(case: Case) -> None:
    check(policies.suspended(as_stepping(case.seen)), case)


def test_a_suspended_candidate_is_looked_at_when_its_deadline_ends() -> None:
    decision = policies.suspended(as_stepping(candidate_down(suspended(stepping()))))
    assert decision is not None
    assert decision.until == NOW + 9 * MINUTE


@table(
    Case("valid", stepping(), None),
    Case("invalid", with_problems(stepping(), "spec.a: no", "spec.b: nor this"), Action.WAIT, "InvalidSpec",
         text="spec.a: no; spec.b: nor this"),
)  # fmt: skip
def test_invalid(case: Case) -> None:
    check(policies.invalid(as_stepping(case.seen)), case)


@table(
    Case("unchanged", stepping(), None),
    Case("another stage edited", with_spec(stepping(), raw_spec(stages=[*STAGES[:3], STAGES[3] | {"duration": "1h"}])),
         None),
    Case("duration", with_spec(stepping(), raw_spec(stages=[STAGES[0], CANARY | {"duration": "5m"}, *STAGES[2:]])),
         Action.ENTER, "StageEdited", step="canary at 5 %"),
    Case("a metric of it", with_spec(stepping(), raw_spec(metrics=[METRICS[0] | {"minSamples": 10}, METRICS[1]])),
         Action.ENTER, "StageEdited", step="canary at 5 %"),
    Case("metrics in another order", with_spec(stepping(), raw_spec(metrics=METRICS[::-1])), None),
    Case("a default written out", with_spec(stepping(), raw_spec(
        stages=[STAGES[0], CANARY | {"onInconclusive": "Hold"}, *STAGES[2:]])), None),
    Case("weight raised", with_spec(stepping(), raw_spec(stages=[STAGES[0], CANARY | {"weight": 10}, *STAGES[2:]])),
         Action.ENTER, "StageEdited", step="shadow at mirror 100 %"),
    Case("weight lowered", with_spec(stepping(), raw_spec(stages=[STAGES[0], CANARY | {"weight": 3}, *STAGES[2:]])),
         Action.ENTER, "StageEdited", step="canary at 3 %"),
    Case("renamed", with_spec(stepping(), raw_spec(stages=[STAGES[0], CANARY | {"name": "first"}, *STAGES[2:]])),
         Action.ENTER, "StageEdited", step="first at 5 %"),
    Case("every stage left is higher", with_spec(stepping(), raw_spec(stages=STAGES[2:])), Action.ABANDON,
         "StageRemoved"),
    Case("every stage left is higher, stable down", stable_down(with_spec(stepping(), raw_spec(stages=STAGES[2:]))),
         Action.WAIT, "NoSafeTarget"),
    Case("while suspended", suspended(with_spec(stepping(), raw_spec(
        stages=[STAGES[0], CANARY | {"weight": 3}, *STAGES[2:]]))), Action.ENTER, "StageEdited", step="canary at 3 %"),
)  # fmt: skip
def test_edited(case: Case) -> None:
    check(policies.edited(as_stepping(case.seen)), case)


@table(
    Case("not suspended", stepping(), None),
    Case("ready", suspended(stepping(2)), Action.ENTER, "CandidateRecovered", step="ramp at 20 %"),
)
def test_recovered(case: Case) -> None:
    check(policies.recovered(as_stepping(case.seen)), case)
