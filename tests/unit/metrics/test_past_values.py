"""One query for what a metric was in a span of time."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.metrics import Metric
from modelrollout.metrics.past_values import total_query, value_query
from modelrollout.metrics.promql import Scope, Selector

pytestmark = pytest.mark.unit

SCOPE = Scope("demo", "digits")
ONE = (Selector('pod="a"'),)
TWO = (*ONE, Selector('pod="b"', "queue"))
CHECK = {"check": {"max": "1"}}


@pytest.mark.parametrize(
    ("raw", "parts", "query"),
    [
        (
            {"ratio": {"events": "bad{$selector}", "total": "all{$selector}"}},
            ONE,
            '(sum(increase(bad{pod="a"}[300s])) or vector(0)) / sum(increase(all{pod="a"}[300s]))',
        ),
        (
            {"ratio": {"good": "ok{$selector}", "total": "all{$selector}"}},
            ONE,
            '1 - (sum(increase(ok{pod="a"}[300s])) or vector(0)) / sum(increase(all{pod="a"}[300s]))',
        ),
        (
            {"ratio": {"events": "bad{$selector}", "total": "all{$selector}"}},
            TWO,
            '(sum(increase(bad{pod="a"}[300s]) or increase(bad{pod="b"}[300s])) or vector(0)) / '
            'sum(increase(all{pod="a"}[300s]) or increase(all{pod="b"}[300s]))',
        ),
        (
            {"mean": {"sum": "s_sum{$selector}", "count": "s_count{$selector}"}},
            ONE,
            'sum(increase(s_sum{pod="a"}[300s])) / sum(increase(s_count{pod="a"}[300s]))',
        ),
        ({"query": "max(up{$selector}[$window])"}, ONE, 'max(up{pod="a"}[300s])'),
    ],
)
def test_queries(raw: dict[str, Any], parts: tuple[Selector, ...], query: str) -> None:
    assert value_query(Metric.model_validate({"name": "m", **raw, **CHECK}), SCOPE, parts, 300.0) == query


def test_only_what_is_counted_has_a_total() -> None:
    ratio = {"name": "m", "ratio": {"events": "bad{$selector}", "total": "all{$selector}"}, **CHECK}
    assert total_query(Metric.model_validate(ratio), SCOPE, ONE, 60.0) == 'sum(increase(all{pod="a"}[60s]))'
    query = {"name": "m", "query": "up{$selector}", **CHECK}
    assert total_query(Metric.model_validate(query), SCOPE, ONE, 60.0) is None
