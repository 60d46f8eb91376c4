"""Who answers what the first revision does not get, against the real API server and a real Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from modelrollout.kube.resources import ENDPOINT_SLICE, MODEL_ROLLOUT, SERVICE
from tests.support.exporter import Exporter
from tests.support.operators import running
from tests.support.players import Server
from tests.support.playground import QUICK, Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

QUEUE = {"service": {"name": "queue", "port": 80}, "selector": 'pod=~"queue-.*"'}
RELATIVE = [QUICK["metrics"][0] | {"check": {"noWorseThan": {"difference": "0.02"}}}]
LIVE = QUICK["stages"][1:]


@pytest.fixture
def queue(play: Playground) -> Iterator[Server]:
    """A Service of the user's that answers, and that Prometheus scrapes."""
    with Exporter() as exporter:
        exporter.add(requests=0)
        server = Server(exporter)
        play.servers["queue"] = play.players.servers["queue"] = server
        play.hashes["queue"] = "queue"
        play.prometheus.set_target("queue-0", exporter.address, {"namespace": play.namespace, "pod": "queue-0"})
        yield server


async def make_queue(play: Playground) -> None:
    """As its owner: a Service, and the pod behind it that is ready."""
    await play.make(SERVICE, "queue", spec={"selector": {"app": "queue"}, "ports": [{"port": 80}]})
    labels = {"metadata": {"name": "queue-x", "labels": {"kubernetes.io/service-name": "queue"}}}
    endpoints = [{"addresses": ["10.2.0.1"], "conditions": {"ready": True}}]
    ports = [{"name": "", "port": 80, "protocol": "TCP"}]
    await play.make(ENDPOINT_SLICE, "queue-x", **labels, addressType="IPv4", endpoints=endpoints, ports=ports)


async def annotate(play: Playground, control: str, value: str) -> None:
    await play.edit(MODEL_ROLLOUT, "digits", {"metadata": {"annotations": {f"modelrollout.io/{control}": value}}})


async def test_the_first_version_takes_a_manual_task_over_and_gives_it_back_in_one_write(
    play: Playground, queue: Server
) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.apply("1", fallback=QUEUE, metrics=RELATIVE)
        await play.until("it waits for the queue", waits="InvalidSpec")
        await make_queue(play)
        await play.until("the queue answers", stable="queue", seconds=90)
        await play.until("the canary is in force", stage="canary", in_force=True)
        assert await play.weights() == {"queue": 80, "1": 20}
        status = await play.until("version 1 is stable", stable="1", applied=True)
        assert status.previous is not None
        assert status.previous.version == "queue"
        assert await play.weights() == {"1": 100}
        seen = [weights for _, weights in play.players.routes]
        assert seen[0] == {"queue": 100}
        checks = {check.name: check for check in status.checks}
        assert checks["error-rate"].stable is not None
        before = len(play.players.routes)
        await annotate(play, "rollback", play.hashes["1"])
        await play.until("the queue answers again", stable="queue", applied=True)
        assert [weights for _, weights in play.players.routes[before:]] == [{"queue": 100}]
        assert queue.answered > 0


async def test_a_first_version_that_is_worse_than_the_queue_gives_it_all_back(play: Playground, queue: Server) -> None:
    play.servers["1"].error_rate = 0.3
    async with running(play.server.kubeconfig, play.settings):
        await make_queue(play)
        await play.apply("1", fallback=QUEUE, metrics=RELATIVE, stages=LIVE)
        status = await play.until("version 1 is rolled back", phase="RolledBack")
        assert status.failed is not None
        assert status.failed.reason == "Harm"
        assert await play.weights() == {"queue": 100}
        assert queue.answered > 0


async def test_requests_that_no_version_gets_are_refused_by_a_service_without_endpoints(play: Playground) -> None:
    play.hashes["refused"] = "fallback"
    slow = [LIVE[0] | {"duration": "8s"}, LIVE[1]]

    async def refusal() -> dict[str, Any] | None:
        return await play.client.get(SERVICE, play.namespace, "digits-fallback")

    async def is_gone() -> bool:
        return await refusal() is None

    async with running(play.server.kubeconfig, play.settings):
        await play.apply("1", fallback={"statusCode": 503}, stages=slow, rollbackWindow="3s")
        await play.until("the canary is in force", stage="canary", in_force=True)
        assert await play.weights() == {"refused": 80, "1": 20}
        service = await refusal()
        assert service is not None
        assert service["spec"]["selector"]["modelrollout.io/revision"] == "none"
        await play.delete(SERVICE, "digits-fallback")

        async def is_back() -> bool:
            found = await refusal()
            return found is not None and found["metadata"]["uid"] != service["metadata"]["uid"]

        await eventually("the Service is restored", is_back)
        await play.told("DriftRestored", "Service digits-fallback: deleted")
        await play.until("version 1 is stable", stable="1", applied=True)
        await eventually("nothing of it is left", is_gone)
        assert await play.weights() == {"1": 100}
