"""Rollouts without metrics of their own: those of the server are found, judged, and kept in status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from modelrollout.api.preset import PresetName
from tests.support.operators import running
from tests.support.playground import Playground

pytestmark = pytest.mark.component

WITHOUT: Final[dict[str, Any]] = {"metrics": []}


def as_kserve(counted: Mapping[str, float]) -> str:
    """The histograms of the KServe SDK: every answer has been predicted, and the good ones postprocessed."""
    total, errors = counted.get("requests", 0), counted.get("errors", 0)
    return (
        f'request_predict_seconds_bucket{{model_name="m",le="0.005"}} {total // 2}\n'
        f'request_predict_seconds_bucket{{model_name="m",le="0.01"}} {total}\n'
        f'request_predict_seconds_bucket{{model_name="m",le="+Inf"}} {total}\n'
        f'request_predict_seconds_count{{model_name="m"}} {total}\n'
        f'request_postprocess_seconds_count{{model_name="m"}} {total - errors}\n'
    )


async def begun(play: Playground) -> None:
    """Version 1 serves, and has answered."""
    await play.apply("1", **WITHOUT)
    await play.until("version 1 serves", stable="1", phase="Succeeded", applied=True)


async def test_a_worse_version_is_taken_back_by_the_metrics_of_its_server(play: Playground) -> None:
    for server in play.servers.values():
        server.exporter.say(as_kserve)
    play.servers["2"].error_rate = 0.6
    async with running(play.server.kubeconfig, play.settings):
        await begun(play)
        await play.apply("2", **WITHOUT)
        status = await play.until("version 2 is taken back", stable="1", phase="RolledBack", seconds=150)
    chosen = status.effective_metrics
    assert chosen is not None
    assert (chosen.asked, chosen.preset) == (PresetName.AUTO, PresetName.KSERVE)
    metrics = chosen.parsed()
    assert metrics is not None
    assert [metric.name for metric in metrics] == ["errors", "latency"]
    assert {check.name for check in status.checks} == {"errors", "latency"}
    assert status.failed is not None
    assert "errors" in status.failed.message


async def test_without_a_known_server_nothing_begins(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await begun(play)
        await play.apply("2", **WITHOUT)
        status = await play.until("it holds", waits="NoMetrics", phase="Progressing")
        assert await play.weights() == {"1": 100}
        assert status.attempt is not None
        assert status.attempt.step is None
        assert await play.told("NoMetrics", "no series of a known model server for version 1")
        await play.apply("2")
        status = await play.until("it begins with metrics of its own", stage="shadow")
        assert status.effective_metrics is None
