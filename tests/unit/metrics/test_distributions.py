"""Raw samples of buckets and of labelled counters, as counts of one span of time."""

from __future__ import annotations

import math
from typing import Any

import pytest

from modelrollout.analysis.distribution import Cumulative, Labelled
from modelrollout.metrics.distributions import MOST_VALUES, TooManyValuesError, distribution
from modelrollout.metrics.provider import RawSeries

pytestmark = pytest.mark.unit

INF = math.inf


def series(*samples: tuple[float, float], **labels: str) -> RawSeries:
    return RawSeries({"pod": "digits-a-1", "instance": "10.0.0.1", "job": "pods", **labels}, samples)


def counted(found: list[RawSeries], label: str | None = None) -> Any:
    return distribution(found, label, after=100.0, until=200.0)


def test_buckets_of_all_series_are_added_up() -> None:
    found = [
        series((90, 5), (110, 7), (190, 9), le="1"),
        series((90, 8), (110, 12), (190, 20), le="+Inf"),
        series((90, 1), (190, 2), le="1.0", path="/b"),
        series((90, 1), (190, 4), le="+Inf", path="/b"),
    ]
    assert counted(found) == Cumulative(((1.0, 5.0), (INF, 15.0)))


def test_what_lies_outside_the_span_does_not_count() -> None:
    assert counted([series((50, 1), (100, 5), (150, 9), (201, 50), le="+Inf")]) == Cumulative(((INF, 4.0),))


def test_a_counter_that_begins_anew() -> None:
    assert counted([series((90, 50), (110, 60), (120, 3), (130, 5), le="+Inf")]) == Cumulative(((INF, 15.0),))


def test_a_label_that_is_born_on_a_pod_that_was_scraped_before_counts_from_zero() -> None:
    found = [series((90, 5), (110, 7), prediction="1"), series((110, 4), (120, 6), prediction="2")]
    assert counted(found, "prediction") == Labelled({"1": 2.0, "2": 6.0})


def test_what_a_pod_did_before_its_first_scrape_is_not_known() -> None:
    found = [series((110, 7), (120, 9), prediction="1"), series((110, 4), (120, 6), prediction="2")]
    assert counted(found, "prediction") == Labelled({"1": 2.0, "2": 2.0})


def test_a_pod_that_two_jobs_scrape_counts_once() -> None:
    found = [
        series((90, 5), (110, 7), (120, 9), prediction="1", job="b"),
        series((91, 5), (111, 9), prediction="1", job="a"),
    ]
    assert counted(found, "prediction") == Labelled({"1": 4.0})


def test_values_that_are_no_numbers_are_passed_over() -> None:
    assert counted([series((90, 5), (110, math.nan), (120, 9), le="+Inf")]) == Cumulative(((INF, 4.0),))


@pytest.mark.parametrize(
    "found", [[], [series((90, 5), le="+Inf")], [series((90, 5), (110, 7), le="1")], [series((90, 5), (110, 7))]]
)
def test_without_a_histogram_in_the_span_there_is_nothing(found: list[RawSeries]) -> None:
    assert counted(found) is None


def test_a_label_that_names_things_is_refused() -> None:
    found = [series((90, 0), (110, 1), user=str(index)) for index in range(MOST_VALUES + 1)]
    with pytest.raises(TooManyValuesError, match="the label user has 101 values, and at most 100 are compared"):
        counted(found, "user")
