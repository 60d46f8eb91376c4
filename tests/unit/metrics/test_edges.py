"""Edges of buckets are numbers, however an exporter spells them."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.metrics.edges import (
    Buckets,
    bucket_of,
    buckets_of,
    check_buckets,
    is_native,
    of_other_kind,
    other_kind,
    spellings,
)
from modelrollout.metrics.promql import Scope, check_ratio_selector
from modelrollout.metrics.provider import RawSeries

pytestmark = pytest.mark.unit

SCOPE = Scope("demo", "digits")
INF = float("inf")


@pytest.mark.parametrize(
    ("edge", "texts"),
    [
        ("0.5", ["0.5", ".5", "0.50", "5e-01", "5e-1", "5.0E-1"]),
        ("1", ["1", "1.0", "1.00", "1e0", "1e+00", "1.0E0"]),
        ("1.00", ["1", "1.0"]),
        ("2.5", ["2.5", "2.50", "2.5e+00", "2.5E0"]),
        ("100", ["100", "100.0", "1e2", "1e+02", "1.0E2"]),
        ("1e6", ["1000000", "1000000.0", "1e+06", "1.0E6"]),
        ("0.00005", ["0.00005", "5e-05", "5.0E-5"]),
        ("-1.5", ["-1.5", "-1.50", "-1.5e+00"]),
        ("0", ["0", "0.0", "-0", "0e+00"]),
    ],
)
def test_all_spellings_of_an_edge_are_found(edge: str, texts: list[str]) -> None:
    for text in texts:
        assert re.fullmatch(spellings(Decimal(edge)), text), text


@given(edge=st.floats(-1e9, 1e9), other=st.floats(-1e9, 1e9))
def test_what_python_and_go_write_is_found_and_nothing_else(edge: float, other: float) -> None:
    pattern = spellings(Decimal(repr(edge)))
    for text in (repr(edge), f"{edge:.17g}" if float(f"{edge:.17g}") == edge and repr(edge) == f"{edge:.17g}" else "0"):
        if text != "0":
            assert re.fullmatch(pattern, text), text
    assert bool(re.fullmatch(pattern, repr(other))) == (edge == other)


@pytest.mark.parametrize("text", ["0.05", "0.51", "5", "50", "0x5", "0.5e", "05", "+Inf", "", "0.5.0"])
def test_other_numbers_are_not_that_edge(text: str) -> None:
    assert not re.fullmatch(spellings(Decimal("0.5")), text)


def test_the_selector_of_a_bucket_is_a_plain_one() -> None:
    selector = bucket_of('seconds_bucket{$selector,path="/infer"}', Decimal("0.5"))
    assert selector == 'seconds_bucket{le=~"(5([.]0*)?[eE]-0*1|0?[.]50*)",$selector,path="/infer"}'
    assert check_ratio_selector(selector) is None


@pytest.mark.parametrize(
    ("selector", "says"),
    [
        ("seconds_bucket{$selector}", None),
        ('{__name__="seconds_bucket",$selector}', None),
        ('seconds_bucket{$selector,rule="strict"}', None),
        ("rate(seconds_bucket{$selector}[1m])", "not a plain series selector"),
        ("seconds_bucket{}", "it must hold $selector once"),
        ('seconds_bucket{$selector,le="0.5"}', "leave the label le out"),
        ('seconds_bucket{le=~"0.5|1", $selector}', "leave the label le out"),
        ("seconds{$selector}", None),
        (
            "seconds_sum{$selector}",
            "not seconds_sum: seconds_bucket{$selector} of a classic one, seconds{$",
        ),
        ("seconds_total{$selector}", "seconds_total is a counter by its name"),
    ],
)
def test_selectors_of_buckets(selector: str, says: str | None) -> None:
    problem = check_buckets(selector)
    assert problem is None if says is None else problem is not None and says in problem


@pytest.mark.parametrize(
    ("selector", "native", "other"),
    [
        ('seconds_bucket{$selector,path="/,x"}', False, 'seconds{$selector,path="/,x"}'),
        ('seconds{path="a",$selector}', True, 'seconds_bucket{path="a",$selector}'),
        ('{"http.seconds",$selector}', True, '{"http.seconds_bucket",$selector}'),
        ('{$selector, "http.seconds_bucket"}', False, '{$selector, "http.seconds"}'),
        ('{__name__="seconds_bucket",$selector}', False, '{__name__="seconds",$selector}'),
        ('{__name__=~"seconds.*",$selector}', False, None),
    ],
)
def test_whether_a_selector_is_that_of_a_native_histogram(
    selector: str,
    native: bool,  # noqa: FBT001 - a column
    other: str | None,
) -> None:
    assert is_native(selector) is native
    assert of_other_kind(selector) == other


def test_what_to_write_if_it_is_of_the_other_kind() -> None:
    assert other_kind("seconds{$selector}") == "if it is a classic one, write seconds_bucket{$selector}"
    assert other_kind("seconds_bucket{$selector}") == "if it is a native one, write seconds{$selector}"
    assert other_kind('{__name__=~"s",$selector}') == "if it is a native one, write its name"


def bucket(revision: str, le: str, *values: float, **labels: str) -> RawSeries:
    pod = f"digits-{revision}-x1"
    samples = tuple((1000.0 + index, value) for index, value in enumerate(values))
    return RawSeries({"__name__": "seconds_bucket", "pod": pod, "le": le, **labels}, samples)


def test_histograms_of_revisions_are_added_up_by_the_number_of_their_edges() -> None:
    series = [
        bucket("old", "5e-01", 1, 5),
        bucket("old", "0.5", 2, path="/b"),
        bucket("old", "+Inf", 6, 8),
        bucket("old", "+Inf", 3, path="/b"),
        bucket("new", "0.25", 0),
        bucket("new", "+Inf", 0),
        bucket("other", "+Inf", 7),
    ]
    found = buckets_of(series, SCOPE, ("new", "old"))
    assert found == {"old": Buckets(((0.5, 7.0), (INF, 11.0))), "new": Buckets(((0.25, 0.0), (INF, 0.0)))}
    assert found["old"].edges == (0.5,)
    assert found["old"].has(0.5)
    assert not found["old"].has(0.25)


def test_what_is_no_classic_histogram_is_not_taken_for_one() -> None:
    no_edge = RawSeries({"pod": "digits-old-x1"}, ((1.0, 1.0),))
    assert (
        buckets_of([no_edge, bucket("old", "nan", 1), bucket("old", "fast", 1), bucket("old", "1", 3)], SCOPE, ("old",))
        == {}
    )
