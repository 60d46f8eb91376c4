"""A quantile limit reads as the user set it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from modelrollout.analysis.quantile import QuantileLimit, in_words
from modelrollout.analysis.sureness import Sureness
from modelrollout.analysis.verdict import CheckResult, Verdict

pytestmark = pytest.mark.unit

P99 = QuantileLimit(Decimal("0.99"), Decimal("0.5"), upper=True, unit="s")
P10 = QuantileLimit(Decimal("0.10"), Decimal("0.50"), upper=False)


def result(verdict: Verdict, share: float | None, samples: int = 5120, **others: object) -> CheckResult:
    limit = None if share is None else 0.01
    return CheckResult("latency", verdict, "latency: 12 of 100 samples", share, limit=limit, samples=samples, **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "judged", "text"),
    [
        (P99, result(Verdict.PASS, 0.004), "latency p99 <= 0.5 s: 0.4 % above 0.5 s (<= 1 %), n=5120"),
        (P99, result(Verdict.HARM, 0.04, 640), "latency p99 <= 0.5 s: 4 % above 0.5 s (limit 1 %), n=640"),
        (
            P99,
            result(Verdict.HARM, 0.04, 640, stable=0.002),
            "latency p99 <= 0.5 s: 4 % above 0.5 s (limit 1 %, stable 0.2 %), n=640",
        ),
        (
            P99,
            result(Verdict.PASS, 0.004, stable=0.002, frozen=True),
            "latency p99 <= 0.5 s: 0.4 % above 0.5 s (<= 1 %, stable 0.2 % frozen), n=5120",
        ),
        (
            P99,
            result(Verdict.CONTINUE, 0.02),
            "latency p99 <= 0.5 s: 2 % above 0.5 s (limit 1 %), n=5120, which may still be chance",
        ),
        (
            P99,
            result(Verdict.CONTINUE, 0.0, 12),
            "latency p99 <= 0.5 s: 0 % above 0.5 s (<= 1 %), n=12 of 100 samples",
        ),
        (P99, result(Verdict.CONTINUE, None, 0), "latency p99 <= 0.5 s: 12 of 100 samples"),
        (P10, result(Verdict.PASS, 0.004), "latency p10 >= 0.5: 0.4 % at or below 0.5 (<= 1 %), n=5120"),
    ],
)
def test_the_line_that_people_read(limit: QuantileLimit, judged: CheckResult, text: str) -> None:
    told = in_words(limit, judged, min_samples=100)
    assert told.reason == text
    assert (told.verdict, told.candidate, told.samples) == (judged.verdict, judged.candidate, judged.samples)


def test_how_sure_it_is_is_told_where_the_share_was_told_so() -> None:
    sure = Sureness(log_e=6.0, level=0.05)
    told = in_words(
        P99, replace(result(Verdict.HARM, 0.04), reason=f"latency 0.04 > 0.01, {sure.text}", sure=sure), 100
    )
    assert told.reason.endswith("n=5120, confidence 0.997")
    hidden = replace(result(Verdict.HARM, 0.004), reason=f"latency, {sure.text}", sure=sure)
    assert in_words(P99, hidden, 100).reason.endswith("n=5120 as a whole, and worse of late, confidence 0.997")
    unsure = Sureness(log_e=1.0, level=0.05)
    open_result = replace(result(Verdict.CONTINUE, 0.004), reason=f"latency 0.004, {unsure.text}", sure=unsure)
    assert "n=5120, confidence 0.63 of 0.95" in in_words(P99, open_result, 100).reason
    assert "confidence" not in in_words(P99, replace(result(Verdict.PASS, 0.004), sure=unsure), 100).reason


@pytest.mark.parametrize(("quantile", "label"), [("0.5", "p50"), ("0.999", "p99.9"), (".9", "p90"), ("0.05", "p5")])
def test_a_quantile_is_called_by_its_percent(quantile: str, label: str) -> None:
    assert QuantileLimit(Decimal(quantile), Decimal(1), upper=True).label == label
