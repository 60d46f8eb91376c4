"""What both revisions show alike is told, holds where the user said so, and is blamed on nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.metrics import Metric
from modelrollout.engine import upstream
from modelrollout.engine.chains import decide
from modelrollout.engine.decide import decide as plan
from modelrollout.engine.observed import JudgedMetric
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import Observation, situation_of
from tests.support import scenes
from tests.support.cases import Case, as_stepping, check, table
from tests.support.scenes import MINUTE, NOW, STAGES, raw_spec, stepping, with_step

pytestmark = pytest.mark.unit

REASON = "input drift, not the candidate: ink: PSI 0.5 > 0.2"


def ink(**drift: Any) -> dict[str, Any]:
    return {
        "name": "ink",
        "category": "Input",
        "drift": {"of": "ink_bucket{$selector}", "against": "Reference", **drift},
    }


def seen(metric: dict[str, Any], *, upstream: bool = True, harm: bool = False) -> Observation:
    errors = scenes.METRICS[0]
    found = scenes.stepping(1, scenes.raw_spec(metrics=[errors, metric]))
    assert found.evidence is not None
    enforced = CheckResult(
        "error-rate", Verdict.HARM if harm else Verdict.PASS, "error-rate 0.001 <= 0.01", samples=900
    )
    drifted = CheckResult("ink", Verdict.PASS, REASON, 0.5, 0.5, 0.2, 900, upstream=upstream)
    judged = tuple(
        JudgedMetric(Metric.model_validate(raw), result) for raw, result in ((errors, enforced), (metric, drifted))
    )
    return replace(found, evidence=replace(found.evidence, judged=judged))


def test_a_drift_of_the_input_is_told_once_and_holds_nothing() -> None:
    first = plan(seen(ink()))
    assert first.action is Action.ENTER
    assert [(event.reason, event.note) for event in first.events if event.reason == "InputDrift"] == [
        ("InputDrift", REASON)
    ]
    waiting = seen(ink(onInputDrift="Pause"))
    told = plan(waiting)
    again = replace(waiting, rollout=replace(waiting.rollout, status=told.status))
    assert [event.reason for event in told.events] == ["InputDrift"]
    assert [check.upstream for check in told.status.checks] == [False, True]
    assert plan(again).events == ()


def test_pausing_is_the_users_choice() -> None:
    decision = decide(situation_of(seen(ink(onInputDrift="Pause"))))
    assert (decision.action, decision.reason, decision.message) == (Action.WAIT, "InputDrift", REASON)


def test_without_drift_the_step_goes_on() -> None:
    decision = decide(situation_of(seen(ink(onInputDrift="Pause"), upstream=False)))
    assert decision.action is Action.ENTER


def test_harm_acts_whatever_the_input_does() -> None:
    decision = decide(situation_of(seen(ink(onInputDrift="Pause"), harm=True)))
    assert decision.action is Action.ROLL_BACK


BOTH = "both revisions fail, not the candidate alone: error-rate 0.4 > 0.01; stable 0.4"


def failing(position: int = 1, *, both: bool = True, latency: Verdict = Verdict.PASS, **others: Any) -> Observation:
    """A step in which both revisions break the limit of errors, or neither does."""
    found = stepping(position, raw_spec(**others))
    assert found.evidence is not None
    errors, slow = found.evidence.judged
    shared = CheckResult("error-rate", Verdict.CONTINUE, BOTH, 0.4, 0.4, 0.01, 640, upstream=True)
    judged = (
        JudgedMetric(errors.metric, shared) if both else errors,
        JudgedMetric(slow.metric, CheckResult("latency", latency, "latency 0.9 > 0.5", 0.9)),
    )
    return replace(found, evidence=replace(found.evidence, judged=judged))


HOLDING = (scenes.METRICS[0] | {"mode": "Hold"}, scenes.METRICS[1] | {"mode": "Enforce"})
WARNING = (scenes.METRICS[0] | {"mode": "Warn"}, scenes.METRICS[1] | {"mode": "Enforce"})
ENFORCED = (scenes.METRICS[0], scenes.METRICS[1] | {"mode": "Enforce"})


def out_of_time(choice: str) -> Observation:
    stages = [STAGES[0], STAGES[1] | {"onInconclusive": choice}, *STAGES[2:]]
    return with_step(failing(stages=stages), started_at=NOW - 120 * MINUTE)


@table(
    Case("both", failing(), Action.WAIT, "UpstreamFailing", text=BOTH),
    Case("neither", failing(both=False), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("in a shadow", failing(0), Action.WAIT, "UpstreamFailing"),
    Case("harm by something else", failing(latency=Verdict.HARM, metrics=ENFORCED), Action.ROLL_BACK, "Harm",
         fails=True, text="latency 0.9 > 0.5"),
    Case("a metric that only warns holds nobody", failing(metrics=WARNING), Action.ENTER, "Passed",
         step="ramp at 20 %"),
    Case("what only holds blames nobody", failing(metrics=HOLDING), Action.WAIT, "Gathering", text=BOTH),
    Case("nobody is asked to approve", failing(automation="Assist"), Action.WAIT, "UpstreamFailing"),
    Case("maxDuration, Rollback", out_of_time("Rollback"), Action.WAIT, "UpstreamFailing"),
    Case("maxDuration, Advance", out_of_time("Advance"), Action.WAIT, "UpstreamFailing"),
)  # fmt: skip
def test_what_both_fail_holds(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


SINCE = {"upstream_since": NOW - MINUTE}


@table(
    Case("over", with_step(failing(both=False), **SINCE), Action.ENTER, "UpstreamRecovered", step="canary at 5 %"),
    Case("not over", with_step(failing(), **SINCE), None),
    Case("never was", failing(both=False), None),
    Case("nobody has looked", replace(with_step(failing(), **SINCE), evidence=None), None),
    Case("Prometheus is gone", with_step(scenes.with_evidence(stepping(), Verdict.NO_DATA, unavailable="timeout"),
                                         **SINCE), None),
)  # fmt: skip
def test_mended(case: Case) -> None:
    check(upstream.mended(as_stepping(case.seen)), case)


def test_it_is_told_once_and_the_step_starts_again_afterwards() -> None:
    first = plan(failing())
    assert [event.reason for event in first.events] == ["UpstreamFailing"]
    held = replace(failing(), rollout=replace(failing().rollout, status=first.status))
    assert plan(held).events == ()
    well = failing(both=False)
    again = plan(replace(well, now=NOW + MINUTE, rollout=replace(well.rollout, status=first.status)))
    assert (again.action, again.reason, again.split) == (Action.ENTER, "UpstreamRecovered", first.split)
    assert again.status.attempt is not None
    assert again.status.attempt.step is not None
    assert again.status.attempt.step.upstream_since is None
    assert again.status.attempt.latency_since is None
