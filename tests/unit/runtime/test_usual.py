"""What was usual, read from history: which hours, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.outcome import NoData, Outcome, Unavailable, Value
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.usual import FoundLimits
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.usual import ASK_AGAIN, HOURS_MAX, Usuals, hours_of
from tests.support.objects import rollout

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 15, 12, 20, tzinfo=UTC)
BEGIN = NOW.timestamp()
WEEK, HOUR = 7 * 86400.0, 3600.0
STAGES = [{"name": "canary", "weight": 5, "duration": "30m"}, {"name": "full", "weight": 100, "duration": "30m"}]
ERRORS: dict[str, Any] = {
    "name": "error-rate",
    "ratio": {"events": "errors{$selector}", "total": "requests{$selector}"},
    "check": {"usual": {"sigmas": "2"}},
}


@dataclass
class Prometheus:
    """Gives what a function says.

    Attributes:
        asked: queries and instants.
    """

    value: Callable[[float], float | None]
    clock: float | Unavailable = BEGIN
    asked: list[tuple[str, float]] = field(default_factory=list)

    async def now(self) -> float | Unavailable:
        return self.clock

    async def instant(self, query: str, at: float) -> Outcome:
        self.asked.append((query, at))
        found = self.value(at)
        return NoData() if found is None else Value(found)


def given(*metrics: dict[str, Any], stages: list[dict[str, Any]] = STAGES) -> ModelRollout:
    return rollout(stages=stages, metrics=list(metrics or (ERRORS,)))


def looking(prometheus: Prometheus) -> Usuals:
    return Usuals(cast(Any, prometheus), Settings(scrape_interval=timedelta(seconds=15)))


async def found_in(value: Callable[[float], float | None], of: ModelRollout | None = None) -> FoundLimits:
    return (await looking(Prometheus(value)).find(of or given(), NOW))[0]


def test_the_hours_are_those_that_the_stages_take_in_the_weeks_before() -> None:
    """From 12:20 on for an hour: 12 to 13 and 13 to 14, with the hours beside them."""
    hours = hours_of(given(), NOW.timestamp(), timedelta(weeks=2))
    assert (hours.count, hours.weeks) == (2, 2)
    noon = NOW.replace(minute=0).timestamp()
    one_week = [noon - WEEK + HOUR * number for number in range(4)]
    assert list(hours.ends) == [*one_week, *(end - WEEK for end in one_week)]
    assert hours.groups([1, 2, 3, 4, 5, 6, 7, 8]) == [[1, 2, 3, 5, 6, 7], [2, 3, 4, 6, 7, 8]]
    assert hours.groups([1, None, 3, 4, 5, 6, 7, None])[1] == [3, 4, 6, 7]


def test_of_a_long_rollout_a_day_is_looked_at() -> None:
    long = given(stages=[STAGES[0] | {"duration": "100h"}, STAGES[1]])
    assert hours_of(long, NOW.timestamp(), timedelta(weeks=3)).count == HOURS_MAX


async def test_the_limit_is_the_mean_and_so_many_sigmas_of_whatever_served_then() -> None:
    prometheus = Prometheus(lambda at: 0.002 if int(at // HOUR) % 2 else 0.004)
    found, _ = await looking(prometheus).find(given(), NOW)
    (limit,) = found.limits
    assert found.why == ""
    assert (limit.metric, limit.values) == ("error-rate", 6)
    # Four of six values are 0.004: mean 0.00333, sigma 0.00103.
    assert (limit.mean, limit.sigma, limit.max) == ("0.00333", "0.00103", "0.0054")
    query = prometheus.asked[0][0]
    assert "increase(errors{" in query
    assert "[3600s]" in query
    assert 'pod=~"digits-r[a-z2-7]{9}-.*"' in query
    assert len(prometheus.asked) == 8


async def test_the_highest_hour_of_the_rollout_counts() -> None:
    """Nights are quiet: a rollout that runs into the day is held to the day's limit."""
    begin = NOW.replace(minute=0).timestamp()
    found = await found_in(lambda at: 0.01 if (at - begin) % WEEK > 1.5 * HOUR else 0.001)
    assert float(found.limits[0].max) >= 0.01


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (lambda _at: None, "error-rate: history is too short: 0 of 6 values in an hour of the week, looking back 2"),
        (lambda at: None if at < NOW.timestamp() - 1.5 * WEEK else 0.001, "3 of 6 values"),
    ],
)  # fmt: skip
async def test_too_short_a_history_makes_no_limit(value: Callable[[float], float | None], why: str) -> None:
    found = await found_in(value)
    assert found.limits == ()
    assert why in found.why


async def test_one_metric_without_history_keeps_no_other_from_its_limit() -> None:
    of = given(ERRORS, {"name": "p99", "query": "p99{$selector,v=\"$version\"}", "check": {"usual": {}}})  # fmt: skip
    found = await found_in(lambda _at: 0.001, of)
    assert [limit.metric for limit in found.limits] == ["error-rate"]
    assert found.why.startswith("p99: ")


async def test_what_is_not_there_is_looked_for_again_only_after_a_while() -> None:
    prometheus = Prometheus(lambda _at: None)
    look, of = looking(prometheus), given()
    first, again_at = await look.find(of, NOW)
    asked = len(prometheus.asked)
    assert again_at == NOW + ASK_AGAIN
    assert await look.find(of, NOW + ASK_AGAIN / 2) == (first, again_at)
    assert len(prometheus.asked) == asked
    await look.find(of, again_at)
    assert len(prometheus.asked) == 2 * asked
    edited = given(ERRORS | {"check": {"usual": {"sigmas": "5"}}})
    await look.find(replace(edited, uid=of.uid), again_at)
    assert len(prometheus.asked) == 3 * asked
    look.forget(of.uid)
    await look.find(of, again_at)
    assert len(prometheus.asked) == 4 * asked


async def test_without_an_answer_there_is_no_limit() -> None:
    prometheus = Prometheus(lambda _at: 0.001, clock=Unavailable("timeout"))
    found, _ = await looking(prometheus).find(given(), NOW)
    assert found == FoundLimits(why="unavailable: timeout")
