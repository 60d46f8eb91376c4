"""A real Prometheus's classic histograms, judged at an edge that two exporters spell differently."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.metrics.promql import Scope
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.settings import Settings
from tests.component.metrics.conftest import SCRAPE_SECONDS, Pods
from tests.support import scenes
from tests.support.scenes import CANDIDATE, STABLE
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

LATENCY: dict[str, Any] = {
    "name": "latency",
    "unit": "seconds",
    "histogram": {"buckets": "seconds_bucket{$selector}", "quantile": "0.9"},
    "check": {"max": "0.5"},
    "minSamples": 50,
    "interval": "1s",
}
SETTINGS = Settings(scrape_interval=timedelta(seconds=SCRAPE_SECONDS), scrape_timeout=timedelta(seconds=SCRAPE_SECONDS))


def observations(spelling: str, below: int, above: int, first: int = 0) -> dict[str, float]:
    """So many at or below 0.5, `first` of them at or below 0.25, and so many above."""
    return {
        "seconds_bucket__le_0.25": first,
        f"seconds_bucket__le_{spelling}": below,
        "seconds_bucket__le_+Inf": below + above,
    }


async def judged(pods: Pods, verdict: Verdict, since: float, metric: dict[str, Any] = LATENCY) -> CheckResult:
    """Look until the verdict falls, as the operator does."""
    judge = Judge(pods.provider, SETTINGS)
    # All counts come at once, with the pod's first answers, of which a pass would take none.
    spec = scenes.raw_spec(stages=scenes.STAGES[1:], metrics=[metric], traffic={"settle": "0s"})
    seen = scenes.stepping(0, spec)
    began = datetime.fromtimestamp(since, UTC)
    attempt = seen.status.attempt
    assert attempt is not None
    assert attempt.step is not None
    settled = began - seen.rollout.spec.traffic.settle
    step = attempt.step.model_copy(update={"started_at": settled, "accepted_at": settled, "in_force_at": began})
    attempt = attempt.model_copy(update={"step": step, "evidence_since": began, "live_since": began})
    rollout = scenes.rollout(seen.rollout.spec.dump(), seen.status.model_copy(update={"attempt": attempt}))
    found: list[CheckResult] = []

    async def fallen() -> bool:
        evidence, _ = await judge.evidence(rollout, STABLE.ref, datetime.now(UTC))
        found.append(evidence.judged[0].result)
        return found[-1].verdict is verdict

    await eventually(f"the verdict is {verdict}", fallen)
    return found[-1]


@pytest.fixture
def two(pods: Pods) -> tuple[Any, Any]:
    pods.scope = Scope("demo", "digits")
    return pods.add(CANDIDATE.hash, **observations("0.50", 0, 0)), pods.add(STABLE.hash, **observations("5e-01", 0, 0))


async def test_good_and_bad_quantiles(pods: Pods, two: tuple[Any, Any]) -> None:
    candidate, stable = two
    # A pass counts from the first whole tick of the step on.
    since = await pods.scraped() - 2
    candidate.add(**observations("0.50", 95, 5, 40))
    stable.add(**observations("5e-01", 900, 100, 400))
    result = await judged(pods, Verdict.PASS, since)
    assert result.reason == "latency p90 <= 0.5 s: 5 % above 0.5 s (<= 10 %), n=100"
    since = await pods.scraped()
    candidate.add(**observations("0.50", 60, 40, 40))
    result = await judged(pods, Verdict.HARM, since)
    assert result.reason == "latency p90 <= 0.5 s: 40 % above 0.5 s (limit 10 %), n=100, confidence >0.999999"


async def test_an_edge_that_only_one_revision_has(pods: Pods) -> None:
    pods.add(CANDIDATE.hash, **observations("0.4", 95, 5))
    pods.add(STABLE.hash, **observations("0.5", 95, 5))
    since = await pods.scraped()
    result = await judged(pods, Verdict.NO_DATA, since)
    assert result.reason == (
        "latency p90 <= 0.5 s: 0.5 is no edge of the buckets of both revisions; set the limit to one of 0.25"
    )


async def test_a_histogram_that_shows_nothing_of_stable(pods: Pods, two: tuple[Any, Any]) -> None:
    candidate, stable = two
    candidate.add(**observations("0.50", 95, 5, 40))
    stable.add(**observations("5e-01", 1000, 0, 990))
    since = await pods.scraped()
    result = await judged(pods, Verdict.NO_DATA, since)
    assert "99 % of the stable revision's 1000 observations lie in the first bucket" in result.reason
