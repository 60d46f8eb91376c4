"""What would change a verdict, for each kind of metric."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.analysis.sureness import Sureness
from modelrollout.analysis.verdict import CheckResult, Claim, Verdict
from modelrollout.api.metrics import Metric
from modelrollout.engine.changing import what_would_change
from modelrollout.engine.texts import CHANGE_MAX

pytestmark = pytest.mark.unit

RATIO: dict[str, Any] = {
    "name": "error-rate",
    "ratio": {"events": "errors{$selector}", "total": "requests{$selector}"},
    "check": {"max": "0.01"},
}
QUERY: dict[str, Any] = {"name": "p99", "query": "p99{$selector}", "check": {"max": "0.5"}, "failureLimit": 2}
HISTOGRAM: dict[str, Any] = {
    "name": "latency",
    "histogram": {"buckets": "s_bucket{$selector}", "quantile": "0.99"},
    "check": {"max": "0.5"},
}
DRIFT: dict[str, Any] = {"name": "ink", "drift": {"of": "ink_bucket{$selector}"}}
SOME = CheckResult("m", Verdict.CONTINUE, "m", 0.004, None, 0.01, 640)
NEAR = Sureness(log_e=1.0, level=0.002)


def of(verdict: Verdict, **changes: Any) -> CheckResult:
    return replace(SOME, verdict=verdict, **changes)


@pytest.mark.parametrize(
    ("raw", "result", "text"),
    [
        (RATIO, of(Verdict.CONTINUE, samples=40), "pass: 60 more samples, within the limit"),
        (
            RATIO,
            of(Verdict.CONTINUE, candidate=0.02, sure=NEAR),
            "pass: back within the limit, 0.01; harm: confidence 0.998 that a limit is exceeded, now 0.63",
        ),
        (
            RATIO,
            of(Verdict.CONTINUE, sure=Sureness(log_e=1.0, level=0.05), claim=Claim.KEPT),
            "pass: confidence 0.95 that the limits are kept, about 1300 more requests like these would show it",
        ),
        (RATIO, of(Verdict.PASS, sure=NEAR), "harm: confidence 0.998 that a limit is exceeded, now 0.63"),
        (RATIO, of(Verdict.PASS, limit=None), "nothing: it has no limit"),
        (RATIO, of(Verdict.HARM), "nothing in this attempt: harm is final, retry begins another one"),
        (RATIO | {"mode": "Warn"}, of(Verdict.HARM), "nothing acts on it (mode: Warn)"),
        (RATIO | {"mode": "Hold"}, of(Verdict.HARM), "nothing acts on it (mode: Hold)"),
        (RATIO, of(Verdict.NO_DATA), "counts of the last few scrapes: until then the step holds"),
        (RATIO | {"mode": "Observe"}, of(Verdict.NO_DATA), "counts of the last few scrapes"),
        (RATIO | {"onNoData": "Pass"}, of(Verdict.NO_DATA), "it counts as said (onNoData: Pass)"),
        (QUERY, of(Verdict.NO_DATA), "one finite value for each revision: until then the step holds"),
        (QUERY, of(Verdict.PASS, limit=0.5), "harm: 3 evaluations in a row beyond the limit, 0.5"),
        (QUERY | {"failureLimit": 0}, of(Verdict.PASS, limit=0.5), "harm: one evaluation beyond the limit, 0.5"),
        (HISTOGRAM, of(Verdict.CONTINUE, candidate=0.02), "pass: back within the limit, 1 %"),
        (DRIFT, of(Verdict.PASS, limit=0.2), "harm: evidence, and not chance, that it lies beyond the limit, 0.2"),
    ],
)
def test_every_verdict_says_what_would_change_it(raw: dict[str, Any], result: CheckResult, text: str) -> None:
    said = what_would_change(Metric.model_validate(raw), result)
    assert text in said
    assert len(said) <= CHANGE_MAX


def test_how_sure_it_is_names_what_it_is_sure_of() -> None:
    assert of(Verdict.PASS, sure=NEAR).confidence == "0.63 of 0.998 that a limit is exceeded"
    enough = of(Verdict.PASS, sure=Sureness(log_e=9.0, level=0.05), claim=Claim.KEPT)
    assert enough.confidence == "0.9998 that the limits are kept"
    assert of(Verdict.PASS).confidence is None
