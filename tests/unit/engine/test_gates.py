"""Policies about gates, each alone: an observation, the expected decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.gates import GateState, GateStatus
from modelrollout.engine import gates, policies
from modelrollout.engine.decide import decide
from modelrollout.engine.observed import GateRun, RunState
from modelrollout.engine.plan import Action, Fault
from modelrollout.engine.rounds import round_of
from modelrollout.engine.situation import Observation
from tests.support.cases import Case, as_loading, as_stepping, check, table
from tests.support.scenes import (
    MINUTE,
    NOW,
    STAGES,
    candidate_down,
    loading,
    raw_spec,
    stable_down,
    stepping,
    suspended,
    with_attempt,
    with_evidence,
    with_problems,
    with_spec,
)

pytestmark = pytest.mark.unit

SMOKE: dict[str, Any] = {"name": "smoke", "job": {"template": {"spec": {"containers": [{"name": "smoke"}]}}}}
ASK: dict[str, Any] = {"name": "ask", "webhook": {"url": "http://judge/may-it"}, "timeout": "5m"}
HOLD = {"onFailure": "Hold"}
SHADOW, CANARY, RAMP, FULL = STAGES
GATED = raw_spec(stages=(SHADOW | {"pre": [SMOKE]}, CANARY | {"post": [SMOKE, ASK]}, RAMP | {"pre": [SMOKE]}, FULL))
ASSISTED = raw_spec(stages=(SHADOW, CANARY | {"post": [SMOKE]}, RAMP, FULL), automation="Assist")
HELD = raw_spec(stages=(SHADOW, CANARY | {"post": [SMOKE | HOLD]}, RAMP, FULL | {"post": [ASK | HOLD]}))
WARM = raw_spec()
WARM["workload"]["deployment"]["warmup"] = {"job": SMOKE["job"]}


def gate(seen: Observation, position: int, state: GateState, minutes: int = 2) -> GateStatus:
    """What status says of a gate of the round that began some minutes ago."""
    assert seen.status.attempt is not None
    due = round_of(seen.rollout.spec, seen.status.attempt)[position]
    began = NOW - minutes * MINUTE
    ended = None if state is GateState.RUNNING else NOW
    return GateStatus(
        run=due.run,
        name=due.name,
        stage=due.stage,
        when=due.when,
        state=state,
        started_at=began,
        deadline=began + due.timeout,
        ended_at=ended,
        message="" if ended is None else "exit code 1",
    )


def begun(seen: Observation, *states: GateState, minutes: int = 2) -> Observation:
    """With gates of the round that have begun, in order."""
    return with_attempt(seen, gates=tuple(gate(seen, n, state, minutes) for n, state in enumerate(states)))


def shown(seen: Observation, state: RunState, message: str = "exit code 1: no model") -> Observation:
    """With a run of a gate that shows something, by default of the one that was begun last."""
    assert seen.status.attempt is not None
    return replace(seen, gates=(GateRun(seen.status.attempt.gates[-1].run, state, message),))


def looked(seen: Observation) -> Observation:
    """With nothing to see of any run."""
    return replace(seen, gates=())


RUNNING, DONE, FAILED = GateState.RUNNING, GateState.SUCCEEDED, GateState.FAILED
AT_CANARY, AT_HELD, AT_RAMP = stepping(1, GATED), stepping(1, HELD), stepping(2, GATED)
LOADED = with_spec(loading(2), GATED)
WARMING = with_spec(loading(2), WARM)
ONE = begun(AT_CANARY, RUNNING)


@table(
    Case("nothing has begun", AT_CANARY, None),
    Case("nothing is known of it yet", ONE, None),
    Case("it runs", shown(ONE, RunState.RUNNING), None),
    Case("it waits", shown(ONE, RunState.WAITING, "ImagePullBackOff"), None),
    Case("success", shown(ONE, RunState.SUCCEEDED, "all 20 as expected"), Action.END_GATE, "GateSucceeded",
         text="post gate smoke of canary succeeded after 2m: all 20 as expected"),
    Case("failure", shown(ONE, RunState.FAILED), Action.ROLL_BACK, "GateFailed", fails=True,
         text="post gate smoke of canary failed after 2m: exit code 1: no model"),
    Case("never to be started", shown(ONE, RunState.IMPOSSIBLE, "StartError"), Action.ROLL_BACK, "GateNotStarted",
         fails=True, text="could not be started within 2m: StartError"),
    Case("its own deadline", shown(ONE, RunState.TIMED_OUT), Action.ROLL_BACK, "GateTimedOut", fails=True),
    Case("late and running", shown(begun(AT_CANARY, RUNNING, minutes=10), RunState.RUNNING, "step 7"),
         Action.ROLL_BACK, "GateTimedOut", fails=True, text="took longer than its timeout of 10m: step 7"),
    Case("late and waiting", shown(begun(AT_CANARY, RUNNING, minutes=10), RunState.WAITING, "ErrImagePull"),
         Action.ROLL_BACK, "GateNotStarted", fails=True, text="ErrImagePull"),
    Case("late, and nobody has looked", begun(AT_CANARY, RUNNING, minutes=10), None),
    Case("late and unknown", looked(begun(AT_CANARY, RUNNING, minutes=10)), Action.ROLL_BACK, "GateNotStarted",
         fails=True),
    Case("late and done", shown(begun(AT_CANARY, RUNNING, minutes=10), RunState.SUCCEEDED), Action.END_GATE,
         "GateSucceeded"),
    Case("succeeded before", shown(begun(AT_CANARY, DONE), RunState.FAILED), None),
    Case("held before", shown(begun(AT_HELD, FAILED), RunState.FAILED), None),
    Case("the second", shown(begun(AT_CANARY, DONE, RUNNING), RunState.FAILED), Action.ROLL_BACK, "GateFailed",
         fails=True, text="post gate ask of canary"),
    Case("failure that holds", shown(begun(AT_HELD, RUNNING), RunState.FAILED), Action.END_GATE, "GateFailed"),
    Case("failure that a person decides on", shown(begun(stepping(1, ASSISTED), RUNNING), RunState.FAILED),
         Action.END_GATE, "GateFailed"),
    Case("and which acts when nobody has to be asked any more",
         with_spec(looked(begun(stepping(1, ASSISTED), FAILED)), ASSISTED | {"automation": "Full"}),
         Action.ROLL_BACK, "GateFailed", fails=True),
    Case("timeout that holds", shown(begun(AT_HELD, RUNNING, minutes=10), RunState.RUNNING), Action.END_GATE,
         "GateTimedOut"),
    Case("no start, that holds", looked(begun(AT_HELD, RUNNING, minutes=10)), Action.END_GATE, "GateNotStarted"),
    Case("stable is unready", stable_down(shown(ONE, RunState.FAILED, "x")), Action.WAIT, "NoSafeTarget",
         latch=Fault("GateFailed", "post gate smoke of canary failed after 2m: x")),
)  # fmt: skip
def test_gate_ended(case: Case) -> None:
    check(gates.gate_ended(as_stepping(case.seen)), case)


@table(
    Case("a failed warm-up", shown(begun(WARMING, RUNNING), RunState.FAILED), Action.ROLL_BACK, "GateFailed",
         fails=True, text="warm-up failed after 2m"),
    Case("a failed gate", shown(begun(LOADED, RUNNING), RunState.FAILED), Action.ROLL_BACK, "GateFailed", fails=True,
         text="pre gate smoke of shadow"),
)  # fmt: skip
def test_gate_ended_while_loading(case: Case) -> None:
    check(gates.gate_ended(as_loading(case.seen)), case)


@table(
    Case("no gates", stepping(), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("the first begins", AT_CANARY, Action.BEGIN_GATE, "GateBegun", text="post gate smoke of canary begins"),
    Case("it runs", ONE, Action.WAIT, "GateRunning", text="until 12:08:00Z at the latest"),
    Case("the next begins", begun(AT_CANARY, DONE), Action.BEGIN_GATE, "GateBegun", text="post gate ask of canary"),
    Case("then those of the next stage", begun(AT_CANARY, DONE, DONE), Action.BEGIN_GATE, "GateBegun",
         text="pre gate smoke of ramp"),
    Case("all have succeeded", begun(AT_CANARY, DONE, DONE, DONE), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("none within a stage", AT_RAMP, Action.ENTER, "Passed", step="ramp at 35 %"),
    Case("held", begun(AT_HELD, FAILED), Action.WAIT, "GateHeld", text="failed after 2m: exit code 1"),
    Case("held for a person", begun(stepping(1, ASSISTED), FAILED), Action.WAIT, "GateHeld",
         text="automation: Assist; post gate smoke of canary failed"),
    Case("before the promotion", stepping(5, HELD), Action.BEGIN_GATE, "GateBegun", text="post gate ask of full"),
    Case("then the promotion", begun(stepping(5, HELD), DONE), Action.PROMOTE, "Passed"),
    Case("of an edited gate nothing counts", with_spec(begun(AT_CANARY, DONE, DONE, DONE), raw_spec(
        stages=(SHADOW, CANARY | {"post": [SMOKE | {"timeout": "1m"}]}, RAMP, FULL))), Action.BEGIN_GATE, "GateBegun"),
    Case("a gate that is gone holds nothing", with_spec(begun(AT_HELD, FAILED), raw_spec()), Action.ENTER, "Passed",
         step="ramp at 20 %"),
    Case("evidence that is open again", with_evidence(ONE, Verdict.CONTINUE), None),
)  # fmt: skip
def test_passing_goes_through_gates(case: Case) -> None:
    check(policies.passed(as_stepping(case.seen)), case)


@table(
    Case("a warm-up first", WARMING, Action.BEGIN_GATE, "GateBegun", text="warm-up begins: at most 10m"),
    Case("then the stage", begun(WARMING, DONE), Action.ENTER, "CandidateReady", step="shadow at mirror 100 %"),
    Case("a gate first", LOADED, Action.BEGIN_GATE, "GateBegun", text="pre gate smoke of shadow"),
)  # fmt: skip
def test_the_first_stage_is_entered_through_gates(case: Case) -> None:
    check(policies.enter_first(as_loading(case.seen)), case)


def test_harm_acts_while_a_gate_runs() -> None:
    plan = decide(with_evidence(shown(ONE, RunState.RUNNING), Verdict.HARM))
    assert (plan.action, plan.reason, plan.gates) == (Action.ROLL_BACK, "Harm", ())


def test_a_gate_runs_on_while_evidence_is_open_again() -> None:
    plan = decide(with_evidence(ONE, Verdict.CONTINUE))
    assert (plan.reason, [due.name for due in plan.gates]) == ("Gathering", ["smoke"])
    assert plan.wake_at is not None
    assert plan.wake_at <= NOW + 8 * MINUTE


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(with_problems(AT_CANARY), id="invalid"),
        pytest.param(suspended(candidate_down(AT_CANARY)), id="suspended"),
        pytest.param(replace(LOADED, unchecked="no answer"), id="unchecked"),
    ],
)
def test_none_begins(seen: Observation) -> None:
    assert decide(seen).action is Action.WAIT


def test_status_is_written_before_anything_runs() -> None:
    """What a plan asks for is in its status: a crash between the two begins it a moment later."""
    plan = decide(AT_CANARY)
    assert plan.status.attempt is not None
    assert [(entry.run, entry.state) for entry in plan.status.attempt.gates] == [
        (due.run, GateState.RUNNING) for due in plan.gates
    ]


def test_success_is_remembered_with_its_log_and_nothing_runs_any_more() -> None:
    plan = decide(shown(ONE, RunState.SUCCEEDED, "log: " + "x" * 2000 + " all as expected"))
    assert plan.status.attempt is not None
    (ended,) = plan.status.attempt.gates
    assert (ended.state, ended.ended_at, plan.gates) == (GateState.SUCCEEDED, NOW, ())
    assert ended.message.startswith("log: xx")
    assert ended.message.endswith("all as expected")
    assert len(ended.message) == gates.MESSAGE_MAX
    assert (plan.status.log[-1].action, plan.status.log[-1].reason) == ("EndGate", "GateSucceeded")
    assert plan.status.log[-1].message.endswith("all as expected")
    assert [event.reason for event in plan.events] == ["GateEnded"]


def test_a_failure_is_told_with_its_log() -> None:
    plan = decide(shown(ONE, RunState.FAILED, "exit code 1: " + "x" * 2000 + " digit 7 is a 1"))
    assert plan.status.failed is not None
    assert plan.status.failed.message.endswith("digit 7 is a 1")
    assert plan.status.log[-1].message.endswith("digit 7 is a 1")
    assert plan.events[0].note.startswith("GateFailed: post gate smoke of canary")


def test_what_holds_is_told_once_and_loudly() -> None:
    plan = decide(begun(AT_HELD, FAILED))
    assert [event.reason for event in plan.events] == ["GateHeld"]
    stalled = next(row for row in plan.status.conditions if row.type == "Stalled")
    assert (stalled.status, stalled.reason) == ("True", "GateHeld")


def test_a_new_stage_begins_without_gates() -> None:
    plan = decide(begun(AT_CANARY, DONE, DONE, DONE))
    assert plan.action is Action.ENTER
    assert plan.status.attempt is not None
    assert plan.status.attempt.gates == ()


def test_gates_take_nothing_of_the_time_to_become_ready() -> None:
    """A pod that is unready for a moment, long after loading began, is no candidate that never loads."""
    late = with_attempt(candidate_down(WARMING), started_at=NOW - timedelta(hours=1))
    assert decide(late).reason == "ProgressDeadlineExceeded"
    assert decide(begun(late, DONE)).reason == "CandidateLoading"
