"""What is foreseen, from stable's own counters."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modelrollout.runtime.foreseeing import LOOKBACK_SECONDS, Outlook, ahead, outlook
from modelrollout.runtime.settings import Settings
from tests.support.objects import rollout
from tests.support.past import History, Pod

pytestmark = pytest.mark.unit

NOW = 1_800_000_000.0
SETTINGS = Settings(scrape_interval=timedelta(seconds=15), scrape_timeout=timedelta(seconds=1))
STAGES = [
    {"name": "shadow", "shadow": {"percent": 50}, "duration": "1m"},
    {"name": "smoke", "preview": {}, "duration": "1m"},
    {"name": "canary", "weight": 5, "maxDuration": "1h"},
    {"name": "ramp", "ramp": {"to": 50, "step": 25, "every": "5m"}},
    {"name": "full", "weight": 100},
]


async def seen(a_second: float, errors: float) -> Outlook:
    """Stable answers so many requests a second, of which a share are errors."""
    counters = {"requests": lambda at: a_second * at, "errors": lambda at: a_second * errors * at}
    span = LOOKBACK_SECONDS + 300
    past = History((Pod("digits-rstable-1", counters),), NOW - span, span, every=15.0)
    return await outlook(rollout(stages=STAGES), "rstable", past, SETTINGS, NOW)


async def test_traffic_and_shares_are_those_of_the_last_half_hour() -> None:
    found = await seen(20.0, 0.002)
    assert found.requests_a_second == pytest.approx(20.0, rel=0.02)
    assert found.unread == ()
    assert [forecast.step.label for forecast in found.forecasts] == [
        "shadow at mirror 50 %",
        "canary at 5 %",
        "ramp at 30 %",
        "ramp at 50 %",
        "full at 100 %",
    ]
    assert all(forecast.problem is None for forecast in found.forecasts)


async def test_too_little_traffic_is_told_of_before_it_is_spent() -> None:
    found = await seen(0.2, 0.002)
    canary = found.forecasts[1]
    assert canary.problem is not None
    assert "maxDuration is 1h" in canary.problem
    assert canary.smallest_weight is not None
    assert canary.smallest_weight > 5


async def test_a_limit_that_stable_breaks_is_told_of() -> None:
    found = await seen(20.0, 0.05)
    assert "of the stable version itself is 0.05 > 0.01" in (found.forecasts[1].problem or "")


async def test_what_has_counted_nothing_is_told_of() -> None:
    past = History((), NOW - 10, 10)
    found = await outlook(rollout(stages=STAGES), "rstable", past, SETTINGS, NOW)
    assert found.requests_a_second == 0
    assert found.unread == ("error-rate: the stable version has counted nothing in the last 30m",)


def test_only_metrics_of_the_stage_have_a_part_in_it() -> None:
    spec = rollout(
        stages=STAGES,
        metrics=[
            {
                "name": "error-rate",
                "ratio": {"events": "errors{$selector}", "total": "requests{$selector}"},
                "check": {"max": "0.01"},
                "stages": ["canary"],
            }
        ],
    ).spec
    assert [bool(step.metrics) for step in ahead(spec)] == [False, True, False, False, False]
