"""Failing latency beside a full queue holds; whatever else fails is the candidate's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.metrics import Metric
from modelrollout.engine import capacity
from modelrollout.engine.chains import decide
from modelrollout.engine.decide import decide as plan
from modelrollout.engine.observed import JudgedMetric, Rates
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import Observation, situation_of
from tests.support import scenes
from tests.support.cases import Case, as_stepping, check, table
from tests.support.scenes import CANDIDATE, MINUTE, NOW, STAGES, pods, raw_spec, stepping, with_pods, with_step

pytestmark = pytest.mark.unit

ERRORS = scenes.METRICS[0]
LATENCY: dict[str, Any] = {"name": "latency", "unit": "seconds", "query": "p99{$selector}", "check": {"max": "0.5"}}
QUEUE: dict[str, Any] = {
    "name": "queue", "unit": "none", "signal": "Saturation", "query": "waiting{$selector}", "check": {"max": "5"},
}  # fmt: skip
EQUAL = Rates(candidate=5.0, stable=95.0)
"""At 5 %, of a candidate with one pod beside stable with 19, as much for each pod."""


def seen(
    position: int = 1,
    *,
    late: bool = True,
    full: bool | None = True,
    errors: Verdict = Verdict.PASS,
    rates: Rates | None = None,
    metrics: tuple[dict[str, Any], ...] = (ERRORS, LATENCY, QUEUE),
    **others: Any,
) -> Observation:
    """A step in which latency fails (or not) beside a queue that is full, not full, or not known (None)."""
    found = stepping(position, raw_spec(metrics=metrics, **others))
    queue = {True: Verdict.CONTINUE, False: Verdict.PASS, None: Verdict.NO_DATA}[full]
    results = {
        "error-rate": CheckResult("error-rate", errors, "error-rate 0.08 > 0.01 (n=640)", 0.08, None, 0.01, 640),
        "latency": CheckResult("latency", Verdict.HARM if late else Verdict.PASS, "latency 0.9 > 0.5", 0.9),
        "queue": CheckResult("queue", queue, "queue 12 > 5", 12.0, exceeds=bool(full)),
    }
    judged = tuple(JudgedMetric(Metric.model_validate(raw), results[raw["name"]]) for raw in metrics)
    assert found.evidence is not None
    return replace(found, evidence=replace(found.evidence, judged=judged, rates=rates))


def other(of: dict[str, Any], **changes: Any) -> Observation:
    """With one of the three metrics written otherwise."""
    return seen(metrics=tuple(raw | changes if raw["name"] == of["name"] else raw for raw in (ERRORS, LATENCY, QUEUE)))


def since_a_minute(found: Observation) -> Observation:
    return with_step(found, short_since=NOW - MINUTE)


SCALED = with_pods(seen(rates=EQUAL), pods(CANDIDATE, 1, 1), pods(scenes.STABLE, 19, 19))


@table(
    Case("a full queue", seen(), Action.WAIT, "CapacityShort", text="latency 0.9 > 0.5; queue 12 > 5"),
    Case("the queue is not full", seen(full=False), Action.ROLL_BACK, "Harm", fails=True, text="latency 0.9 > 0.5"),
    Case("nobody knows the queue", seen(full=None), Action.ROLL_BACK, "Harm", fails=True),
    Case("latency is well", seen(late=False, full=False), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("a full queue alone holds", seen(late=False), Action.WAIT, "Gathering", text="queue 12 > 5"),
    Case("errors are the model's", seen(errors=Verdict.HARM), Action.ROLL_BACK, "Harm", fails=True, text="error-rate"),
    Case("errors, held since a minute", since_a_minute(seen(errors=Verdict.HARM)), Action.ROLL_BACK, "Harm",
         fails=True),
    Case("not a word of latency in a rollback for errors", seen(errors=Verdict.HARM, onFailure="Hold"), Action.WAIT,
         "HarmHeld", text="error-rate"),
    Case("held anyway", seen(onFailure="Hold"), Action.WAIT, "CapacityShort"),
    Case("a person would have been asked", seen(automation="Assist"), Action.WAIT, "CapacityShort"),
    Case("the queue only warns", other(QUEUE, mode="Warn"), Action.ROLL_BACK, "Harm", fails=True),
    Case("no metric of a queue", other(QUEUE, signal=None, mode="Hold"), Action.ROLL_BACK, "Harm", fails=True),
    Case("a share of slow answers", other(LATENCY, unit="ratio", signal="Latency"), Action.WAIT, "CapacityShort"),
    Case("no latency", other(LATENCY, unit="none"), Action.ROLL_BACK, "Harm", fails=True),
    Case("no latency of a server", other(LATENCY, category="Output"), Action.ROLL_BACK, "Harm", fails=True),
    Case("as much for each pod", SCALED, Action.WAIT, "CapacityShort",
         text="at 5 requests/s for each ready pod (stable 5): scale up"),
    Case("a slow model fills a queue at a tenth of the load", seen(rates=Rates(5, 95)), Action.ROLL_BACK, "Harm",
         fails=True),
    Case("at weight 100 there is no other load", seen(5, rates=Rates(100, 0)), Action.WAIT, "CapacityShort",
         text="at 50 requests/s for each ready pod: scale up"),
)  # fmt: skip
def test_whose_latency_it_is(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@table(
    Case("still full", since_a_minute(seen()), None),
    Case("not full, latency is what it was", since_a_minute(seen(full=False)), Action.ENTER, "CapacityRelieved",
         step="canary at 5 %"),
    Case("not full, latency is well", since_a_minute(seen(late=False, full=False)), Action.ENTER, "CapacityRelieved",
         step="canary at 5 %"),
    Case("the queue's metric is gone: latency has to show anew", since_a_minute(seen(full=None)), Action.ENTER,
         "CapacityRelieved", step="canary at 5 %"),
    Case("Prometheus is gone", scenes.with_evidence(since_a_minute(seen()), Verdict.NO_DATA, unavailable="timeout"),
         None),
    Case("nobody has looked", replace(since_a_minute(seen()), evidence=None), None),
    Case("it never was", seen(full=False), None),
)  # fmt: skip
def test_relieved(case: Case) -> None:
    check(capacity.relieved(as_stepping(case.seen)), case)


def test_the_step_remembers_and_what_latency_showed_is_forgotten() -> None:
    held = plan(seen())
    attempt = held.status.attempt
    assert attempt is not None
    assert attempt.step is not None
    assert attempt.step.short_since == NOW
    assert [event.reason for event in held.events] == ["CapacityShort"]
    empty = seen(full=False)
    later = replace(empty, now=NOW + MINUTE, rollout=replace(empty.rollout, status=held.status))
    again = plan(later)
    assert (again.action, again.reason, again.split) == (Action.ENTER, "CapacityRelieved", held.split)
    assert again.status.attempt is not None
    assert again.status.attempt.latency_since == NOW + MINUTE
    assert again.status.attempt.step is not None
    assert (again.status.attempt.step.number, again.status.attempt.step.short_since) == (attempt.step.number + 1, None)


def test_it_is_remembered_whoever_has_the_word() -> None:
    paused = scenes.with_clicks(seen(), pause=CANDIDATE.hash)
    held = plan(paused)
    assert held.reason == "Paused"
    assert held.status.attempt is not None
    assert held.status.attempt.step is not None
    assert held.status.attempt.step.short_since == NOW


def out_of_time(choice: str) -> Observation:
    stages = [STAGES[0], STAGES[1] | {"onInconclusive": choice}, *STAGES[2:]]
    return with_step(seen(stages=stages), started_at=NOW - 120 * MINUTE)


@table(
    Case("Hold", out_of_time("Hold"), Action.WAIT, "CapacityShort"),
    Case("Rollback", out_of_time("Rollback"), Action.ROLL_BACK, "Inconclusive", fails=True, text="latency 0.9 > 0.5"),
    Case("Advance never goes on over failing latency", out_of_time("Advance"), Action.WAIT, "CapacityShort"),
)
def test_it_ends_with_max_duration_as_the_user_said(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


def test_a_share_of_slow_answers_is_no_rate_of_failures() -> None:
    slow = {
        "name": "latency",
        "signal": "Latency",
        "ratio": {"events": "slow_total{$selector}", "total": "requests_total{$selector}"},
        "check": {"max": "0.01"},
    }
    for raw, action in ((slow, Action.WAIT), (slow | {"signal": None}, Action.ROLL_BACK)):
        found = seen(metrics=(ERRORS, raw, QUEUE), onFailure="Hold")
        assert found.evidence is not None
        judged = tuple(
            replace(each, result=replace(each.result, candidate=1.0)) if each.metric.name == "latency" else each
            for each in found.evidence.judged
        )
        held = replace(found, evidence=replace(found.evidence, judged=judged))
        assert decide(situation_of(held)).action is action
