"""Limits from the stable revision's own history, and what they are worth on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from modelrollout.analysis.outcome import NoData, Outcome, Value
from modelrollout.analysis.usual import Usual
from modelrollout.api.check import Check
from modelrollout.api.metrics import Metric, Mode
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import RevisionRef
from modelrollout.runtime.halves import CANDIDATE
from modelrollout.runtime.replay import Trial
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.suggesting import (
    LEAST_WINDOWS,
    Proposal,
    check_for,
    enforced_with,
    proposals,
    tried,
    window_of,
)
from tests.support.objects import rollout
from tests.support.past import History, Pod

pytestmark = pytest.mark.unit

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOURS = 2
SETTINGS = Settings(scrape_interval=timedelta(seconds=15), scrape_timeout=timedelta(seconds=1))
ASKED = Trial(RevisionRef(revision="rstable", version="1"), CANDIDATE, BEGIN, BEGIN + timedelta(hours=HOURS))
STAGES = [{"name": "canary", "weight": 50, "duration": "10m"}, {"name": "full", "weight": 100, "duration": "5m"}]
ERRORS: dict[str, Any] = {
    "name": "error-rate",
    "ratio": {"events": "errors{$selector}", "total": "requests{$selector}"},
    "check": {"max": "0.5"},
}
LATENCY: dict[str, Any] = {
    "name": "p99",
    "unit": "seconds",
    "query": 'p99{$selector,version="$version"}',
    "mode": "Observe",
}


@dataclass(frozen=True)
class Told(History):
    """A history whose queries give what a function says."""

    value: Callable[[str, float], float | None] = lambda _query, _at: None

    async def instant(self, query: str, at: float) -> Outcome:
        found = self.value(query, at)
        return NoData() if found is None else Value(found)


def pods(*bad: float) -> tuple[Pod, ...]:
    """As many pods of stable; each fails a share of its own of ten requests a second."""
    return tuple(
        Pod(
            f"digits-rstable-{number}",
            _counters(share),
        )
        for number, share in enumerate(bad)
    )


def _counters(share: float) -> dict[str, Callable[[float], float]]:
    return {"requests": lambda at: 10 * at, "errors": lambda at: int(10 * share * at)}


def past(*bad: float, value: Callable[[str, float], float | None]) -> Told:
    return Told(pods(*bad), BEGIN.timestamp() - 300, HOURS * 3600 + 300, every=15.0, value=value)


def given(*metrics: dict[str, Any]) -> ModelRollout:
    return rollout(stages=STAGES, metrics=list(metrics))


def share(query: str, at: float) -> float | None:
    """Shares that go up and down by the hour; totals where no quotient is asked for."""
    if " / " not in query:
        return 72_000.0
    return 0.002 if int(at / 300) % 2 else 0.004


async def test_the_limits_fit_what_stable_varied_by() -> None:
    (found,) = await proposals(given(ERRORS), ASKED, past(value=share), SETTINGS)
    assert found.usual is not None
    assert (found.usual.lowest, found.usual.highest, found.usual.values) == (0.002, 0.004, 24)
    assert found.usual.mean == pytest.approx(0.003)
    assert found.requests == 72_000
    assert found.check is not None
    assert found.check.max is not None
    assert Decimal("0.006") <= found.check.max <= Decimal("0.0062")
    assert found.check.no_worse_than is not None
    assert (found.check.no_worse_than.ratio, found.check.no_worse_than.difference) == (
        Decimal("1.5"),
        Decimal("0.0011"),
    )


async def test_queries_are_asked_about_the_stable_version() -> None:
    asked: list[str] = []

    def value(query: str, at: float) -> float | None:
        asked.append(query)
        return 0.2 + (at % 600) / 6000

    _, found = await proposals(given(ERRORS, LATENCY), ASKED, past(value=value), SETTINGS)
    assert found.check is not None
    assert found.check.max is not None
    assert any(query.startswith("p99{") and 'version="1"' in query and "rstable" in query for query in asked)


@pytest.mark.parametrize(
    ("metric", "value", "why"),
    [
        pytest.param(ERRORS, lambda _query, _at: None, f"0 of 24 spans of 5m have a value: it takes {LEAST_WINDOWS}",
                     id="no history"),
        pytest.param(
            {"name": "ink", "drift": {"of": "ink_bucket{$selector}"}}, share, "limits of drift are conventions",
            id="drift"),
        pytest.param(
            {"name": "p99", "histogram": {"buckets": "s_bucket{$selector}", "quantile": "0.99"}, "check": {"max": "1"}},
            share, "its limit is an edge", id="histogram"),
        pytest.param(LATENCY | {"query": "p99{$selector,pod=$nothing}"}, share, "nothing", id="unknown variable"),
    ],
)  # fmt: skip
async def test_what_cannot_be_proposed_says_why(
    metric: dict[str, Any], value: Callable[[str, float], float | None], why: str
) -> None:
    _, found = await proposals(given(ERRORS | {"name": "other"}, metric), ASKED, past(value=value), SETTINGS)
    assert found.check is None
    assert found.why is not None
    assert why in found.why


@pytest.mark.parametrize(
    ("raw", "usual", "requests", "expected"),
    [
        pytest.param(ERRORS, Usual(0.0, 0.0, 0.0, 0.0, 24), 1000, {"max": (0.003, 0.02)}, id="never seen"),
        pytest.param(ERRORS, Usual(0.9, 0.1, 0.5, 1.0, 24), 1000, {"max": (1, 1)}, id="no share is above 1"),
        pytest.param(
            ERRORS | {"check": {"min": "0.5"}}, Usual(0.99, 0.001, 0.98, 1.0, 24), 10**7, {"min": (0.987, 0.987)},
            id="falls"),
        pytest.param(LATENCY, Usual(0.5, 0.02, 0.4, 0.6, 24), None, {"max": (0.56, 0.56)}, id="a value"),
    ],
)  # fmt: skip
def test_limits(
    raw: dict[str, Any], usual: Usual, requests: int | None, expected: dict[str, tuple[float, float]]
) -> None:
    check = check_for(Metric.model_validate(raw), usual, requests)
    for side, (low, high) in expected.items():
        limit = getattr(check, side)
        assert limit is not None
        assert low <= float(limit) <= high
    assert {side for side in ("max", "min") if getattr(check, side) is not None} == set(expected)


def test_where_nothing_was_ever_seen_a_difference_is_left() -> None:
    """Or one failure beside a stable version without any would be worse than 1.5 times nothing."""
    check = check_for(Metric.model_validate(ERRORS), Usual(0.0, 0.0, 0.0, 0.0, 24), 1000)
    assert check.no_worse_than is not None
    assert check.no_worse_than.difference is not None
    assert 0.001 <= float(check.no_worse_than.difference) <= 0.01


@pytest.mark.parametrize(
    ("hours", "seconds"), [(24, 300.0), (2, 300.0), (1, 150.0), (0.5, 75.0), (0.1, 60.0), (240, 3000.0)]
)
def test_spans_fit_the_history(hours: float, seconds: float) -> None:
    assert window_of(hours * 3600, 15.0) == pytest.approx(seconds)


def proposal(raw: dict[str, Any], limit: str) -> Proposal:
    return Proposal(Metric.model_validate(raw), check=Check(max=Decimal(limit)))


async def test_a_limit_that_is_kept_raises_no_alarm_and_one_below_it_does() -> None:
    history = past(0.02, 0.02, value=share)
    kept = await tried(given(ERRORS), [proposal(ERRORS, "0.05")], ASKED, history, SETTINGS)
    assert kept.why is None
    assert kept.rollouts >= 3
    assert (kept.alarms, kept.of("error-rate")) == (0, 0)
    short = replace(ASKED, end=BEGIN + timedelta(minutes=20))
    broken = await tried(given(ERRORS), [proposal(ERRORS, "0.005")], short, history, SETTINGS)
    assert broken.alarms == broken.rollouts > 0
    assert broken.of("error-rate") == broken.alarms


async def test_without_two_pods_nothing_is_tried() -> None:
    found = await tried(given(ERRORS), [proposal(ERRORS, "0.05")], ASKED, past(0.02, value=share), SETTINGS)
    assert found.why is not None
    assert "pods can be halved, not 1" in found.why


def test_it_is_tried_as_if_it_were_enforced() -> None:
    metric = Metric.model_validate(ERRORS | {"mode": "Observe", "stages": ["full"]})
    made = enforced_with(metric, Check(max=Decimal("0.05")))
    assert (made.mode, made.stages, made.check.max) == (Mode.ENFORCE, None, Decimal("0.05"))
