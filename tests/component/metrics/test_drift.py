"""Drift of a real Prometheus's histograms and label counts: whose it is, and when there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.metrics.series import history_of
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.settings import Settings
from tests.component.metrics.conftest import SCRAPE_SECONDS, Pods
from tests.support import scenes
from tests.support.exporter import Exporter
from tests.support.scenes import CANDIDATE, STABLE
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

SETTINGS = Settings(scrape_interval=timedelta(seconds=SCRAPE_SECONDS), scrape_timeout=timedelta(seconds=SCRAPE_SECONDS))
INK: dict[str, Any] = {
    "name": "ink",
    "category": "Input",
    "drift": {"of": "ink_bucket{$selector}", "window": "1m"},
    "interval": "1s",
}
SNAPSHOT = {"snapshot": [{"value": "2", "count": 700}, {"value": "4", "count": 200}, {"value": "+Inf", "count": 100}]}
CLASSES: dict[str, Any] = {
    "name": "classes",
    "category": "Output",
    "drift": {"of": "predictions_total{$selector}", "label": "digit", "method": "JS", "window": "1m"},
    "interval": "1s",
}


def ink(faint: int, middling: int, dark: int) -> dict[str, float]:
    """A histogram of so many images with an ink up to 2, up to 4, and above."""
    return {
        "ink_bucket__le_2": faint,
        "ink_bucket__le_4": faint + middling,
        "ink_bucket__le_+Inf": faint + middling + dark,
    }


def digits(one: int, two: int) -> dict[str, float]:
    return {"predictions_total__digit_1": one, "predictions_total__digit_2": two}


async def judged(pods: Pods, since: float, metric: dict[str, Any], *, counted: bool = True) -> CheckResult:
    """Look as the operator does, until what was counted is final."""
    judge = Judge(pods.provider, SETTINGS)
    seen = scenes.stepping(0, scenes.raw_spec(stages=scenes.STAGES[1:], metrics=[metric, scenes.METRICS[0]]))
    began = datetime.fromtimestamp(since, UTC)
    attempt = seen.status.attempt
    assert attempt is not None
    assert attempt.step is not None
    step = attempt.step.model_copy(update={"started_at": began, "accepted_at": began, "in_force_at": began})
    attempt = attempt.model_copy(update={"step": step, "evidence_since": began, "live_since": began})
    rollout = scenes.rollout(seen.rollout.spec.dump(), seen.status.model_copy(update={"attempt": attempt}))
    end = await pods.scraped()
    found: list[CheckResult] = []

    async def final() -> bool:
        evidence, _ = await judge.evidence(rollout, STABLE.ref, datetime.now(UTC))
        assert evidence.at is not None
        found.append(evidence.judged[0].result)
        # A tick is final a scrape timeout and a second after it, and ticks are a second apart.
        return evidence.at.timestamp() > end + 1.5 + 2 * SCRAPE_SECONDS + 1 and (found[-1].samples > 0) is counted

    await eventually("what was counted is final", final)
    return found[-1]


def pair(pods: Pods, **counters: float) -> tuple[Exporter, Exporter]:
    return pods.add(CANDIDATE.hash, **counters), pods.add(STABLE.hash, **counters)


async def test_the_same_input_for_both_is_no_drift(pods: Pods) -> None:
    candidate, stable = pair(pods, **ink(5, 5, 5))
    since = await pods.scraped()
    candidate.add(**ink(300, 400, 300))
    stable.add(**ink(1510, 1980, 1510))
    result = await judged(pods, since, INK)
    assert result.verdict is Verdict.PASS
    assert result.reason.endswith("<= 0.2 from stable (n=1000 and 5000)")


async def test_a_candidate_that_gets_other_input(pods: Pods) -> None:
    candidate, stable = pair(pods, **ink(0, 0, 0))
    since = await pods.scraped()
    candidate.add(**ink(100, 300, 600))
    stable.add(**ink(1500, 2000, 1500))
    result = await judged(pods, since, INK)
    assert result.verdict is Verdict.HARM
    assert "> 0.2 from stable (n=1000 and 5000)" in result.reason


async def test_answers_by_label(pods: Pods) -> None:
    candidate, stable = pair(pods, **digits(0, 0))
    since = await pods.scraped()
    candidate.add(**digits(500, 100))
    stable.add(**digits(300, 300))
    result = await judged(pods, since, CLASSES)
    assert result.verdict is Verdict.HARM
    assert result.reason.startswith("classes: JS 0.")


@pytest.mark.parametrize(
    ("candidate", "stable", "verdict", "upstream"),
    [
        ((700, 200, 100), (3500, 1000, 500), Verdict.PASS, False),
        ((100, 200, 700), (500, 1000, 3500), Verdict.PASS, True),
        ((100, 200, 700), (3500, 1000, 500), Verdict.HARM, False),
    ],
    ids=["no drift", "input drift", "the candidate's"],
)
async def test_against_a_snapshot(
    pods: Pods,
    candidate: tuple[int, int, int],
    stable: tuple[int, int, int],
    verdict: Verdict,
    upstream: bool,  # noqa: FBT001 - a column
) -> None:
    new, old = pair(pods, **ink(0, 0, 0))
    since = await pods.scraped()
    new.add(**ink(*candidate))
    old.add(**ink(*stable))
    drift = INK["drift"] | {"against": "Reference", "reference": SNAPSHOT}
    result = await judged(pods, since, INK | {"drift": drift})
    assert (result.verdict, result.upstream) == (verdict, upstream), result.reason
    assert ("input drift, not the candidate" in result.reason) is upstream


async def test_history_is_that_of_all_revisions_of_the_rollout(pods: Pods) -> None:
    for revision in (CANDIDATE.hash, "rabcdefg27"):
        pods.add(revision, **ink(1, 1, 1))
    # Of another rollout, whose name begins as ours does.
    pods.add("two-rabcdefg27", **ink(1, 1, 1))
    now = await pods.scraped()
    found = await history_of(pods.provider, "ink_bucket{$selector}", pods.scope, at=now, seconds=10)
    assert isinstance(found, tuple)
    assert {series.labels["pod"] for series in found} == {f"digits-{CANDIDATE.hash}-1", "digits-rabcdefg27-2"}
