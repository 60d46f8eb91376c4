"""No weight is raised before pods have shown their part of the throughput goal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.capacity import ShownThroughput
from modelrollout.api.metrics import Metric
from modelrollout.engine.chains import decide
from modelrollout.engine.decide import decide as plan
from modelrollout.engine.observed import JudgedMetric, Throughput
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import Observation, situation_of
from modelrollout.engine.throughput import measured_by
from tests.support import scenes
from tests.support.cases import Case, check, table
from tests.support.scenes import CANDIDATE, MINUTE, NOW, STAGES, pods, raw_spec, stepping, with_attempt, with_pods

pytestmark = pytest.mark.unit

LATENCY: dict[str, Any] = {
    "name": "latency", "unit": "seconds", "check": {"max": "0.5"},
    "histogram": {"buckets": "seconds_bucket{$selector}", "quantile": "0.99"},
}  # fmt: skip
GOAL: dict[str, Any] = {"qps": "1000", "p99": "0.5"}


def fast(each_pod: float, *, late: float | None = 0.002, requests: int = 5000) -> Throughput:
    return Throughput(each_pod, requests, late)


def seen(
    position: int = 1,
    throughput: Throughput | None = None,
    *,
    verdict: Verdict = Verdict.PASS,
    metrics: tuple[dict[str, Any], ...] = (scenes.METRICS[0], LATENCY),
    **others: Any,
) -> Observation:
    """A step in which every check has the same verdict; two pods of the candidate are ready."""
    found = stepping(position, raw_spec(metrics=metrics, **({"capacity": GOAL} | others)))
    assert found.evidence is not None
    judged = tuple(
        JudgedMetric(Metric.model_validate(raw), CheckResult(raw["name"], verdict, f"{raw['name']} {verdict}"))
        for raw in metrics
    )
    return replace(found, evidence=replace(found.evidence, judged=judged, throughput=throughput))


def having_shown(found: Observation, qps: str, **changes: str) -> Observation:
    shown = ShownThroughput.model_validate({"qps": qps, "p99": "0.5", "latency": "latency"} | changes)
    return with_attempt(found, throughput=shown)


def out_of_time(choice: str) -> Observation:
    stages = [STAGES[0], STAGES[1] | {"onInconclusive": choice}, *STAGES[2:]]
    found = scenes.with_step(seen(1, fast(50), stages=stages), started_at=NOW - 120 * MINUTE)
    assert found.evidence is not None
    return replace(found, evidence=replace(found.evidence, covered_seconds=121 * 60.0))


@table(
    Case("covered: 2 pods of 100 for 20 % of 1000", seen(1, fast(100)), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("not covered", seen(1, fast(50)), Action.WAIT, "CapacityUnproven",
         text="shown 50 requests/s at p99 <= 0.5, and 2 pods so 100, less than the 200 requests/s of ramp at 20 %"),
    Case("more pods", with_pods(seen(1, fast(50)), pods(CANDIDATE, 4, 4)), Action.ENTER, "Passed",
         step="ramp at 20 %"),
    Case("nothing measured", seen(1), Action.WAIT, "CapacityUnproven", text="shown 0 requests/s"),
    Case("fast enough, but late", seen(1, fast(100, late=0.03)), Action.WAIT, "CapacityUnproven",
         text="(3 % are later now)"),
    Case("too few to tell", seen(1, fast(100, requests=199)), Action.WAIT, "CapacityUnproven",
         text="(199 of 200 requests in the last minute)"),
    Case("no bucket ends there", seen(1, fast(100, late=None)), Action.WAIT, "CapacityUnproven", text="no edge"),
    Case("shown before", having_shown(seen(1), "100"), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("shown before, of another p99", having_shown(seen(1), "100", p99="1"), Action.WAIT, "CapacityUnproven"),
    Case("shown before, by another metric", having_shown(seen(1), "100", latency="other"), Action.WAIT,
         "CapacityUnproven"),
    Case("a shadow shows it", seen(0, fast(25)), Action.ENTER, "Passed", step="canary at 5 %"),
    Case("a shadow does not", seen(0, fast(24)), Action.WAIT, "CapacityUnproven", text="50 requests/s of canary"),
    Case("the promotion raises nothing", seen(5), Action.PROMOTE, "Passed"),
    Case("no goal", seen(1, capacity=None), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("checks come first", seen(1, verdict=Verdict.CONTINUE), Action.WAIT, "Gathering", text="error-rate Continue"),
    Case("harm does not wait", seen(1, verdict=Verdict.HARM), Action.ROLL_BACK, "Harm", fails=True),
    Case("nobody is asked to approve", seen(1, fast(50), automation="Assist"), Action.WAIT, "CapacityUnproven"),
    Case("maxDuration, Hold", out_of_time("Hold"), Action.WAIT, "CapacityUnproven"),
    Case("maxDuration, Rollback", out_of_time("Rollback"), Action.ROLL_BACK, "Inconclusive", fails=True,
         text="capacity: a ready pod has shown 50"),
    Case("maxDuration, Advance", out_of_time("Advance"), Action.ENTER, "InconclusiveAdvance", step="ramp at 20 %"),
)  # fmt: skip
def test_a_goal_is_covered_before_a_raise(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)


@pytest.mark.parametrize(
    ("known", "now", "kept"),
    [
        (None, fast(50), "50"),
        ("40", fast(50), "50"),
        ("49", fast(50), "49"),  # hardly more: not worth a write
        ("60", fast(50), "60"),
        ("40", fast(50, late=0.03), "40"),
        ("40", None, "40"),
        (None, None, None),
    ],
)
def test_the_most_is_remembered(known: str | None, now: Throughput | None, kept: str | None) -> None:
    found = seen(1, now) if known is None else having_shown(seen(1, now), known)
    attempt = plan(found).status.attempt
    assert attempt is not None
    assert (attempt.throughput.qps if attempt.throughput else None) == kept


OTHER = LATENCY | {"name": "first-token"}


@pytest.mark.parametrize(
    ("metrics", "latency", "name"),
    [
        ((scenes.METRICS[0], LATENCY, OTHER), None, "latency"),
        ((scenes.METRICS[0], LATENCY, OTHER), "first-token", "first-token"),
        ((scenes.METRICS[0], LATENCY), "error-rate", None),
        ((scenes.METRICS[0], LATENCY | {"unit": "none"}), None, None),
        ((scenes.METRICS[0], LATENCY | {"unit": "none"}), "latency", "latency"),
        (scenes.METRICS, None, None),
    ],
)
def test_which_histogram_tells(metrics: tuple[dict[str, Any], ...], latency: str | None, name: str | None) -> None:
    goal = GOAL if latency is None else GOAL | {"latency": latency}
    found = measured_by(stepping(1, raw_spec(metrics=metrics, capacity=goal)).rollout.spec)
    assert (found.name if found else None) == name
