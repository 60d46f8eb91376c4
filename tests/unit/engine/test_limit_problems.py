"""Limits that nothing can keep, or that forbid nothing."""

from __future__ import annotations

import pytest

from modelrollout.engine.validate import problems_of
from tests.support.scenes import METRICS, Raw, raw_spec, spec_and_revision

pytestmark = pytest.mark.unit

RATIO, QUERY = METRICS
MEAN: Raw = {
    "name": "took",
    "unit": "seconds",
    "mean": {"sum": "took_sum{$selector}", "count": "took_count{$selector}"},
}
TAIL: Raw = {
    "name": "tail",
    "unit": "seconds",
    "histogram": {"buckets": "took_bucket{$selector}", "quantile": "0.99"},
}


def problems(metric: Raw, check: Raw) -> list[str]:
    return list(problems_of(spec_and_revision(raw_spec(metrics=[RATIO, metric | {"name": "one", "check": check}]))[0]))


@pytest.mark.parametrize(
    ("metric", "check"),
    [
        pytest.param(RATIO, {"max": "1", "min": "0"}, id="all-shares"),
        pytest.param(RATIO, {"max": "0.01", "noWorseThan": {"ratio": "5", "difference": "0.5"}}, id="factors-are-free"),
        pytest.param(QUERY, {"max": "100", "min": "-12.5"}, id="values-are-free"),
        pytest.param(QUERY, {"max": "3", "min": "3"}, id="one-value"),
        pytest.param(MEAN, {"max": "30", "noWorseThan": {"difference": "5"}}, id="seconds"),
    ],
)
def test_limits_that_can_be_kept_and_broken(metric: Raw, check: Raw) -> None:
    assert problems(metric, check) == []


@pytest.mark.parametrize(
    ("metric", "check", "field", "problem"),
    [
        pytest.param(
            QUERY,
            {"max": "0.5", "min": "0.9"},
            "min",
            "0.9 is above max, 0.5, and no value keeps both: min is the smallest good value, max the largest",
            id="contradicting",
        ),
        pytest.param(
            MEAN,
            {"max": "2", "min": "1e1"},
            "min",
            "10 is above max, 2, and no value keeps both: min is the smallest good value, max the largest",
            id="contradicting-means",
        ),
        pytest.param(
            RATIO,
            {"max": "5"},
            "max",
            "a ratio is a share, and its limits lie between 0 and 1, not at 5: 5 % is 0.05",
            id="percent",
        ),
        pytest.param(
            RATIO,
            {"min": "99.5"},
            "min",
            "a ratio is a share, and its limits lie between 0 and 1, not at 99.5: 99.5 % is 0.995",
            id="percent-of-good",
        ),
        pytest.param(
            RATIO,
            {"noWorseThan": {"difference": "2"}},
            "noWorseThan.difference",
            "a ratio is a share, and its limits lie between 0 and 1, not at 2: 2 % is 0.02",
            id="percent-points",
        ),
        pytest.param(
            TAIL,
            {"max": "30", "noWorseThan": {"difference": "5"}},
            "noWorseThan.difference",
            "of a histogram the shares beyond the edge are compared, and their differences lie between 0 and 1, not at "
            "5: 5 % is 0.05",
            id="seconds-of-a-share",
        ),
        pytest.param(
            RATIO,
            {"max": "-0.01"},
            "max",
            "a ratio is a share, and its limits lie between 0 and 1, not at -0.01",
            id="negative",
        ),
    ],
)
def test_what_is_said_of_the_others(metric: Raw, check: Raw, field: str, problem: str) -> None:
    assert problems(metric, check) == [f"spec.metrics[1].check.{field} (one): {problem}"]
