"""Data files of model servers: each is whole, and says nothing that could not be judged."""

from __future__ import annotations

import pytest

from modelrollout.api.metrics import Category, Mode
from modelrollout.api.preset import PresetName
from modelrollout.metrics.preset_files import DIRECTORY, Preset, presets
from modelrollout.metrics.promql import check_ratio_selector, unknown_variables
from modelrollout.runtime.counting import counted_of
from modelrollout.runtime.drift_review import drift_problems

pytestmark = pytest.mark.unit

STREAMS = (PresetName.VLLM, PresetName.SGLANG, PresetName.TGI)
TOGETHER = PresetName.ENVOY_GATEWAY
"""The one that cannot tell revisions apart."""


def test_there_is_one_file_for_each_name() -> None:
    names = {name.value for name in PresetName} - {"auto", "none"}
    assert {path.stem for path in DIRECTORY.glob("*.yaml")} == names | {"every"}
    assert {preset.name.value for preset in presets()} == names


def test_engines_come_before_what_wraps_them_and_gateways_last() -> None:
    order = [preset.name for preset in presets()]
    assert order.index(PresetName.VLLM) < order.index(PresetName.RAY_SERVE) < order.index(PresetName.KSERVE)
    assert order.index(PresetName.VLLM) < order.index(PresetName.SELDON) < order.index(PresetName.MLSERVER)
    assert order[-2:] == [PresetName.ISTIO, TOGETHER]


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name.value)
def test_selectors_and_queries_can_be_read(preset: Preset) -> None:
    for entry in preset.metrics:
        metric = entry.metric
        counted = counted_of(metric)
        assert (metric.histogram is None) == (entry.edge is None), metric.name
        if counted is not None:
            assert [check_ratio_selector(selector) for selector in (counted.total, counted.marked)] == [None, None]
        elif metric.mean is not None:
            assert [check_ratio_selector(selector) for selector in (metric.mean.sum, metric.mean.count)] == [None, None]
        elif metric.drift is not None:
            assert list(drift_problems(metric.drift)) == []
        else:
            assert metric.query is not None
            assert unknown_variables(metric.query) == ()
            assert "$window" in metric.query


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name.value)
def test_what_modes_are_for(preset: Preset) -> None:
    """Only what the model does may roll it back: saturation holds, input and output warn."""
    for entry in preset.metrics:
        metric = entry.metric
        if metric.drift is not None:
            assert metric.mode is Mode.OBSERVE, metric.name
        if metric.category in (Category.INPUT, Category.OUTPUT):
            assert metric.mode in (Mode.WARN, Mode.OBSERVE), metric.name
        if metric.name in ("queue", "cache", "rejected"):
            assert metric.mode is Mode.HOLD
            # What was rejected is counted: that there is no room now is told by a gauge alone.
            assert metric.tells_of_a_full_queue is (metric.query is not None)
        if metric.name in ("latency", "first-token", "token-time"):
            assert metric.is_latency
        if metric.name in ("errors", "http-errors", "latency", "first-token", "token-time", "restarts"):
            assert metric.mode is Mode.ENFORCE


@pytest.mark.parametrize("preset", [p for p in presets() if p.name in STREAMS], ids=lambda p: p.name.value)
def test_the_time_of_a_whole_answer_stops_nobody(preset: Preset) -> None:
    """It is long where the answer is: the pace is judged, and the length is for people to look at."""
    judged = {entry.metric.name for entry in preset.metrics if entry.metric.mode is Mode.ENFORCE}
    watched = {entry.metric.name for entry in preset.metrics if entry.metric.category is Category.OUTPUT}
    assert "token-time" in judged
    assert judged <= {"errors", "http-errors", "first-token", "token-time", "restarts"}
    assert "output-length" in watched
    read = [one.series for entry in preset.metrics for one in (entry.when, entry.edge) if one is not None]
    assert [name for name in read if "e2e_request" in name or name.startswith("tgi_request_duration")] == []


@pytest.mark.parametrize("preset", [p for p in presets() if p.name is not TOGETHER], ids=lambda p: p.name.value)
def test_its_first_metric_counts_requests_and_stands_alone(preset: Preset) -> None:
    """It shows each revision's share of requests, and silence; and it needs no stable revision to compare with."""
    first = preset.metrics[0]
    assert first.metric.name == "errors"
    assert first.metric.ratio is not None
    assert first.alone is not None
    assert preset.markers


def test_a_gateway_that_cannot_tell_revisions_apart_enforces_nothing_and_is_never_found() -> None:
    preset = next(one for one in presets() if one.name is TOGETHER)
    own = [entry.metric for entry in preset.metrics if entry.metric.name != "restarts"]
    assert own
    assert {metric.mode for metric in own} == {Mode.WARN}
    assert preset.markers == ()


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name.value)
def test_it_says_where_it_is_from_and_what_cannot_be_had(preset: Preset) -> None:
    assert preset.title
    assert preset.source
    assert preset.exposed
    assert preset.cannot
