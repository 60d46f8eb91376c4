"""When drift is looked at, over which time, and beside what."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.outcome import Unavailable
from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.drift import Reference
from modelrollout.api.metrics import Metric, Mode
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.runtime.drift import reference_span
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

OTHERS = "rabcdefg27"
USUAL, FAINT = (0.3, 0.7, 1.0), (0.8, 0.95, 1.0)
_LE = ("2", "4", "+Inf")


def ink(**drift: Any) -> dict[str, Any]:
    return {"name": "ink", "category": "Input", "drift": {"of": "ink_bucket{$selector}", **drift}, "interval": "10s"}


@dataclass
class Prometheus:
    """Histograms that rise by ten a second since long ago: what each revision gets, and what all got a week ago.

    Attributes:
        reads: (selector, from, to) of what was asked for.
    """

    revisions: dict[str, tuple[float, ...]]
    last_week: tuple[float, ...] = USUAL
    away: bool = False
    here: datetime = NOW
    reads: list[tuple[str, float, float]] = field(default_factory=list)

    async def now(self) -> float:
        return self.here.timestamp()

    async def raw(self, selector: str, at: float, seconds: float) -> Any:
        self.reads.append((selector, at - seconds, at))
        if self.away:
            return Unavailable("connection refused")
        times = [float(second) for second in range(int(at - seconds) + 1, int(at) + 1, 5)]
        old = at < NOW.timestamp() - 86400
        shown = {OTHERS: self.last_week} if old else self.revisions
        return tuple(
            RawSeries(
                {"pod": f"digits-{name}-1", "le": edge},
                tuple((at, round(10 * share * (at - NOW.timestamp() + 10**7))) for at in times),
            )
            for name, shares in shown.items()
            if old or re.search(name, selector)
            for edge, share in zip(_LE, shares, strict=True)
        )


class Bench:
    def __init__(self, candidate: tuple[float, ...] = USUAL, stable: tuple[float, ...] = USUAL, **others: Any) -> None:
        self.prometheus = Prometheus({CANDIDATE.hash: candidate, STABLE.hash: stable}, **others)
        settings = Settings(scrape_interval=timedelta(seconds=5), scrape_timeout=timedelta(seconds=1))
        self.judge = Judge(cast(MetricProvider, self.prometheus), settings)

    async def look(self, metric: dict[str, Any], *, stage: int = 0, now: datetime = NOW) -> CheckResult:
        self.prometheus.here = now
        seen = scenes.stepping(stage, scenes.raw_spec(stages=scenes.STAGES[1:], metrics=[metric]))
        evidence, _ = await self.judge.evidence(seen.rollout, STABLE.ref, now)
        return evidence.judged[0].result

    @property
    def spans(self) -> list[tuple[float, float]]:
        return [(start, end) for selector, start, end in self.prometheus.reads if "ink_bucket" in selector]


@pytest.mark.parametrize(
    ("fields", "mode"),
    [
        (ink(), Mode.WARN),
        (ink() | {"category": "Output"}, Mode.OBSERVE),
        (ink(against="Reference") | {"category": "Output"}, Mode.WARN),
        (ink() | {"mode": "Enforce"}, Mode.ENFORCE),
    ],
)
def test_drift_stops_nobody_unless_asked(fields: dict[str, Any], mode: Mode) -> None:
    metric = Metric.model_validate(fields)
    assert metric.mode is mode
    assert Metric.model_validate(metric.dump()).mode is mode


async def test_beside_stable_the_same_time_is_compared() -> None:
    bench = Bench()
    assert (await bench.look(ink())).verdict is Verdict.PASS
    assert (await Bench(candidate=FAINT).look(ink())).verdict is Verdict.HARM
    (mine, theirs) = bench.spans
    assert mine == theirs
    # The latest ten minutes of the step, what is final of them, and half a minute for where counters stood.
    assert mine[1] <= NOW.timestamp() - 2
    assert mine[1] - mine[0] == 630


async def test_a_step_is_never_judged_on_what_was_before_it() -> None:
    bench = Bench()
    await bench.look(ink(window="24h"))
    assert bench.spans[0][0] >= scenes.LONG_AGO.timestamp() - 60


async def test_a_tick_is_looked_at_once() -> None:
    bench = Bench()
    first = await bench.look(ink())
    assert await bench.look(ink()) == first
    assert len(bench.spans) == 2
    await bench.look(ink(), now=NOW + timedelta(minutes=1))
    assert len(bench.spans) == 4


async def test_at_weight_100_stable_is_what_it_was_before() -> None:
    bench = Bench(candidate=FAINT)
    assert (await bench.look(ink(), stage=4)).verdict is Verdict.HARM
    mine, theirs = bench.spans
    assert theirs[1] < mine[1]


@pytest.mark.parametrize(
    ("candidate", "stable", "verdict", "upstream"),
    [(USUAL, USUAL, Verdict.PASS, False), (FAINT, FAINT, Verdict.PASS, True), (FAINT, USUAL, Verdict.HARM, False)],
)
async def test_against_the_same_hour_of_last_week(
    candidate: tuple[float, ...],
    stable: tuple[float, ...],
    verdict: Verdict,
    upstream: bool,  # noqa: FBT001 - a column
) -> None:
    bench = Bench(candidate, stable)
    result = await bench.look(ink(against="Reference"), now=NOW + timedelta(minutes=1))
    assert (result.verdict, result.upstream) == (verdict, upstream)
    assert "from the 1h from Thu 25 Dec 12:00:00Z" in result.reason
    await bench.look(ink(against="Reference"), now=NOW + timedelta(minutes=2))
    assert sum(end < NOW.timestamp() - 86400 for _, end in bench.spans) == 1


async def test_an_outage_is_told_as_one_and_asked_again() -> None:
    bench = Bench(away=True)
    assert (await bench.look(ink())).reason == "ink: unavailable: connection refused"
    bench.prometheus.away = False
    assert (await bench.look(ink())).verdict is Verdict.PASS


def test_a_reference_stays_the_same_for_its_length() -> None:
    at = datetime(2026, 1, 9, 12, 34, tzinfo=UTC).timestamp()
    spans = {reference_span(Reference(), at + seconds) for seconds in (0, 60, 1500)}
    assert len(spans) == 1
    (span,) = spans
    assert datetime.fromtimestamp(span.after, UTC) == datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    assert span.until - span.after == 3600
