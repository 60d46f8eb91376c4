"""What a metric was in earlier spans of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from modelrollout.analysis.outcome import Ambiguous, NoData, NotFinite, Outcome, Unavailable, Value
from modelrollout.api.metrics import Metric
from modelrollout.metrics.promql import Scope, Selector
from modelrollout.runtime.history import values_of
from tests.support.past import History

pytestmark = pytest.mark.unit

QUERY: dict[str, Any] = {"name": "p99", "query": "p99{$selector}[$window]", "check": {"max": "1"}}
SCOPE, PARTS = Scope("demo", "digits"), (Selector('pod="a"'),)


@dataclass(frozen=True)
class Said(History):
    """A history with one outcome for each instant."""

    outcomes: tuple[Outcome, ...] = ()

    async def instant(self, query: str, at: float) -> Outcome:
        assert query == 'p99{pod="a"}[60s]'
        return self.outcomes[int(at)]


def said(*outcomes: Outcome) -> Said:
    return Said((), 0.0, 0.0, outcomes=outcomes)


@pytest.mark.parametrize(
    ("outcomes", "found"),
    [
        ((), ()),
        ((Value(1.0), NoData(), NotFinite(float("nan")), Value(2.0)), (1.0, None, None, 2.0)),
        (tuple(Value(float(number)) for number in range(20)), tuple(float(number) for number in range(20))),
        ((Value(1.0), Ambiguous(3)), "the query returns 3 series; aggregate them to one, for example with sum()"),
        ((Unavailable("timeout"),), "unavailable: timeout"),
    ],
)
async def test_values(outcomes: tuple[Outcome, ...], found: tuple[float | None, ...] | str) -> None:
    ends = [float(number) for number in range(len(outcomes))]
    assert await values_of(Metric.model_validate(QUERY), SCOPE, PARTS, said(*outcomes), ends, 60.0) == found


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (QUERY | {"query": 'p99{$selector,version="$version"}'}, "version"),
        ({"name": "ink", "drift": {"of": "ink_bucket{$selector}"}}, "it is no single value"),
    ],
)
async def test_what_has_no_value_says_why(raw: dict[str, Any], why: str) -> None:
    found = await values_of(Metric.model_validate(raw), SCOPE, PARTS, said(), [], 60.0)
    assert isinstance(found, str)
    assert why in found
