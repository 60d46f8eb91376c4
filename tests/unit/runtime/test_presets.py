"""The look for a model server: whose series, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.outcome import Unavailable
from modelrollout.api.preset import PresetName
from modelrollout.engine.presets import Found
from modelrollout.engine.situation import Observation
from modelrollout.metrics.provider import RawOutcome
from modelrollout.runtime.presets import ASK_AGAIN, Presets
from modelrollout.runtime.settings import Settings
from tests.support.expositions import parsed, series_of
from tests.support.scenes import CANDIDATE, NOW, QUEUE, STABLE, Raw, beside_fallback, loading, raw_spec

pytestmark = pytest.mark.unit

AUTO = raw_spec(metrics=[])


@dataclass
class Prometheus:
    """Gives the series of one server, whoever is asked for.

    Attributes:
        asked: selectors, with the seconds of history that were asked for.
    """

    answer: RawOutcome = ()
    clock: float | Unavailable = 1000.0
    asked: list[tuple[str, float]] = field(default_factory=list)

    async def now(self) -> float | Unavailable:
        return self.clock

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        assert at == self.clock
        self.asked.append((selector, seconds))
        return self.answer


async def find(prometheus: Prometheus, raw: Raw = AUTO, seen: Observation | None = None) -> Found:
    look = Presets(cast(Any, prometheus), Settings(scrape_interval=timedelta(seconds=15)))
    found, again = await look.find((seen or loading(2, raw)).rollout, NOW)
    assert again == NOW + ASK_AGAIN
    return found


async def test_the_stable_versions_pods_tell_which_server_it_is() -> None:
    prometheus = Prometheus(series_of("mlserver"))
    found = await find(prometheus)
    assert found.preset is PresetName.MLSERVER
    assert [metric.name for metric in found.metrics] == ["errors", "latency", "queue", "rejected-input", "restarts"]
    ((selector, seconds),) = prometheus.asked
    assert selector.endswith(f'namespace="demo",pod=~"digits-{STABLE.hash}-.*"}}')
    assert seconds == 75.0


async def test_only_series_of_the_server_that_is_named_are_asked_for() -> None:
    prometheus = Prometheus(series_of("mlserver"))
    assert (await find(prometheus, raw_spec(metrics=[], preset="mlserver"))).preset is PresetName.MLSERVER
    assert "vllm" not in prometheus.asked[0][0]


async def test_a_server_that_is_named_and_not_there_is_not_judged_by_what_is_not_there() -> None:
    found = await find(Prometheus(series_of("mlserver")), raw_spec(metrics=[], preset="bentoml"))
    assert found.preset is None
    assert "no series of BentoML 1.4 that counts its answers (errors: no series" in found.why


async def test_a_server_whose_answers_nobody_has_counted_yet_is_not_judged_by_the_rest() -> None:
    """Its gauges are there from the start; a queue that is short and pods that do not restart would pass anything."""
    idle = "vllm:num_requests_running 0\nvllm:num_requests_waiting 0\nprocess_start_time_seconds 1\n"
    found = await find(Prometheus(parsed(idle)))
    assert found.preset is None
    assert "no series of vLLM 0.33 that counts its answers" in found.why


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (
            "BentoML 1.4",
            'bentoml_service_request_total{endpoint="/readyz",http_response_code="200"} 9\n'
            'bentoml_service_request_total{endpoint="/",http_response_code="200"} 9\n'
            'bentoml_service_request_total{endpoint="/robots.txt",http_response_code="404"} 1\n'
            'bentoml_service_request_in_progress{endpoint="/readyz"} 0\n',
        ),
        (
            "Seldon MLServer 1.7",
            'rest_server_requests_total{app_name="mlserver",path="/v2/health/ready",status_code="200"} 9\n',
        ),
        ("Ray Serve 2.60", 'ray_serve_num_http_requests_total{route="/-/healthz",status_code="200"} 9\n'),
        (
            "SGLang 0.5",
            'sglang:num_running_reqs 0\nsglang:http_responses_total{endpoint="/health",status_code="200"} 9\n',
        ),
    ],
)
async def test_a_server_that_has_answered_only_probes_is_looked_at_again(server: str, text: str) -> None:
    """What it has so far has no edge of latency, and what is chosen stays as long as the attempt."""
    found = await find(Prometheus(parsed(text)))
    assert found.preset is None
    assert f"no series of {server} that counts its answers" in found.why


@pytest.mark.parametrize(
    ("prometheus", "why"),
    [
        (Prometheus(), "Prometheus has no series of a known model server for version 1"),
        (Prometheus(clock=Unavailable("timeout")), "unavailable: timeout"),
        (Prometheus(Unavailable("timeout")), "unavailable: timeout"),
    ],
)
async def test_nothing_is_found(prometheus: Prometheus, why: str) -> None:
    assert await find(prometheus) == Found(None, why=why)


async def test_without_a_stage_below_100_nothing_is_compared() -> None:
    full = raw_spec(metrics=[], stages=[{"name": "full", "weight": 100}])
    found = await find(Prometheus(series_of("mlserver")), full)
    assert [metric.name for metric in found.metrics] == ["errors", "restarts"]
    assert found.metrics[0].check.max is not None


async def test_beside_a_fallback_that_no_series_tell_of_the_candidate_shows_the_server() -> None:
    silent = QUEUE.model_copy(update={"selector": None})
    seen = beside_fallback(loading(2, raw_spec(metrics=[], fallback=silent.dump())), fallback=silent)
    prometheus = Prometheus(series_of("mlserver"))
    found = await find(prometheus, seen=replace(seen))
    assert CANDIDATE.hash in prometheus.asked[0][0] or "digits-r" in prometheus.asked[0][0]
    assert [metric.name for metric in found.metrics] == ["errors", "restarts"]
