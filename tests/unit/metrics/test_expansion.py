"""From series to metrics."""

from __future__ import annotations

from decimal import Decimal

import pytest

from modelrollout.api.metrics import Metric
from modelrollout.api.preset import PresetName
from modelrollout.metrics.expansion import Edge, choose_edge, detect, expand_preset, names_of
from modelrollout.metrics.preset_files import Preset, presets
from modelrollout.metrics.provider import RawSeries
from tests.support.expositions import parsed, series_of, value_of

pytestmark = pytest.mark.unit


def preset(name: PresetName) -> Preset:
    return next(one for one in presets() if one.name is name)


def metric(server: str, name: str, text: str | None = None) -> Metric:
    found = series_of(server) if text is None else parsed(text)
    made = expand_preset(preset(PresetName(server)), found, comparable=True)
    return next(metric for metric in made.metrics if metric.name == name)


def buckets(counts: dict[str, float]) -> tuple[RawSeries, ...]:
    return parsed("".join(f'x_bucket{{le="{edge}"}} {count}\n' for edge, count in counts.items()))


# --- which server it is -----------------------------------------------------------------------------------------------


def test_nothing_is_found_in_nothing() -> None:
    assert detect(PresetName.AUTO, presets(), ()) is None


def test_an_engine_counts_before_the_server_that_wraps_it_and_the_sidecar_beside_it() -> None:
    both = (*series_of("istio"), *series_of("kserve"), *series_of("vllm"))
    found = detect(PresetName.AUTO, presets(), both)
    assert found is not None
    assert found.name is PresetName.VLLM


def test_a_sidecar_is_better_than_nothing() -> None:
    found = detect(PresetName.AUTO, presets(), series_of("istio"))
    assert found is not None
    assert found.name is PresetName.ISTIO


def test_what_was_asked_for_is_not_looked_for() -> None:
    found = detect(PresetName.TRITON, presets(), series_of("vllm"))
    assert found is not None
    assert found.name is PresetName.TRITON


def test_the_names_of_one_look_fit_into_one_request() -> None:
    assert len(names_of(presets())) < 4096


# --- which of its metrics ---------------------------------------------------------------------------------------------


def test_a_renamed_series_is_known_under_both_names() -> None:
    old = 'vllm:request_success_total{finished_reason="stop"} 1\nvllm:gpu_cache_usage_perc 0.4\n'
    assert "kv_cache_usage" in str(metric("vllm", "cache").query)
    assert "gpu_cache_usage" in str(metric("vllm", "cache", old).query)


def test_tokens_are_no_independent_observations() -> None:
    """One answer gives hundreds of them, so only a mean is taken where nothing is observed once for each request."""
    assert metric("vllm", "token-time").histogram is not None
    assert metric("sglang", "token-time").histogram is None


def test_what_the_server_does_not_tell_is_left_out_with_the_series_that_is_missing() -> None:
    made = expand_preset(preset(PresetName.TGI), parsed("tgi_request_count 7\n"), comparable=True)
    assert [one.name for one in made.metrics] == ["errors", "rejected"]
    assert "queue: no series tgi_queue_size" in made.left_out
    assert "token-time: no series tgi_request_mean_time_per_token_duration_bucket with edges" in made.left_out


def test_an_alternative_that_is_there_is_not_left_out() -> None:
    made = expand_preset(preset(PresetName.VLLM), series_of("vllm"), comparable=True)
    assert made.left_out == ()


def test_distributions_are_watched_where_there_are_some_and_there_is_something_to_compare_with() -> None:
    beside, alone = (
        expand_preset(preset(PresetName.VLLM), series_of("vllm"), comparable=found) for found in (True, False)
    )
    assert {one.name for one in beside.metrics if one.drift is not None} == {"input-drift", "output-drift"}
    assert [one.name for one in alone.metrics if one.drift is not None] == []
    assert "input-drift: there is nothing to compare with" in alone.left_out


def test_without_anything_to_compare_with_only_absolute_limits_are_left() -> None:
    made = expand_preset(preset(PresetName.MLSERVER), series_of("mlserver"), comparable=False)
    assert {one.name for one in made.metrics} == {"errors", "restarts"}
    assert all(one.check.no_worse_than is None and not one.check.is_empty for one in made.metrics)
    assert "latency: there is nothing to compare with" in made.left_out


# --- the edge of a histogram ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "edge", "tells"),
    [
        pytest.param({"0.1": 50, "0.5": 95, "1.0": 99, "+Inf": 100}, "0.5", True, id="at most a tenth above"),
        pytest.param({"0.1": 10, "0.5": 90, "1.0": 95, "+Inf": 100}, "0.5", True, id="just a tenth"),
        pytest.param({"0.005": 95, "0.01": 100, "+Inf": 100}, "0.005", False, id="all in the first bucket"),
        pytest.param({"0.1": 0, "0.5": 20, "+Inf": 100}, "0.5", True, id="most beyond the last edge"),
        pytest.param({"0.1": 0, "0.5": 0, "1.0": 0, "+Inf": 0}, "0.5", False, id="nothing counted yet"),
        pytest.param({"10": 9, "1e+06": 95, "+Inf": 100, "2e+06": 99}, "1000000", True, id="by number"),
    ],
)
def test_the_edge(counts: dict[str, float], edge: str, tells: bool) -> None:  # noqa: FBT001 - a table
    assert choose_edge(buckets(counts)) == Edge(Decimal(edge), tells)


@pytest.mark.parametrize("counts", [{"+Inf": 100.0}, {"odd": 100.0}, {}])
def test_without_edges_there_is_none(counts: dict[str, float]) -> None:
    assert choose_edge(buckets(counts)) is None


def test_pods_are_added_up() -> None:
    slow, fast = buckets({"0.1": 0, "0.5": 10, "+Inf": 10}), buckets({"0.1": 990, "0.5": 990, "+Inf": 990})
    assert choose_edge((*slow, *fast)) == Edge(Decimal("0.1"), tells=False)


def kserve(**counts: float) -> str:
    """Its histogram of latency, with one bucket for each of 5 ms, 500 ms and 1 s."""
    edges = {"fast": "0.005", "half": "0.5", "one": "1.0", "every": "+Inf"}
    lines = [f'request_predict_seconds_bucket{{le="{edges[name]}"}} {count}\n' for name, count in counts.items()]
    return "".join([*lines, f"request_predict_seconds_count {counts['every']}\n"])


def test_the_limit_of_a_quantile_is_an_edge_and_the_comparison_stays() -> None:
    """Which is seen to be an edge of the candidate too before anything is judged by it."""
    latency = metric("kserve", "latency", kserve(fast=5, half=10, one=99, every=100))
    assert latency.histogram is not None
    assert latency.check.max == Decimal("1.0")
    assert latency.check.no_worse_than is not None


def test_a_histogram_that_tells_too_little_for_a_quantile_still_compares_shares() -> None:
    """`le="1"` selects nothing where the server says `le="1.0"`: the edge is matched as any server writes it."""
    latency = metric("kserve", "latency", kserve(fast=97, half=100, one=100, every=100))
    assert (latency.histogram, latency.check.max) == (None, None)
    assert latency.ratio is not None
    found = parsed(kserve(fast=97, half=100, one=100, every=100))
    assert value_of(str(latency.ratio.good), found) == 97
    assert value_of(latency.ratio.total, found) == 100
