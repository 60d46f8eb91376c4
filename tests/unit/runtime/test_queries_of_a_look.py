"""How often Prometheus is asked at one look: once for each counter, for all metrics and both revisions together."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from modelrollout.analysis.outcome import Outcome, Unavailable, Value
from modelrollout.api.resource import ModelRollout
from modelrollout.metrics.provider import RawOutcome
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.past import History, Pod
from tests.support.scenes import CANDIDATE, STABLE

pytestmark = pytest.mark.unit

BEGIN = 1_700_000_000.0
SECONDS = 900.0
SETTINGS = Settings()
TOTAL = "requests_total{$selector}"
METRICS: list[dict[str, Any]] = [
    {
        "name": "errors",
        "ratio": {"events": "errors_total{$selector}", "total": TOTAL},
        "check": {"max": "0.1", "noWorseThan": {"ratio": "2"}},
    },
    {"name": "slow", "ratio": {"events": "slow_total{$selector}", "total": TOTAL}, "check": {"max": "0.1"}},
    {"name": "sure", "ratio": {"good": "sure_total{$selector}", "total": TOTAL}, "check": {"max": "0.5"}},
    {
        "name": "took",
        "unit": "seconds",
        "mean": {"sum": "took_sum{$selector}", "count": "took_count{$selector}"},
        "check": {"noWorseThan": {"ratio": "2"}},
    },
]
COUNTERS = ("up", "requests_total", "errors_total", "slow_total", "sure_total", "took_sum", "took_count")
QUERY: dict[str, Any] = {"name": "queue", "unit": "none", "query": "max(queue{$selector})", "interval": "15s"}


@dataclass
class Asked:
    """A source that keeps what it is asked."""

    history: History
    clock: float = BEGIN
    raws: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    clocks: int = 0

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        self.raws.append(selector)
        return await self.history.raw(selector, at, seconds)

    async def instant(self, query: str, at: float) -> Outcome:
        self.queries.append(query)
        return Value(1.0)

    async def check(self, query: str) -> str | None:
        raise AssertionError

    async def now(self) -> float | Unavailable:
        self.clocks += 1
        return self.clock

    def forget(self) -> None:
        self.raws.clear()
        self.queries.clear()
        self.clocks = 0


@dataclass
class Bench:
    """A judge, a rollout in its first step since two minutes after the beginning, and looks at it."""

    asked: Asked
    judge: Judge
    rollout: ModelRollout

    @classmethod
    def of(cls, *metrics: dict[str, Any]) -> Bench:
        def growing(speed: float) -> Any:
            return lambda seconds: float(int(speed * seconds))

        speeds = {name: 10.0 if name == "requests_total" else 1.0 for name in COUNTERS[1:]}
        pods = tuple(
            Pod(f"digits-{revision.hash}-{number}", {name: growing(speed) for name, speed in speeds.items()})
            for revision in (CANDIDATE, STABLE)
            for number in range(3)
        )
        asked = Asked(History(pods, BEGIN, SECONDS, every=15.0))
        seen = scenes.stepping(0, scenes.raw_spec(stages=scenes.STAGES[1:], metrics=metrics))
        attempt, began = seen.status.attempt, datetime.fromtimestamp(BEGIN + 120, UTC)
        assert attempt is not None
        assert attempt.step is not None
        step = attempt.step.model_copy(update={"started_at": began, "accepted_at": began, "in_force_at": began})
        attempt = attempt.model_copy(update={"step": step, "evidence_since": began, "live_since": began})
        rollout = replace(seen.rollout, status=seen.status.model_copy(update={"attempt": attempt}))
        return cls(asked, Judge(asked, SETTINGS), rollout)

    async def look(self, seconds: float) -> None:
        """That long after the beginning; what was asked before is forgotten."""
        self.asked.forget()
        self.asked.clock = BEGIN + seconds
        now = datetime.fromtimestamp(self.asked.clock, UTC)
        evidence, _ = await self.judge.evidence(self.rollout, STABLE.ref, now)
        assert evidence.unavailable is None


def names_of(selector: str) -> list[str]:
    """Of the counters that a request reads."""
    several = re.match(r'\{__name__=~"([^"]*)"', selector)
    return several[1].split("|") if several else [selector.partition("{")[0]]


async def test_each_counter_is_read_once_for_all_metrics_and_both_revisions() -> None:
    bench = Bench.of(*METRICS)
    await bench.look(300)
    for seconds in (315, 330, 345, 600):
        await bench.look(seconds)
        read = Counter(name for selector in bench.asked.raws for name in names_of(selector))
        assert read == dict.fromkeys(COUNTERS, 1)
        assert all(CANDIDATE.hash in selector and STABLE.hash in selector for selector in bench.asked.raws)
        # Scrapes, events, totals, good things: in this order, and what belongs together in one request.
        assert [sorted(names_of(selector)) for selector in bench.asked.raws] == [
            ["up"],
            ["errors_total", "slow_total"],
            ["requests_total", "took_count"],
            ["sure_total", "took_sum"],
        ]
        assert bench.asked.queries == []


async def test_many_metrics_of_the_same_counters_ask_no_more() -> None:
    bench = Bench.of(*METRICS, *(METRICS[0] | {"name": f"again-{number}"} for number in range(12)))
    await bench.look(300)
    await bench.look(315)
    assert len(bench.asked.raws) == 4


async def test_an_operator_that_starts_anew_reads_the_past_once_more() -> None:
    """The baseline before the step, and each five minutes since."""
    bench = Bench.of(*METRICS)
    await bench.look(870)
    read = Counter(name for selector in bench.asked.raws for name in names_of(selector))
    assert set(read) == set(COUNTERS)
    assert set(read.values()) == {4}
    assert len(bench.asked.raws) == 3 + 4


@pytest.mark.parametrize(("check", "revisions"), [({"max": "5"}, 1), ({"noWorseThan": {"ratio": "2"}}, 2)])
async def test_a_query_is_asked_once_for_each_revision_and_tick(check: dict[str, Any], revisions: int) -> None:
    """What a user wrote as PromQL gives one value, so of one revision."""
    bench = Bench.of(QUERY | {"check": check})
    await bench.look(300)
    for number in range(1, 5):
        await bench.look(300 + number * 15 * revisions)
        # One tick is new, and one was not final yet.
        assert len(bench.asked.queries) == 2 * revisions
        assert bench.asked.raws == []


async def test_the_clock_is_asked_for_once_a_minute() -> None:
    bench = Bench.of(*METRICS)
    clocks = []
    for seconds in range(300, 420, 15):
        await bench.look(seconds)
        clocks.append(bench.asked.clocks)
    assert clocks == [1, 0, 0, 0, 1, 0, 0, 0]
