"""From series to metrics."""

from __future__ import annotations

import pytest

from modelrollout.api.metrics import Metric
from modelrollout.api.preset import PresetName
from modelrollout.metrics.expansion import choose_edge, detect, expand_preset, names_of
from modelrollout.metrics.preset_files import Preset, presets
from modelrollout.metrics.provider import RawSeries
from tests.support.expositions import parsed, series_of

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
    assert metric("vllm", "token-time").ratio is not None
    assert metric("sglang", "token-time").ratio is None


def test_what_the_server_does_not_tell_is_left_out_with_the_series_that_is_missing() -> None:
    made = expand_preset(preset(PresetName.TGI), parsed("tgi_request_count 7\n"), comparable=True)
    assert [one.name for one in made.metrics] == ["errors", "rejected"]
    assert "queue: no series tgi_queue_size" in made.left_out
    assert "token-time: no series tgi_request_mean_time_per_token_duration_bucket with edges" in made.left_out


def test_an_alternative_that_is_there_is_not_left_out() -> None:
    made = expand_preset(preset(PresetName.VLLM), series_of("vllm"), comparable=True)
    assert made.left_out == ()


def test_without_anything_to_compare_with_only_absolute_limits_are_left() -> None:
    made = expand_preset(preset(PresetName.MLSERVER), series_of("mlserver"), comparable=False)
    assert {one.name for one in made.metrics} == {"errors", "restarts"}
    assert all(one.check.no_worse_than is None and not one.check.is_empty for one in made.metrics)
    assert "latency: there is nothing to compare with" in made.left_out


# --- the edge of a histogram ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "edge"),
    [
        pytest.param({"0.1": 50, "0.5": 95, "1.0": 99, "+Inf": 100}, "0.5", id="at most a tenth above"),
        pytest.param({"0.1": 90, "0.5": 95, "+Inf": 100}, "0.1", id="just a tenth"),
        pytest.param({"0.005": 100, "0.01": 100, "+Inf": 100}, "0.005", id="all in the first bucket"),
        pytest.param({"0.1": 0, "0.5": 20, "+Inf": 100}, "0.5", id="most beyond the last edge"),
        pytest.param({"0.1": 0, "0.5": 0, "1.0": 0, "+Inf": 0}, "0.5", id="nothing counted yet"),
        pytest.param({"10": 9, "5.0": 95, "+Inf": 100, "1e+02": 99}, "5.0", id="by number, as it is written"),
        pytest.param({"+Inf": 100}, None, id="no edge"),
        pytest.param({}, None, id="no series"),
    ],
)
def test_the_edge(counts: dict[str, float], edge: str | None) -> None:
    assert choose_edge(buckets(counts)) == edge


def test_pods_are_added_up() -> None:
    slow, fast = buckets({"0.1": 0, "0.5": 10, "+Inf": 10}), buckets({"0.1": 990, "0.5": 990, "+Inf": 990})
    assert choose_edge((*slow, *fast)) == "0.1"


def test_the_edge_is_written_as_the_server_writes_it() -> None:
    """`le="1"` selects nothing where the server says `le="1.0"`."""
    text = (
        'request_predict_seconds_bucket{le="0.5"} 10\nrequest_predict_seconds_bucket{le="1.0"} 99\n'
        'request_predict_seconds_bucket{le="+Inf"} 100\nrequest_predict_seconds_count 100\n'
    )
    ratio = metric("kserve", "latency", text).ratio
    assert ratio is not None
    assert ratio.good == 'request_predict_seconds_bucket{$selector,le="1.0"}'
