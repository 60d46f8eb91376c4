"""Counters are read as they are exposed."""

from __future__ import annotations

import pytest

from benchmarks.meters import parse

pytestmark = pytest.mark.unit

FLOW = "apiserver_flowcontrol_request_execution_seconds_count"
TEXT = f"""# HELP {FLOW} some text {{with="braces"}} 1
# TYPE {FLOW} counter
{FLOW}{{flow_schema="ours",priority_level="low",type="regular"}} 5
{FLOW}{{flow_schema="ours",priority_level="low",type="watch"}} 52
{FLOW}{{flow_schema="theirs",priority_level="low",type="regular"}} 7
plain_total 1.5e+06
container_cpu_usage_seconds_total{{container="a \\"b\\", c",pod="p"}} 2.25 1795257412320
"""


def test_samples_are_added_up_over_the_labels_that_are_not_asked_for() -> None:
    metrics = parse(TEXT)
    assert metrics.sum(FLOW, flow_schema="ours", type="regular") == 5
    assert metrics.sum(FLOW, flow_schema="ours") == 57
    assert metrics.sum(FLOW) == 64


def test_exponents_timestamps_and_quotes_are_read() -> None:
    metrics = parse(TEXT)
    assert metrics.sum("plain_total") == 1_500_000
    assert metrics.sum("container_cpu_usage_seconds_total", pod="p") == 2.25


def test_what_is_not_there_is_nothing() -> None:
    assert parse(TEXT).sum(FLOW, flow_schema="nobody") == 0
    assert parse("").sum(FLOW) == 0
