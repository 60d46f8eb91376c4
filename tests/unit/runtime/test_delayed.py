"""Delayed metrics from raw samples to a verdict: in a step, and after the promotion."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.outcome import Unavailable
from modelrollout.analysis.verdict import Verdict
from modelrollout.api.status import LateStatus
from modelrollout.engine.observed import LateEvidence
from modelrollout.metrics.provider import MetricProvider, RawOutcome, RawSeries
from modelrollout.runtime.cohorts import AT_ONCE
from modelrollout.runtime.delayed import Delayed, Lates
from modelrollout.runtime.findings import Finding
from modelrollout.runtime.looking import Look
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

SETTINGS = Settings(scrape_interval=timedelta(seconds=15), scrape_timeout=timedelta(seconds=5))
MINUTE, HOUR = 60.0, 3600.0
MATURITY = timedelta(hours=2)
METRIC: dict[str, Any] = {
    "name": "missed-fraud",
    "source": "Series",
    "ratio": {"events": "missed_total{$selector}", "total": "labels_total{$selector}"},
    "delayed": {"maturity": "2h", "cohort": {"label": "made_at", "width": "10m"}},
    "check": {"noWorseThan": {"ratio": "1.5"}},
    "minSamples": 500,
}
BEGAN = NOW - timedelta(hours=5)


@dataclass
class Prometheus:
    """A label job: 300 labels of each revision for each ten minutes of requests, all known ninety minutes later."""

    bad: dict[str, int]
    labels: int = 300
    live: datetime = BEGAN
    away: bool = False
    asked: list[str] = field(default_factory=list)
    at: float = NOW.timestamp()

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        self.asked.append(selector)
        if self.away:
            return Unavailable("away")
        start = float(re.findall(r'made_at="(\d+)"', selector)[0])
        found = []
        for revision, bad in self.bad.items():
            if revision == CANDIDATE.hash and start < self.live.timestamp():
                continue
            value = bad if selector.startswith("missed") else self.labels
            known = start + 100 * MINUTE
            samples = ((known, float(value)), (at, float(value))) if known < at else ()
            labels = {"namespace": "demo", "rollout": "digits", "revision": revision, "made_at": f"{start:.0f}"}
            found.append(RawSeries(labels, samples))
        return tuple(found)

    async def now(self) -> float:
        return self.at


class Bench:
    def __init__(self, candidate_bad: int, position: int = 1, **changes: Any) -> None:
        self.prometheus = Prometheus({CANDIDATE.hash: candidate_bad, STABLE.hash: 9})
        self.delayed = Delayed(cast(MetricProvider, self.prometheus))
        stages = [stage | {"maxDuration": "24h"} for stage in scenes.STAGES]
        seen = scenes.stepping(position, scenes.raw_spec(stages=stages, metrics=[METRIC | changes]))
        seen = scenes.with_attempt(seen, evidence_since=BEGAN, live_since=BEGAN)
        self.seen = scenes.with_step(seen, started_at=BEGAN, accepted_at=BEGAN, in_force_at=BEGAN)

    async def find(self, now: datetime = NOW) -> Finding:
        attempt = self.seen.status.attempt
        assert attempt is not None
        assert attempt.step is not None
        look = Look(
            rollout=self.seen.rollout,
            stable=STABLE.hash,
            stable_version=STABLE.version,
            attempt=attempt,
            step=attempt.step,
            settings=SETTINGS,
            now=now.timestamp(),
            offset=0.0,
        )
        return await self.delayed.find(look, self.seen.rollout.spec.metrics[0])


@pytest.mark.parametrize(
    ("candidate_bad", "verdict"),
    [pytest.param(9, Verdict.PASS, id="equal"), pytest.param(60, Verdict.HARM, id="seven-times-as-bad")],
)
async def test_requests_of_the_same_minutes_are_compared_once_they_are_mature(
    candidate_bad: int, verdict: Verdict
) -> None:
    bench = Bench(candidate_bad)
    result = (await bench.find()).judged.result
    assert result.verdict is verdict
    # Of five hours, requests of the last two and of an open bucket are not mature, nor are the first ten minutes
    # settled: that leaves 16 buckets of 300 labels each. Harm is sought in all 17.
    assert result.samples == (16 if verdict is Verdict.PASS else 17) * 300
    assert "mature are requests until 01 Jan 09:50Z, more at 01 Jan 12:00Z" in result.reason


async def test_each_cohort_is_read_once() -> None:
    bench = Bench(9)
    await bench.find()
    before = len(bench.prometheus.asked)
    assert before == 2 * 17
    await bench.find()
    assert len(bench.prometheus.asked) == before
    await bench.find(NOW + timedelta(minutes=10))
    assert len(bench.prometheus.asked) == before + 2


async def test_nothing_passes_before_anything_is_mature() -> None:
    bench = Bench(9)
    result = (await bench.find(BEGAN + timedelta(minutes=90))).judged.result
    assert result.verdict is not Verdict.PASS
    assert "no request is mature yet" in result.reason


async def test_what_was_made_before_the_step_may_show_harm_and_lets_nothing_pass() -> None:
    late = NOW - timedelta(minutes=150)
    bench = Bench(9)
    bench.seen = scenes.with_step(bench.seen, accepted_at=late, in_force_at=late)
    result = (await bench.find()).judged.result
    assert (result.verdict, result.samples) == (Verdict.CONTINUE, 300)
    bench = Bench(60)
    bench.seen = scenes.with_step(bench.seen, accepted_at=late, in_force_at=late)
    assert (await bench.find()).judged.result.verdict is Verdict.HARM


async def test_without_a_share_of_stable_the_requests_before_it_decide() -> None:
    bench = Bench(9, position=5)
    late = NOW - timedelta(minutes=150)
    bench.seen = scenes.with_step(bench.seen, accepted_at=late, in_force_at=late)
    assert (await bench.find()).judged.result.verdict is Verdict.PASS


async def test_what_cannot_be_read_is_no_data() -> None:
    bench = Bench(9)
    bench.prometheus.away = True
    finding = await bench.find()
    assert (finding.judged.result.verdict, finding.unavailable) == (Verdict.NO_DATA, "missed-fraud: unavailable: away")


async def test_a_long_history_is_read_a_part_at_a_time() -> None:
    bench = Bench(9)
    long_ago = NOW - timedelta(hours=12)
    bench.prometheus.live = long_ago
    bench.seen = scenes.with_attempt(bench.seen, evidence_since=long_ago, live_since=long_ago)
    await bench.find()
    assert len(bench.prometheus.asked) == 2 * AT_ONCE


# --- after the promotion ----------------------------------------------------------------------------------------------

LATE = LateStatus(
    **CANDIDATE.ref.model_dump(), against=STABLE.hash, since=BEGAN, until=NOW - timedelta(minutes=120), number=1
)


async def late(candidate_bad: int, now: datetime, *, away: bool = False) -> LateEvidence:
    prometheus = Prometheus({CANDIDATE.hash: candidate_bad, STABLE.hash: 9}, at=now.timestamp(), away=away)
    rollout = scenes.resting(scenes.raw_spec(metrics=[METRIC])).rollout
    return await Lates(cast(MetricProvider, prometheus), SETTINGS).find(rollout, LATE, now)


async def test_after_the_promotion_one_waits_for_the_next_cohort() -> None:
    found = await late(9, NOW)
    assert [judged.result.verdict for judged in found.judged] == [Verdict.PASS]
    assert found.next_at == datetime(2026, 1, 1, 12, 0, 6, tzinfo=UTC)
    assert not found.is_complete


async def test_requests_after_the_promotion_are_nobodys() -> None:
    found = await late(9, NOW + timedelta(hours=9))
    assert found.is_complete
    assert found.next_at is None
    assert [judged.result.samples for judged in found.judged] == [18 * 300]


async def test_late_harm_is_found() -> None:
    found = await late(60, NOW + timedelta(hours=9))
    assert [judged.result.verdict for judged in found.judged] == [Verdict.HARM]


async def test_an_outage_after_the_promotion_is_asked_again_about() -> None:
    found = await late(60, NOW, away=True)
    assert found == LateEvidence((), NOW + timedelta(minutes=1), is_complete=False)
