"""What is told before the first step, and kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.analysis.feasibility import Ahead, Forecast
from modelrollout.api.status import FORECAST_MAX, AttemptStatus
from modelrollout.engine.decide import decide
from modelrollout.engine.forecast import LINE_MAX, forecast_lines, is_unforeseen
from modelrollout.engine.situation import Observation
from tests.support import scenes

pytestmark = pytest.mark.unit

LINES = ("at 9 requests/s:", "canary at 5 %: passes in about 10m, 270 requests")


def loading() -> Observation:
    seen = scenes.resting(scenes.raw_spec())
    return scenes.with_status(seen, attempt=AttemptStatus(**seen.desired.ref.model_dump(), started_at=scenes.NOW))


def forecast(label: str, problem: str | None = None) -> Forecast:
    step = Ahead(label, 5, 0, 60.0, 3600.0, frozenset())
    return Forecast(step, 60.0, 30, None, None, 5, problem)


def test_it_is_asked_for_once_for_each_attempt_and_before_its_first_step() -> None:
    seen = loading()
    assert is_unforeseen(seen)
    after = decide(replace(seen, forecast=LINES)).status
    assert after.attempt is not None
    assert after.attempt.forecast == LINES
    assert not is_unforeseen(replace(seen, rollout=replace(seen.rollout, status=after)))
    assert not is_unforeseen(scenes.stepping())
    assert not is_unforeseen(scenes.resting())


def test_nothing_is_foreseen_before_the_limits_are_known() -> None:
    raw = scenes.raw_spec(metrics=[scenes.METRICS[0] | {"check": {"usual": {}}}])
    seen = scenes.with_spec(loading(), raw)
    assert not is_unforeseen(seen)
    assert is_unforeseen(scenes.with_spec(loading(), scenes.raw_spec()))


def test_a_look_that_foresees_nothing_takes_nothing_away() -> None:
    told = decide(replace(loading(), forecast=LINES)).status
    seen = loading()
    again = decide(replace(seen, rollout=replace(seen.rollout, status=told))).status
    assert again.attempt is not None
    assert again.attempt.forecast == LINES


def test_what_stands_in_the_way_comes_first_and_all_of_it_is_bounded() -> None:
    steps = [forecast(f"step {number}") for number in range(20)]
    lines = forecast_lines(9.0, [*steps, forecast("ramp", "x" * 500)], ["latency: no data"])
    assert len(lines) == FORECAST_MAX
    assert max(len(line) for line in lines) == LINE_MAX
    assert lines[0] == "at 9 requests/s:"
    assert lines[1].startswith("! ramp: xxx")
    assert lines[2] == "! not foreseen: latency: no data"
    assert lines[-1] == "and 12 more: kubectl mr plan"
