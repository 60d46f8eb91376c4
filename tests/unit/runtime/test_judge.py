"""What the judge makes of clocks, of outages and of what is not enforced."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.outcome import Outcome, Unavailable, Value
from modelrollout.analysis.verdict import Verdict
from modelrollout.api.fallback import Fallback
from modelrollout.engine.observed import Evidence
from modelrollout.engine.revisions import FALLBACK
from modelrollout.engine.situation import Observation
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.runtime.judge import Judge, requests_selector
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

QUERY: dict[str, Any] = {"name": "latency", "query": "p99{$selector}", "check": {"max": "0.5"}, "interval": "10s"}
RATIO = scenes.METRICS[0]


@dataclass
class Prometheus:
    """A source whose clock and answers the test sets.

    Attributes:
        ahead: seconds that its clock is ahead of ours.
    """

    ahead: float = 0.0
    outcome: Outcome = field(default_factory=lambda: Value(0.1))
    away: bool = False
    series: tuple[RawSeries, ...] = ()
    here: datetime = NOW
    clock_reads: int = 0

    async def now(self) -> float | Unavailable:
        self.clock_reads += 1
        return Unavailable("connection refused") if self.away else self.here.timestamp() + self.ahead

    async def instant(self, *_: object) -> Outcome:
        return Unavailable("connection refused") if self.away else self.outcome

    async def raw(self, *_: object) -> Any:
        return Unavailable("connection refused") if self.away else self.series


class Bench:
    def __init__(self, **answers: Any) -> None:
        self.prometheus = Prometheus(**answers)
        settings = Settings(scrape_interval=timedelta(seconds=1), scrape_timeout=timedelta(seconds=1))
        self.judge = Judge(cast(MetricProvider, self.prometheus), settings)

    async def evidence(self, seen: Observation, now: datetime = NOW) -> tuple[Evidence, datetime]:
        self.prometheus.here = now
        return await self.judge.evidence(seen.rollout, STABLE.ref, now)


def canary(*metrics: Any, **others: Any) -> Observation:
    return scenes.stepping(0, scenes.raw_spec(stages=scenes.STAGES[1:], metrics=metrics, **others))


async def test_without_prometheus_nothing_passes_and_it_is_looked_for_again_soon() -> None:
    evidence, again = await Bench(away=True).evidence(canary(RATIO, QUERY))
    assert evidence.unavailable == "connection refused"
    assert [judged.result.verdict for judged in evidence.judged] == [Verdict.NO_DATA] * 2
    assert (evidence.covered_seconds, evidence.silent, evidence.share_shown) == (0.0, False, False)
    assert again == NOW + timedelta(seconds=1)


async def test_an_outage_of_what_is_only_observed_holds_nothing() -> None:
    bench = Bench()
    await bench.evidence(canary(QUERY))
    bench.prometheus.away = True
    observed, enforced = QUERY | {"mode": "Observe", "name": "observed"}, QUERY
    evidence, _ = await bench.evidence(canary(observed), NOW + timedelta(seconds=30))
    assert evidence.unavailable is None
    evidence, _ = await bench.evidence(canary(observed, enforced), NOW + timedelta(seconds=30))
    assert evidence.unavailable is not None
    assert evidence.unavailable.startswith("latency: ")
    assert "connection refused" in evidence.unavailable


async def test_evidence_carries_prometheus_clock_and_the_next_look_ours() -> None:
    evidence, again = await Bench(ahead=3600.0).evidence(canary(QUERY))
    assert evidence.at == NOW + timedelta(hours=1)
    assert NOW < again <= NOW + timedelta(seconds=11)


async def test_the_clock_is_read_once_a_minute_and_an_outage_does_not_change_it() -> None:
    bench = Bench(ahead=5.0)
    for seconds in (0, 30, 59):
        await bench.evidence(canary(QUERY), NOW + timedelta(seconds=seconds))
    assert bench.prometheus.clock_reads == 1
    bench.prometheus.away = True
    later = NOW + timedelta(seconds=61)
    evidence, _ = await bench.evidence(canary(QUERY), later)
    assert bench.prometheus.clock_reads == 2
    assert evidence.at == later + timedelta(seconds=5)


async def test_a_clock_read_that_took_long_does_not_start_evidence_anew() -> None:
    """An offset is known to the time of a request only; one that moves by less is the same."""
    bench = Bench(ahead=0.04)
    first, _ = await bench.evidence(canary(QUERY))
    bench.prometheus.ahead = 0.06
    later = NOW + timedelta(seconds=61)
    second, _ = await bench.evidence(canary(QUERY), later)
    assert first.at is not None
    assert second.at == first.at + timedelta(seconds=61)


@pytest.mark.parametrize(
    ("policy", "expected"), [("Hold", Verdict.NO_DATA), ("Fail", Verdict.HARM), ("Pass", Verdict.PASS)]
)
async def test_a_ratio_without_counts_is_what_the_user_says_it_is(policy: str, expected: Verdict) -> None:
    evidence, _ = await Bench().evidence(canary(RATIO | {"onNoData": policy}))
    (judged,) = evidence.judged
    assert judged.result.verdict is expected


def test_shares_are_counted_by_the_users_counter_else_by_the_first_ratio() -> None:
    def selector(*metrics: Any, **traffic: Any) -> str | None:
        return requests_selector(canary(*metrics, traffic=traffic).rollout.spec)

    assert selector(QUERY, RATIO, requests="mine{$selector}") == "mine{$selector}"
    assert selector(QUERY, RATIO) == "requests_total{$selector}"
    assert selector(QUERY) is None


async def test_beside_a_fallback_that_nothing_counts_there_is_no_share_to_show() -> None:
    refusal = Fallback(status_code=503)
    seen = scenes.beside_fallback(canary(RATIO, fallback=refusal.dump()), fallback=refusal)
    bench = Bench()
    assert seen.status.stable is not None
    evidence, _ = await bench.judge.evidence(seen.rollout, seen.status.stable, NOW)
    assert (evidence.share_shown, evidence.silent) == (None, False)
    scraped, _ = await bench.judge.scrapes(seen.rollout, CANDIDATE.hash, FALLBACK, NOW)
    assert scraped is None


PREVIEW: list[dict[str, Any]] = [{"name": "preview", "preview": {}}, {"name": "full", "weight": 100}]


async def test_in_a_preview_there_is_no_share_and_where_nothing_is_measured_only_time_passes() -> None:
    measured = scenes.stepping(0, scenes.raw_spec(stages=PREVIEW))
    evidence, _ = await Bench().evidence(measured)
    assert (evidence.share_shown, evidence.silent) == (None, False)
    idle = scenes.stepping(0, scenes.raw_spec(stages=PREVIEW, metrics=[RATIO | {"stages": ["full"]}]))
    evidence, _ = await Bench().evidence(idle)
    assert idle.status.attempt is not None
    assert idle.status.attempt.step is not None
    assert idle.status.attempt.step.in_force_at is not None
    assert evidence.covered_seconds == (NOW - idle.status.attempt.step.in_force_at).total_seconds()


def up(revision: str, value: float = 1.0) -> RawSeries:
    rollout = scenes.loading(2).rollout.key
    labels = {"__name__": "up", "namespace": rollout.namespace, "pod": f"{rollout.name}-{revision}-x"}
    return RawSeries(labels, ((NOW.timestamp() - 1, value),))


@pytest.mark.parametrize(
    ("answers", "scraped"),
    [
        pytest.param({"series": (up(STABLE.hash), up(CANDIDATE.hash))}, True, id="both"),
        pytest.param({"series": (up(STABLE.hash),)}, False, id="stable alone"),
        pytest.param({"series": (up(STABLE.hash), up(CANDIDATE.hash, 0.0))}, False, id="in vain"),
        pytest.param({"series": ()}, None, id="neither: it may name pods otherwise"),
        pytest.param({"series": (up(STABLE.hash, 0.0),)}, None, id="stable in vain"),
        pytest.param({"away": True}, None, id="no answer"),
    ],
)
async def test_whether_the_candidate_is_scraped_as_stable_is(answers: dict[str, Any], scraped: object) -> None:
    rollout = scenes.loading(2).rollout
    found = await Bench(**answers).judge.scrapes(rollout, CANDIDATE.hash, STABLE.hash, NOW)
    assert found == (scraped, NOW + timedelta(seconds=1))


def scraped_at(revision: str, *seconds_ago: float) -> RawSeries:
    series = up(revision)
    return RawSeries(series.labels, tuple((NOW.timestamp() - ago, 1.0) for ago in sorted(seconds_ago, reverse=True)))


@pytest.mark.parametrize(
    ("candidate", "scraped"),
    [
        pytest.param([scraped_at(CANDIDATE.hash, 2.5, 1.5, 0.5)], True, id="after"),
        pytest.param([scraped_at(CANDIDATE.hash, 2.5, 1.5)], False, id="before"),
        pytest.param([scraped_at(CANDIDATE.hash, 0.5), scraped_at(CANDIDATE.hash, 1.5)], False, id="one of two pods"),
    ],
)
async def test_whether_the_candidate_was_scraped_after_a_gate(candidate: list[RawSeries], scraped: object) -> None:
    bench = Bench(series=(up(STABLE.hash), *candidate))
    since = NOW - timedelta(seconds=1)
    found, _ = await bench.judge.scrapes(scenes.loading(2).rollout, CANDIDATE.hash, STABLE.hash, NOW, since=since)
    assert found is scraped
