"""What `explain` prints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.analysis.budget import Budget
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.sureness import Sureness
from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.metrics import Metric
from modelrollout.cli.arguments import Command, Verb
from modelrollout.cli.choosing import NothingToDoError
from modelrollout.cli.explaining import body, head, told
from modelrollout.engine.retold import Retold, last_attempt
from modelrollout.runtime.explaining import Explained, Row
from tests.support.commands import seen_of
from tests.support.scenes import CANDIDATE, METRICS, resting, stepping

pytestmark = pytest.mark.unit

ERRORS, LATENCY = (Metric.model_validate(raw) for raw in METRICS)
RESULT = CheckResult(
    "error-rate", Verdict.PASS, "error-rate 0.002 <= 0.01 (n=640)", 0.002, None, 0.01, 640, sure=Sureness(1.0, 0.005)
)
ROWS = (
    Row("canary at 5 %", Counts(1, 640), Counts(20, 12000), (("max", -2.0),)),
    Row("ramp at 20 %", Counts(0, 0), Counts(0, 0), (("max", 60.0),)),
)


def test_a_metric_with_all_its_evidence() -> None:
    lines = list(body(Explained(ERRORS, RESULT, 0.005, 5.0, ROWS, more=7)))
    assert lines[:5] == [
        "error-rate (Enforce): Pass: error-rate 0.002 <= 0.01 (n=640)",
        "  confidence: 0.63 of 0.995 that a limit is exceeded",
        "  would change it: harm: confidence 0.995 that a limit is exceeded, now 0.63",
        "  level of each limit: 0.005: harm from e >= 200",
        "  5 requests count as one: clusters",
    ]
    assert [line.split("   ")[0].strip() for line in lines[5:8]] == ["step", "canary at 5 %", "ramp at 20 %"]
    assert [line.split()[-1] for line in lines[5:8]] == ["e(max)", "0.135", "10^26"]
    assert "1 of 640 (0.00156)   20 of 12000 (0.00167)" in lines[6]
    assert lines[8:] == ["  7 bad answers in a row would be harm now, while stable goes on as it did"]


def test_a_mean_is_told_as_one() -> None:
    rows = (Row("canary", Counts(0, 640), Counts(0, 0), (), (0.3125, None)),)
    lines = list(body(Explained(ERRORS, RESULT, 0.005, 1.0, rows)))
    assert lines[-1].split("   ") == ["  canary", "0.312 of 640", "none"]


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (Explained(LATENCY, None, None, 1.0), "latency (Warn): not judged in this step"),
        (Explained(LATENCY, None, None, 1.0), "only failureLimit keeps chance from a rollback"),
        (Explained(ERRORS, RESULT, 0.005, 1.0, unread="timeout"), "! counts could not be read: timeout"),
        (Explained(ERRORS, RESULT, 0.005, 1.0, ROWS, more=1), "1 bad answer in a row"),
        (
            Explained(ERRORS.model_copy(update={"mode": "Warn"}), RESULT, 0.005, 1.0),
            "beside the budget: it stops nothing",
        ),
    ],
)
def test_what_is_said_of_others(one: Explained, text: str) -> None:
    assert text in "\n".join(body(one))


def test_the_budget_is_told_as_it_is_split() -> None:
    found = last_attempt(stepping().status, stepping().rollout.spec)
    assert isinstance(found, Retold)
    lines = list(head(found, Budget(0.01, 1, 2, 10)))
    assert lines[0].startswith(f"version 2 (revision {CANDIDATE.hash}) beside 1, since 2026-01-01 11:20:00Z")
    assert lines[1:] == [
        "error budget: alpha 0.01, of which attempt 1 has 0.005",
        "  2 metrics as a whole: 0.00125 each",
        "  10 declared slices: 0.00025 each",
    ]


async def test_what_cannot_be_explained_says_why() -> None:
    command = Command(Verb.EXPLAIN, "digits", None, None, None)
    one = seen_of(resting())
    with pytest.raises(NothingToDoError, match="nothing to explain: no rollout has been judged"):
        await told(command, one)
    one = seen_of(stepping())
    with pytest.raises(NothingToDoError, match="there is no metric p99: error-rate, latency"):
        await told(replace(command, metric="p99"), one)
