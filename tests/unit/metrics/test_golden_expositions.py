"""Each preset on the text that its server gives: it is recognised, and its numbers are the right ones."""

from __future__ import annotations

import re

import pytest

from modelrollout.api.metrics import Metric
from modelrollout.api.preset import PresetName
from modelrollout.metrics.expansion import Expansion, detect, expand_preset
from modelrollout.metrics.preset_files import Preset, Proof, presets
from modelrollout.runtime.counting import counted_of
from tests.support.expositions import select, series_of, text_of, value_of

pytestmark = pytest.mark.unit

SERVERS = [preset.name.value for preset in presets()]
COUNTS = {
    # server: (errors, requests), (requests not above the edge, requests that were timed), where they are counted
    "bentoml": ((2, 48), (40, 43)),
    "istio": ((3, 810), (780, 800)),
    "kserve": ((2, 45), (42, 45)),
    "mlserver": ((2, 47), (40, 43)),
    "openvino": ((5, 645), (600, 645)),
    "ray-serve": ((3, 708), (680, 700)),
    "seldon": ((4, 700), (680, 690)),
    "sglang": ((1, 300), None),
    "tensorflow-serving": ((4, 1000), (900, 985)),
    "tgi": ((2, 500), (480, 500)),
    "torchserve": ((4, 1000), None),
    "triton": ((2, 45), None),
    "vllm": ((2, 392), (380, 400)),
}
LATENCY = {"tgi": "token-time", "vllm": "token-time"}
NOT_THE_MODELS = {
    # server and metric: of how many requests how many were turned away, or not understood
    ("bentoml", "rejected"): (1, 48),
    ("bentoml", "rejected-input"): (2, 48),
    ("mlserver", "rejected-input"): (2, 47),
    ("ray-serve", "rejected-input"): (5, 708),
    ("seldon", "rejected-input"): (6, 700),
    ("tensorflow-serving", "rejected"): (2, 1000),
    ("tgi", "rejected"): (3, 500),
    ("triton", "rejected"): (0, 45),
}
MEANS = {
    # server and metric: seconds on average
    ("sglang", "token-time"): 0.012,
    ("torchserve", "latency"): 0.0124,
    ("triton", "latency"): 0.0584,
}


def preset(server: str) -> Preset:
    return next(one for one in presets() if one.name.value == server)


def expanded(server: str) -> Expansion:
    return expand_preset(preset(server), series_of(server), comparable=True)


def metric(server: str, name: str) -> Metric:
    return next(one for one in expanded(server).metrics if one.name == name)


@pytest.mark.parametrize("server", sorted(COUNTS))
def test_it_is_recognised(server: str) -> None:
    found = detect(PresetName.AUTO, presets(), series_of(server))
    assert found is not None
    assert found.name.value == server


@pytest.mark.parametrize("server", sorted(COUNTS))
def test_errors_are_those_of_the_model_and_of_nobody_else(server: str) -> None:
    """Not those of clients, of probes, of a full queue or of those who went away."""
    ratio, series = metric(server, "errors").ratio, series_of(server)
    assert ratio is not None
    total = value_of(ratio.total, series)
    events = value_of(ratio.events, series) if ratio.events else total - value_of(str(ratio.good), series)
    assert (events, total) == COUNTS[server][0]


@pytest.mark.parametrize(("server", "name"), sorted(NOT_THE_MODELS))
def test_what_is_no_fault_of_the_model_is_counted_apart(server: str, name: str) -> None:
    ratio, series = metric(server, name).ratio, series_of(server)
    assert ratio is not None
    assert ratio.events is not None
    assert (value_of(ratio.events, series), value_of(ratio.total, series)) == NOT_THE_MODELS[server, name]


@pytest.mark.parametrize("server", SERVERS)
def test_events_are_among_all_things(server: str) -> None:
    """Failing probes that only the events have would be failures of requests that nobody made."""
    series = series_of(server)
    for one in expanded(server).metrics:
        if one.ratio is not None and one.ratio.events is not None:
            events, total = select(one.ratio.events, series), select(one.ratio.total, series)
            counters = {thing.labels["__name__"] for thing in total}
            beside = [event for event in events if event.labels["__name__"] in counters and event not in total]
            assert beside == [], one.name


@pytest.mark.parametrize("server", sorted(name for name in COUNTS if COUNTS[name][1]))
def test_latency_is_counted_at_an_edge_that_the_server_has(server: str) -> None:
    counted, series = counted_of(metric(server, LATENCY.get(server, "latency"))), series_of(server)
    assert counted is not None
    assert counted.marks == "good"
    assert (value_of(counted.marked, series), value_of(counted.total, series)) == COUNTS[server][1]


@pytest.mark.parametrize(("server", "name"), sorted(MEANS))
def test_means_are_in_seconds(server: str, name: str) -> None:
    one, series = metric(server, name), series_of(server)
    assert one.mean is not None
    mean = value_of(one.mean.sum, series) * one.mean.factor / value_of(one.mean.count, series)
    assert mean == pytest.approx(MEANS[server, name], rel=0.001)


@pytest.mark.parametrize("server", SERVERS)
def test_every_series_that_a_metric_reads_is_there(server: str) -> None:
    """Selectors of a query: each must select something of the server's own text, or a name is wrong."""
    series = series_of(server)
    for one in expanded(server).metrics:
        counted = counted_of(one)
        if counted is not None:
            read = [counted.total, *([counted.marked] if counted.marks == "good" else [])]
        elif one.mean is not None:
            read = [one.mean.sum, one.mean.count]
        elif one.drift is not None:
            read = [one.drift.of]
        else:
            read = re.findall(r"[\w:]+\{[^{}]*\}", str(one.query))
        filled = [selector.replace("$namespace", "demo").replace("$rollout", "digits") for selector in read]
        assert filled
        assert [selector for selector in filled if not select(selector, series)] == []


@pytest.mark.parametrize("server", SERVERS)
def test_the_text_says_where_it_is_from(server: str) -> None:
    first = text_of(server).splitlines()[0]
    is_run = preset(server).proof is Proof.RUN
    assert first.startswith("# Recorded from " if is_run else "# Written after ")
