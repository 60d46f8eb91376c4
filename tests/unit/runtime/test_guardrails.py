"""A candidate answers for what the pods of another rollout do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.status import RevisionRef
from modelrollout.engine.neighbours import Neighbour
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

RANKER = "rzzzzzzzzz"
SETTINGS = Settings(scrape_interval=timedelta(seconds=1), scrape_timeout=timedelta(seconds=1))
GUARDRAIL: dict[str, Any] = {
    "name": "ranker-errors",
    "of": "ranker",
    "ratio": {"events": "errors_total{$selector}", "total": "requests_total{$selector}"},
    "check": {"max": "0.05"},
    "minSamples": 50,
}
SERVES = Neighbour("ranker", RevisionRef(revision=RANKER, version="7"))


@dataclass
class Prometheus:
    """Ten requests a second at each pod; the ranker's fail at this rate, the embedder's never."""

    rate: float

    async def raw(self, selector: str, at: float, seconds: float) -> tuple[RawSeries, ...]:
        rollout, revisions = (
            ("ranker", [RANKER]) if "ranker-" in selector else ("digits", [CANDIDATE.hash, STABLE.hash])
        )
        rate = self.rate if rollout == "ranker" else 0.0
        begin = int(NOW.timestamp()) - 1200
        times = [float(time) for time in range(begin, int(NOW.timestamp()) + 1) if at - seconds < time <= at]
        found = []
        for revision in revisions:
            labels = {"namespace": "demo", "pod": f"{rollout}-{revision}-0", "job": "pods", "instance": revision}
            for name, value in (("errors_total", 10 * rate), ("requests_total", 10.0), ("up", 0.0)):
                if name in selector:
                    samples = tuple((time, round((time - begin) * value) if name != "up" else 1.0) for time in times)
                    found.append(RawSeries(labels | {"__name__": name}, samples))
        return tuple(found)

    async def now(self) -> float:
        return NOW.timestamp()


async def judged(rate: float, *neighbours: Neighbour) -> dict[str, CheckResult]:
    judge = Judge(cast(MetricProvider, Prometheus(rate)), SETTINGS)
    seen = scenes.stepping(1, scenes.raw_spec(metrics=[scenes.METRICS[0], GUARDRAIL]))
    evidence, _ = await judge.evidence(seen.rollout, STABLE.ref, NOW, neighbours)
    return {one.metric.name: one.result for one in evidence.judged}


@pytest.mark.parametrize(("rate", "verdict"), [(0.0, Verdict.PASS), (0.3, Verdict.HARM)])
async def test_the_other_rollouts_stable_pods_are_judged(rate: float, verdict: Verdict) -> None:
    found = await judged(rate, SERVES)
    assert found["ranker-errors"].verdict is verdict
    assert found["error-rate"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("neighbours", "why"),
    [
        pytest.param((), "there is no ModelRollout ranker", id="missing"),
        pytest.param((replace(SERVES, serves=None),), "nothing is stable yet in the ModelRollout ranker", id="unborn"),
    ],
)
async def test_without_the_other_rollout_nothing_is_known(neighbours: tuple[Neighbour, ...], why: str) -> None:
    found = (await judged(0.0, *neighbours))["ranker-errors"]
    assert found.verdict is Verdict.NO_DATA
    assert why in found.reason
