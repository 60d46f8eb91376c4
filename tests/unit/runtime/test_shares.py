"""Shares and silence from counts, read from a source that the test fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.outcome import Unavailable
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.metrics.reader import CounterReader
from modelrollout.runtime.counting import Counting
from modelrollout.runtime.looking import Look
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.shares import ShareEvidence, Shares
from tests.support import scenes
from tests.support.looks import look_at
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

BEGAN = NOW - timedelta(seconds=60)
SECONDS = 620
"""How long before now samples begin."""
SETTINGS = Settings(scrape_interval=timedelta(seconds=1), scrape_timeout=timedelta(seconds=1))
SELECTOR = "requests{$selector}"


@dataclass
class Prometheus:
    """One pod of each revision, scraped each second; requests per second as the test says.

    Attributes:
        rates: requests per second, by revision hash.
        until: unix time up to which the candidate answers.
    """

    rates: Mapping[str, int]
    until: float = float("inf")
    away: bool = False
    asked: list[str] = field(default_factory=list)

    async def raw(self, selector: str, at: float, seconds: float) -> tuple[RawSeries, ...] | Unavailable:
        self.asked.append(selector)
        if self.away:
            return Unavailable("connection refused")
        begin = int(NOW.timestamp()) - SECONDS
        times = [float(time) for time in range(begin, int(NOW.timestamp()) + 1) if at - seconds < time <= at]
        found = []
        for revision, rate in self.rates.items():
            labels = {"namespace": "demo", "pod": f"digits-{revision}-0", "job": "pods", "instance": revision}
            is_up = selector.startswith("up")
            samples = tuple((time, 1.0 if is_up else self._count(revision, rate, time - begin)) for time in times)
            found.append(RawSeries({"__name__": "up" if is_up else "requests"} | labels, samples))
        return tuple(found)

    def _count(self, revision: str, rate: int, seconds: float) -> float:
        end = self.until - (NOW.timestamp() - SECONDS) if revision == CANDIDATE.hash else seconds
        return rate * min(seconds, end)


def look(position: int, **step: Any) -> Look:
    entered = {"started_at": BEGAN, "accepted_at": BEGAN, "in_force_at": None, "previous_weight": 0} | step
    seen = scenes.with_step(scenes.stepping(position), **entered)
    return look_at(seen, SETTINGS)


def shares_of(prometheus: Prometheus) -> Shares:
    return Shares(Counting(CounterReader(cast(MetricProvider, prometheus), 1.0)))


async def share(prometheus: Prometheus, seen: Look) -> ShareEvidence:
    found = await shares_of(prometheus).share(seen, SELECTOR)
    assert isinstance(found, ShareEvidence)
    return found


SHADOW, CANARY, FULL = 0, 1, 5


@pytest.mark.parametrize(
    ("position", "candidate", "stable", "shown", "silent"),
    [
        pytest.param(CANARY, 5, 95, True, False, id="its share"),
        pytest.param(CANARY, 0, 100, False, True, id="nothing of it"),
        pytest.param(CANARY, 0, 1, False, False, id="too few requests to say"),
        pytest.param(SHADOW, 100, 100, True, False, id="all copies"),
        pytest.param(SHADOW, 0, 100, False, True, id="no copies"),
        pytest.param(FULL, 0, 100, False, False, id="at 100 nobody else shows what was asked"),
        pytest.param(FULL, 100, 0, True, False, id="everything"),
    ],
)
async def test_requests_show_the_share_or_its_absence(
    position: int, candidate: int, stable: int, *, shown: bool, silent: bool
) -> None:
    prometheus = Prometheus({CANDIDATE.hash: candidate, STABLE.hash: stable})
    found = await share(prometheus, look(position))
    assert (found.shown, found.silent) == (shown, silent)


async def test_rates_are_those_of_the_last_minute() -> None:
    source = Prometheus({STABLE.hash: 95, CANDIDATE.hash: 5})
    found = await share(source, look(1))
    assert found.rates is not None
    assert (round(found.rates.candidate, 1), round(found.rates.stable, 1)) == (5.0, 95.0)


async def test_what_was_before_the_gateway_accepted_is_not_counted() -> None:
    """The candidate answered only while the gateway had not yet taken the step."""
    late = NOW - timedelta(seconds=20)
    prometheus = Prometheus({CANDIDATE.hash: 50, STABLE.hash: 50}, until=late.timestamp())
    found = await share(prometheus, look(CANARY, accepted_at=late))
    assert not found.shown
    assert found.text.startswith("the candidate answered 0 of ")


async def test_the_time_to_settle_is_no_silence() -> None:
    just = NOW - timedelta(seconds=8)
    prometheus = Prometheus({CANDIDATE.hash: 0, STABLE.hash: 1000})
    assert not (await share(prometheus, look(CANARY, accepted_at=just))).silent
    assert (await share(prometheus, look(CANARY, accepted_at=just - timedelta(seconds=30)))).silent


@pytest.mark.parametrize("position", [SHADOW, CANARY])
async def test_a_stall_of_some_seconds_is_no_silence(position: int) -> None:
    prometheus = Prometheus({CANDIDATE.hash: 0, STABLE.hash: 1000})
    settled = look(position).rollout.spec.traffic.settle
    for age, silent in ((12, False), (20, True)):
        accepted_at = NOW - settled - timedelta(seconds=age)
        assert (await share(prometheus, look(position, accepted_at=accepted_at))).silent is silent


async def test_a_long_good_time_hides_no_silence_for_longer_than_a_minute() -> None:
    """Ten minutes of its share; then nothing."""
    began = NOW - timedelta(minutes=10)
    for quiet, silent in ((10, False), (50, True)):
        ended = (NOW - timedelta(seconds=quiet)).timestamp()
        prometheus = Prometheus({CANDIDATE.hash: 5, STABLE.hash: 95}, until=ended)
        assert (await share(prometheus, look(CANARY, accepted_at=began))).silent is silent


async def test_looking_twice_counts_nothing_twice() -> None:
    prometheus = Prometheus({CANDIDATE.hash: 5, STABLE.hash: 95})
    shares = shares_of(prometheus)
    first = await shares.share(look(CANARY), SELECTOR)
    again = await shares.share(look(CANARY), SELECTOR)
    assert again == first
    shares.forget("uid")
    assert await shares.share(look(CANARY), SELECTOR) == first


async def test_an_outage_is_no_silence() -> None:
    prometheus = Prometheus({CANDIDATE.hash: 5, STABLE.hash: 95}, away=True)
    shares = shares_of(prometheus)
    assert await shares.share(look(CANARY), SELECTOR) == Unavailable("connection refused")
