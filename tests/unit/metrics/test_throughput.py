"""Answers of each pod, from raw samples of two buckets."""

from __future__ import annotations

import math

import pytest

from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import RawSeries
from modelrollout.metrics.throughput import Answered, answered

pytestmark = pytest.mark.unit

SCOPE = Scope("demo", "digits")


def series(pod: str, *values: float, every: float = 10.0, **labels: str) -> RawSeries:
    samples = tuple((every * index, value) for index, value in enumerate(values))
    return RawSeries({"__name__": "seconds_bucket", "pod": pod, "job": "pods", **labels}, samples)


def test_what_each_pod_answers() -> None:
    total = (series("a", 100, 200, 300), series("b", 0, 50, 100))
    in_time = (series("a", 100, 199, 297), series("b", 0, 50, 100))
    found = answered(total, in_time, SCOPE)
    assert found is not None
    assert (found.each_pod, found.requests) == (7.5, 300)
    assert found.late == pytest.approx(0.01)


def test_series_of_one_pod_add_up() -> None:
    total = (series("a", 0, 100, path="/one"), series("a", 0, 50, path="/two"))
    assert answered(total, total, SCOPE) == Answered(15.0, 150, 0.0)


def test_two_jobs_that_scrape_a_pod_count_once() -> None:
    total = (series("a", 0, 100), series("a", 0, 101, job="also"))
    found = answered(total, total, SCOPE)
    assert found is not None
    assert found.requests == 101


def test_a_restart_sets_a_counter_back() -> None:
    total = (series("a", 100, 200, 30),)
    assert answered(total, total, SCOPE) == Answered(6.5, 130, 0.0)


def test_a_pod_that_is_new_has_answered_since_it_was_seen() -> None:
    total = (series("a", 0, 100, 200), series("b", 0, 100), series("c", 7))
    assert answered(total, total, SCOPE) == Answered(10.0, 300, 0.0)


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        ((), None),
        ((series("a", 5),), None),
        ((series("a", math.nan, 5),), None),
        ((series("a", 5, 5),), Answered(0.0, 0, None)),
    ],
)
def test_where_there_is_little(total: tuple[RawSeries, ...], expected: Answered | None) -> None:
    assert answered(total, total, SCOPE) == expected


def test_without_the_edge_nobody_knows_what_came_in_time() -> None:
    assert answered((series("a", 0, 100),), (), SCOPE) == Answered(10.0, 100, None)
