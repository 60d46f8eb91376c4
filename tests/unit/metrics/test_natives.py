"""Native histograms as Prometheus sends them, and as counters."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.outcome import Rejected
from modelrollout.analysis.ranges import Ranges
from modelrollout.metrics.distributions import distribution
from modelrollout.metrics.natives import at_edge, bound_problem, natives_in, standing, sums
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import Native, RawSeries
from tests.support.native import NativeHistogram, of

pytestmark = pytest.mark.unit

LABELS = {"__name__": "seconds", "pod": "digits-new-x1", "instance": "10.0.0.1", "job": "pods"}


def series(*samples: tuple[float, NativeHistogram], **labels: str) -> RawSeries:
    natives = tuple((at, histogram.native()) for at, histogram in samples)
    return RawSeries({**LABELS, **labels}, tuple((at, native.ranges.total) for at, native in natives), natives)


def counted(*found: RawSeries) -> Any:
    return distribution(found, None, after=100.0, until=200.0)


def test_what_prometheus_sends() -> None:
    buckets = [[3, "-0.001", "0.001", "2"], [0, "0.5", "1", "3"], [0, "1", "+Inf", "1"], [1, "-2", "-1", "4"]]
    sent = [
        [1.5, {"count": "11", "sum": "2.5", "buckets": buckets}],
        [2.5, {"count": "0", "sum": "0"}],
        [3.5, {"count": "NaN", "sum": "NaN"}],
        [4.5, {"count": "3", "sum": "NaN", "buckets": [[0, "1", "2", "-1"]]}],
    ]
    ranges = ((-2.0, -1.0, 4.0), (-0.001, 0.001, 2.0), (0.5, 1.0, 3.0), (1.0, math.inf, 1.0))
    assert natives_in(sent) == ((1.5, Native(Ranges(ranges, 11.0), 2.5)), (2.5, Native(Ranges((), 0.0), 0.0)))


def test_a_zero_bucket_without_width() -> None:
    read = natives_in([[1, {"count": "3", "sum": "1", "buckets": [[3, "0", "0", "2"], [0, "0.5", "1", "1"]]}]])
    assert read is not None
    ranges = read[0][1].ranges
    assert [ranges.at_or_below(edge) for edge in (-0.1, 0, 0.5, 1)] == [0, 2, 2, 3]


@pytest.mark.parametrize(
    "odd", [[[1.5]], [[1.5, "3"]], [[1.5, {"count": "3"}]], [[1.5, {"count": "3", "sum": "x"}]], [["x", {}]]]
)
def test_another_form(odd: list[Any]) -> None:
    assert natives_in(odd) is None


def test_what_lies_within_the_span_counts_over_all_series() -> None:
    found = counted(
        series((90, of([1.0])), (110, of([1.0, 3.0])), (190, of([1.0, 3.0, 9.0])), (201, of([1.0] * 9))),
        series((90, of([])), (190, of([3.0], schema=0)), path="/b"),
    )
    assert found.total == 3
    assert [found.at_or_below(edge) for edge in (1, 2, 4, 8)] == [0, 0, 2, 2]


def test_a_series_that_is_born_on_a_known_target_counts_from_zero() -> None:
    known = series((90, of([1.0])), (110, of([1.0])))
    assert counted(known, series((110, of([5.0])), path="/b")).total == 1
    # What a pod did before its first scrape is not known.
    assert counted(series((110, of([5.0])), (120, of([5.0, 5.0])))).total == 1
    assert counted(series((90, of([1.0])))) is None


def test_a_restart_behind_a_coarser_sample_is_found() -> None:
    base, coarse, fine = of([1.1] * 5, 1), of([1.1] * 6, 0), of([1.9] * 7, 1)
    assert counted(series((90, base), (110, coarse), (120, fine))) == fine.ranges


@given(st.data())
def test_everything_is_counted_once_whatever_restarts_and_loss_of_resolution_lie_in_between(
    data: st.DataObject,
) -> None:
    now = of([1.0], data.draw(st.integers(0, 3)))
    natives: list[tuple[float, NativeHistogram]] = [(80.0, copy.deepcopy(now))]
    truth: list[float] = []
    for at in range(100, 220, 20):
        least = 10
        if now.total > 1 and data.draw(st.booleans()):
            # Restarts show as fewer counts; who has counted as much again looks like one that never ended.
            least, now = now.total - 1, NativeHistogram(3)
        elif now.schema > -2 and data.draw(st.booleans()):
            now.coarsen()
        new = data.draw(st.lists(st.floats(-100, 100), max_size=min(10, least)))
        now.observe(*new)
        natives.append((float(at), copy.deepcopy(now)))
        truth += new if 100 < at <= 200 else []
    found = counted(series(*natives))
    assert found.total == len(truth)
    for edge in (0.0625, 1.0, 16.0):
        assert found.at_or_below(edge) == sum(value <= edge for value in truth)


def test_the_histograms_of_revisions_as_they_stand() -> None:
    scope = Scope("demo", "digits")
    found = standing(
        [
            series((90, of([1.0])), (110, of([1.0, 3.0]))),
            series((90, of([3.0], 0)), path="/b"),
            series((90, of([3.0])), pod="digits-other-x1"),
            RawSeries({"pod": "digits-old-x1"}, ((90, 1.0),)),
        ],
        scope,
        ("new", "old"),
    )
    assert set(found) == {"new"}
    assert (found["new"].total, found["new"].at_or_below(2)) == (3, 1)


def test_the_counter_below_an_edge_and_that_of_sums() -> None:
    one = series((90, of([0.4])), (110, of([0.4, 0.6, 3.0])))
    below = at_edge([one], 0.5)
    assert below == (RawSeries(LABELS, ((90, 1.0), (110, 1.0))),)
    assert sums([one]) == (RawSeries(LABELS, ((90, 0.4), (110, 4.0))),)
    plain = RawSeries(LABELS, ((90, 1.0),))
    assert sums([plain]) == (plain,)


def test_what_cannot_be_counted_at_an_edge_says_what_can() -> None:
    one = series((90, of([3.0])), (110, of([0.3, 3.0], 0)))
    rejected = at_edge([one], 0.3)
    assert isinstance(rejected, Rejected)
    assert rejected.message == (
        "0.3 is no bound of the native buckets: the nearest are 0.25 and 0.5; powers of two are bounds of all but the "
        "coarsest"
    )
    plain = at_edge([RawSeries(LABELS, ((90, 1.0),))], 0.3)
    assert plain == Rejected("seconds is no native histogram; of a classic one, write seconds_bucket{$selector}")


def test_a_bound_of_one_resolution_only() -> None:
    fine, coarse = of([1.3], 1).ranges, of([5.0], 0).ranges
    assert bound_problem(1.41421, [fine]) is None
    assert bound_problem(1.41421, [fine, of([1.3], 0).ranges]) == (
        "1.41421 is no bound of the native buckets: the nearest are 1 and 2; powers of two are bounds of all but the "
        "coarsest"
    )
    assert bound_problem(4.0, [fine, coarse]) is None
