"""What both revisions show alike is told, holds where the user said so, and is blamed on nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.metrics import Metric
from modelrollout.engine.chains import decide
from modelrollout.engine.decide import decide as plan
from modelrollout.engine.observed import JudgedMetric
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import Observation, situation_of
from tests.support import scenes

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
