"""When a step is looked at again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.api.check import NoWorseThan
from modelrollout.api.metrics import Metric
from modelrollout.runtime.looking import Look
from modelrollout.runtime.next_look import ARRIVAL_SECONDS, next_look
from modelrollout.runtime.settings import Settings
from tests.support.looks import look_at
from tests.support.scenes import NOW, raw_spec, stepping

pytestmark = pytest.mark.unit

HERE = NOW.timestamp()


def looking(scrape: float = 1.0, offset: float = 0.0) -> Look:
    settings = Settings(scrape_interval=timedelta(seconds=scrape))
    return look_at(stepping(1, raw_spec()), settings, offset=offset)


def ratio(look: Look, interval: float = 1.0) -> Metric:
    metric = next(metric for metric in look.rollout.spec.metrics if metric.ratio is not None)
    return metric.model_copy(update={"interval": timedelta(seconds=interval)})


def query(interval: float) -> Metric:
    return Metric.model_validate(
        {
            "name": "latency",
            "category": "Software",
            "unit": "seconds",
            "query": "latency{$selector}",
            "interval": f"{interval:g}s",
            "check": {"max": "0.5"},
        }
    )


def seconds_until(look: Look, metrics: list[Metric], scraped_ago: float | None) -> float:
    scraped_at = None if scraped_ago is None else look.now - scraped_ago
    return next_look(look, metrics, scraped_at).timestamp() - HERE


@pytest.mark.parametrize(
    ("scraped_ago", "until"),
    [
        pytest.param(0.15, 0.85 + ARRIVAL_SECONDS, id="right after one: after the next"),
        pytest.param(0.90, 0.10 + ARRIVAL_SECONDS, id="shortly before the next: after it"),
        pytest.param(1.15, ARRIVAL_SECONDS, id="one is late: again, soon"),
        pytest.param(1.30, 0.30, id="still late: again, in twice the time"),
        pytest.param(1.80, 0.20 + ARRIVAL_SECONDS, id="too late: after the next"),
        pytest.param(7.15, 0.85 + ARRIVAL_SECONDS, id="gone: at its usual times, no more often"),
    ],
)
def test_a_quick_ratio_is_looked_at_after_each_scrape_of_the_candidate(scraped_ago: float, until: float) -> None:
    look = looking()
    assert seconds_until(look, [ratio(look)], scraped_ago) == pytest.approx(until, abs=0.001)


def test_it_is_always_later_than_now_and_never_later_than_a_scrape_and_its_arrival() -> None:
    look = looking(scrape=15.0)
    for tenths in range(600):
        assert 0 < seconds_until(look, [ratio(look)], tenths / 10) <= 15.0 + ARRIVAL_SECONDS + 0.001


def test_prometheus_own_clock_decides() -> None:
    assert seconds_until(looking(offset=-4.2), [ratio(looking())], 0.4) == pytest.approx(
        0.6 + ARRIVAL_SECONDS, abs=0.001
    )


def test_a_metric_that_asks_less_often_is_looked_at_after_its_ticks() -> None:
    look = looking()
    slow = ratio(look, interval=10.0)
    tick = look.grid_for(slow).tick_after(look.now)
    assert seconds_until(look, [slow], 0.4) == pytest.approx(tick - HERE + ARRIVAL_SECONDS, abs=0.001)


def test_of_several_the_first_moment_counts() -> None:
    look = looking()
    asked = query(interval=1.0)
    tick = look.grid_for(asked).tick_after(look.now) - HERE
    expected = min(tick, 0.6) + ARRIVAL_SECONDS
    assert seconds_until(look, [ratio(look), asked], 0.4) == pytest.approx(expected, abs=0.001)


def test_a_candidate_that_nobody_has_seen_is_looked_for_after_ticks_and_at_least_as_often_as_asked() -> None:
    look = looking()
    worse = NoWorseThan.model_validate({"ratio": "1.5"})
    compared = ratio(look)
    compared = compared.model_copy(update={"check": compared.check.model_copy(update={"no_worse_than": worse})})
    grid = look.grid_for(compared)
    assert grid.interval == 2.0
    just_after = replace(look, now=grid.tick_after(look.now) + 0.1)
    due = next_look(just_after, [compared], None).timestamp() - just_after.now
    assert due == pytest.approx(1.0 + ARRIVAL_SECONDS, abs=0.001)


def test_without_metrics_the_counting_of_requests_decides() -> None:
    look = looking()
    tick = look.grid_for(None).tick_after(look.now) - HERE
    assert seconds_until(look, [], None) == pytest.approx(min(tick, 1.0) + ARRIVAL_SECONDS, abs=0.001)
