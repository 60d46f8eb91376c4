"""What the operator would have done, beside what a person did."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.automation import DRY_RUN_MAX, DryRunStatus
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action, Plan
from modelrollout.engine.situation import Observation
from tests.support.scenes import CANDIDATE, loading, raw_spec, stepping, with_clicks, with_evidence, with_spec

pytestmark = pytest.mark.unit

HASH = CANDIDATE.hash
PASSING = with_spec(stepping(), raw_spec(automation="DryRun"))
BAD = with_evidence(PASSING, Verdict.HARM)
OPEN = with_evidence(PASSING, Verdict.CONTINUE)


def after(seen: Observation, plan: Plan) -> Observation:
    return replace(seen, rollout=replace(seen.rollout, status=plan.status), now=seen.now + timedelta(seconds=5))


def noted(plan: Plan) -> DryRunStatus:
    return plan.status.dry_run or DryRunStatus()


def lines(plan: Plan) -> list[tuple[str, str, str | None]]:
    return [(entry.would, entry.reason, entry.did) for entry in noted(plan).log]


@pytest.mark.parametrize(
    ("seen", "would"),
    [
        (PASSING, ("Enter ramp at 20 %", "Passed", None)),
        (BAD, ("RollBack", "Harm", None)),
        (
            with_spec(loading(2), raw_spec(automation="DryRun")),
            ("Enter shadow at mirror 100 %", "CandidateReady", None),
        ),
    ],
)
def test_what_it_would_have_done_is_noted_once(seen: Observation, would: tuple[str, str, str | None]) -> None:
    plan = decide(seen)
    assert plan.action is Action.WAIT
    assert lines(plan) == [would]
    again = decide(after(seen, plan))
    assert lines(again) == [would]


def test_nothing_is_noted_while_it_would_wait_or_at_another_degree() -> None:
    assert decide(OPEN).status.dry_run is None
    assert decide(with_spec(stepping(), raw_spec(automation="HumanOnly"))).status.dry_run is None


def test_a_change_of_mind_is_noted() -> None:
    plan = decide(PASSING)
    worse = with_evidence(after(PASSING, plan), Verdict.HARM)
    assert [would for would, _, _ in lines(decide(worse))] == ["Enter ramp at 20 %", "RollBack"]


@pytest.mark.parametrize(
    ("seen", "control", "agreed", "differed"),
    [(PASSING, "promote", 1, 0), (PASSING, "abort", 0, 1), (BAD, "abort", 1, 0), (BAD, "promote", 0, 1),
     (OPEN, "promote", 0, 1), (OPEN, "abort", 0, 1)],
)  # fmt: skip
def test_how_often_they_agree(seen: Observation, control: str, agreed: int, differed: int) -> None:
    plan = decide(with_clicks(after(seen, decide(seen)), **{control: HASH}))
    assert (noted(plan).agreed, noted(plan).differed) == (agreed, differed)
    assert len(lines(plan)) == 1
    did = lines(plan)[0][2]
    assert did == {"promote": "Enter ramp at 20 %", "abort": "RollBack"}[control]


def test_the_next_step_is_noted_anew_and_the_list_is_short() -> None:
    seen = PASSING
    for number in range(DRY_RUN_MAX + 3):
        plan = decide(with_evidence(seen, Verdict.HARM if number % 2 else Verdict.PASS))
        seen = after(seen, plan)
    assert seen.status.dry_run is not None
    assert len(seen.status.dry_run.log) == DRY_RUN_MAX
