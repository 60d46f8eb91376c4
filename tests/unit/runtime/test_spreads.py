"""How much requests hang together, from raw samples of a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelrollout.analysis.outcome import Rejected, Unavailable
from modelrollout.api.status import DispersionStatus
from modelrollout.metrics.provider import RawOutcome
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.spreads import AT_ONCE, HOURS, Spreads
from tests.support.objects import rollout
from tests.support.past import History, Pod

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
DAY = 25 * 3600.0
SETTINGS = Settings(scrape_interval=timedelta(seconds=15), scrape_timeout=timedelta(seconds=1))
METRIC: dict[str, Any] = {
    "name": "errors",
    "ratio": {"events": "errors{$selector}", "total": "requests{$selector}"},
    "check": {"max": "0.1"},
}


@dataclass(frozen=True)
class Prometheus(History):
    """That also remembers what was read, and may cease to answer.

    Attributes:
        answers: after so many reads there are none.
        refuses: what no selector may hold.
    """

    reads: list[tuple[str, float, float]] = field(default_factory=list)
    answers: int = 1_000_000
    away: bool = False
    refuses: str = "?"

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        self.reads.append((selector, at, seconds))
        if self.refuses in selector:
            return Rejected("refused")
        return Unavailable("away") if len(self.reads) > self.answers else await super().raw(selector, at, seconds)

    async def now(self) -> float | Unavailable:
        return Unavailable("away") if self.away else await super().now()


def bursts(pod: int, size: int, every: float) -> Callable[[float], float]:
    """One group of errors in each span of time, on one pod after the other in an order without a pattern."""
    return lambda at: float(sum(size for turn in range(int(at // every)) if _whose(turn) == pod))


def _whose(turn: int) -> int:
    return (turn * 2654435761 >> 7) % 2


def pods(size: int, every: float = 600.0) -> tuple[Pod, ...]:
    return tuple(
        Pod(f"digits-rstable-{number}", {"requests": lambda at: at * 2.0, "errors": bursts(number, size, every)})
        for number in range(2)
    )


def past(found: tuple[Pod, ...], seconds: float = DAY, **how: Any) -> Prometheus:
    return Prometheus(found, NOW.timestamp() - seconds, seconds, every=15.0, **how)


async def measured(prometheus: Prometheus, *metrics: dict[str, Any]) -> DispersionStatus | None:
    given = rollout(metrics=list(metrics or (METRIC,)))
    return await Spreads(prometheus, SETTINGS).measure(given, "rstable", NOW)


def factor(found: DispersionStatus | None) -> float:
    assert found is not None
    (one,) = found.factors
    return float(one.factor)


async def test_bursts_are_seen_as_large_as_they_are() -> None:
    found = await measured(past(pods(20, every=70.0)))
    assert found is not None
    assert found.hours == HOURS
    assert found.measured_at == NOW
    assert 12 <= factor(found) <= 25


@pytest.mark.parametrize(
    ("prometheus", "hours"),
    [
        pytest.param(past(pods(1, every=70.0)), 24, id="one-by-one"),
        pytest.param(past(pods(0)), 24, id="no-errors"),
        pytest.param(past(pods(1, every=70.0), seconds=2 * 3600.0), 2, id="two-hours-of-history"),
        pytest.param(past(()), 0, id="no-history"),
        pytest.param(past(pods(20, every=70.0), answers=9), 0, id="cannot-be-read"),
    ],
)
async def test_the_floor(prometheus: Prometheus, hours: int) -> None:
    found = await measured(prometheus)
    assert found is not None
    assert (factor(found), found.hours) == (2.0, hours)


async def test_a_short_history_that_shows_bursts_counts_for_what_it_is() -> None:
    found = await measured(past(pods(20, every=30.0), seconds=3 * 3600.0))
    assert found is not None
    assert found.hours == 3
    assert factor(found) > 5


async def test_a_prometheus_that_is_away_is_asked_again() -> None:
    assert await measured(past(pods(1), away=True)) is None


async def test_what_it_costs() -> None:
    """One read of ten minutes for each hour, whatever number of metrics, and none for what is declared."""
    prometheus = past(pods(1))
    declared = METRIC | {"name": "declared", "clusters": {"by": "Request"}}
    found = await measured(prometheus, METRIC, METRIC | {"name": "again"}, declared)
    assert found is not None
    assert [one.metric for one in found.factors] == ["errors", "again"]
    assert len(prometheus.reads) == HOURS
    assert max(seconds for _, _, seconds in prometheus.reads) <= 600 + 60 + 45


async def test_metrics_that_are_read_together_are_measured_as_alone() -> None:
    """Each with an interval of its own, which makes what it wants to read another span of time."""
    metrics = [METRIC | {"name": f"every-{every}", "interval": every} for every in ("15s", "90s", "10m")]
    alone = [factor(await measured(past(pods(20, every=70.0)), metric)) for metric in metrics]
    found = await measured(past(pods(20, every=70.0)), *metrics)
    assert found is not None
    assert [float(one.factor) for one in found.factors] == alone
    assert len(set(alone)) > 1


async def test_a_metric_that_cannot_be_read_costs_the_others_nothing() -> None:
    """The counters that nobody may ask for all together are asked for one by one, and one of them is refused."""
    prometheus = past(pods(20, every=70.0), refuses="nonsense")
    refused = METRIC | {"name": "refused", "ratio": {"events": "nonsense{$selector}", "total": "requests{$selector}"}}
    found = await measured(prometheus, METRIC, refused)
    assert found is not None
    assert {one.metric: float(one.factor) > 5 for one in found.factors} == {"errors": True, "refused": False}
    assert sum("nonsense" in selector for selector, _, _ in prometheus.reads) <= 2 * AT_ONCE


async def test_after_a_read_that_failed_it_asks_no_more() -> None:
    prometheus = past(pods(1), answers=0)
    await measured(prometheus)
    assert len(prometheus.reads) <= 8
