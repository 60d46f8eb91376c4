"""Versions that somebody else deploys, against the real API server and a real Prometheus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from modelrollout.kube.resources import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    MODEL_ROLLOUT,
    SERVICE,
)
from tests.support.api_server import KubectlError
from tests.support.exporter import Exporter
from tests.support.objects import manifest
from tests.support.operators import running
from tests.support.players import Server
from tests.support.playground import QUICK, Playground, spec_patch
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

A, B = "digits-a", "digits-b"
RELATIVE = [QUICK["metrics"][0] | {"check": {"max": "0.05", "noWorseThan": {"difference": "0.03"}}}]


class Teams:
    """Who deploys behind the two Services, each version in a ReplicaSet of its own; Prometheus scrapes all of them."""

    def __init__(self, play: Playground, stack: ExitStack) -> None:
        self.play = play
        self._stack = stack
        self.deployed: dict[str, str] = {}

    async def make(self, service: str, replica_set: str, pods: int = 2) -> None:
        """The Service, and what is behind it at first."""
        await self.play.make(SERVICE, service, spec={"selector": {"app": service}, "ports": [{"port": 80}]})
        self._serve(service, replica_set, pods)
        await self.play.make(ENDPOINT_SLICE, f"{service}-x", **self._slice(service, replica_set, pods))
        self.deployed[service] = replica_set

    async def deploy(self, service: str, replica_set: str, pods: int = 2) -> None:
        """Another version behind it, all at once."""
        self._serve(service, replica_set, pods)
        body = self._slice(service, replica_set, pods)
        await self.play.edit(ENDPOINT_SLICE, f"{service}-x", {"endpoints": body["endpoints"]})
        self.deployed[service] = replica_set

    def _serve(self, service: str, replica_set: str, pods: int) -> None:
        short = service.removeprefix("digits-")
        server = Server(self._stack.enter_context(Exporter()))
        server.exporter.add(requests=0)
        # Requests for a Service go to what is behind it now.
        self.play.servers[replica_set] = self.play.players.servers[short] = server
        self.play.hashes[short] = short
        pod = self._pod(replica_set, 0)
        labels = {"namespace": self.play.namespace, "pod": pod}
        self.play.prometheus.set_target(pod, server.exporter.address, labels)

    def _slice(self, service: str, replica_set: str, pods: int) -> dict[str, Any]:
        endpoints = [
            {
                "addresses": [f"10.3.0.{number + 1}"],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": self._pod(replica_set, number), "uid": f"{number}-{replica_set}"},
            }
            for number in range(pods)
        ]
        labels = {"kubernetes.io/service-name": service}
        metadata = {"name": f"{service}-x", "labels": labels}
        ports = [{"name": "", "port": 80, "protocol": "TCP"}]
        return {"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}

    def _pod(self, replica_set: str, number: int) -> str:
        return f"{replica_set}-x7k2{'bcdfghjk'[number]}"


@pytest.fixture
def teams(play: Playground) -> Iterator[Teams]:
    with ExitStack() as stack:
        yield Teams(play, stack)


OLD, NEW, NEWER = "digits-a-6d4cf56db6", "digits-b-79c8b5f4d9", "digits-b-5f6b7c8d9f"
THIRD = "digits-a-75bfc9d8f5"


async def ask(play: Playground, version: str, stable: str, candidate: str | None = None, **others: Any) -> None:
    """As a user does, with kubectl."""
    body = manifest("digits", play.namespace, **spec_patch(version, metrics=RELATIVE, **others))
    services = {"stable": stable} | ({} if candidate is None else {"candidate": candidate})
    body["spec"] |= {"workload": {"services": services}, "service": {"port": 80}}
    await asyncio.to_thread(play.kubectl, "apply", "--filename", "-", stdin=json.dumps(body))


async def test_versions_take_turns_behind_two_services_and_nothing_of_them_is_written(
    play: Playground, teams: Teams
) -> None:
    await teams.make(A, OLD)
    await teams.make(B, NEW)
    before = {name: await play.client.get(SERVICE, play.namespace, name) for name in (A, B)}
    async with running(play.server.kubeconfig, play.settings):
        await ask(play, "1", A)
        await play.until("version 1 serves", stable="1", phase="Succeeded", applied=True)
        assert await play.weights() == {"a": 100}

        await ask(play, "2", A, B)
        await play.until("the canary is in force", stage="canary", in_force=True)
        assert await play.weights() == {"a": 80, "b": 20}
        status = await play.until("version 2 is stable", stable="2", phase="Succeeded", applied=True)
        assert await play.weights() == {"b": 100}
        checks = {check.name: check for check in status.checks}
        assert checks["error-rate"].stable is not None, "compared with the pods behind the other Service"
        assert checks["error-rate"].samples > 0
        assert [entry.pods for entry in status.services] == [(f"{NEW}-*",), (f"{OLD}-*",)]

        # The next version, behind the Service that is free now.
        await teams.deploy(A, THIRD)
        await play.told("PreviousReplaced", "version 1 is not behind Service digits-a any more")
        await ask(play, "3", B, A)
        status = await play.until("version 3 is stable", stable="3", phase="Succeeded", applied=True)
        assert await play.weights() == {"a": 100}
        assert status.previous is not None

        # Reverting the manifest within the window is one write.
        written = len(play.players.routes)
        await ask(play, "2", A, B)
        await play.until("version 2 is back", stable="2", applied=True)
        assert [weights for _, weights in play.players.routes[written:]] == [{"b": 100}]

    for name in (A, B):
        assert await play.client.get(SERVICE, play.namespace, name) == before[name]
    for kind in (DEPLOYMENT, SERVICE):
        ours = await play.client.list(kind, play.namespace, label_selector="app.kubernetes.io/managed-by=modelrollout")
        assert ours.items == ()
    records = await play.client.list(CONTROLLER_REVISION, play.namespace)
    assert {record["revision"] for record in records.items} == {1, 2, 3}


async def test_a_deployment_in_the_middle_begins_anew_and_the_new_pods_earn_every_stage(
    play: Playground, teams: Teams
) -> None:
    await teams.make(A, OLD)
    await teams.make(B, NEW)
    stages = [QUICK["stages"][1], {"name": "wide", "weight": 60, "duration": "1h"}, QUICK["stages"][2]]
    async with running(play.server.kubeconfig, play.settings):
        # Both at once: what serves has no version but its name.
        await ask(play, "2", A, B, stages=stages)
        await play.until("the wide stage is in force", stage="wide", in_force=True)
        status = await play.status()
        assert status.stable is not None
        assert status.stable.version == A
        written = len(play.players.routes)
        # Every answer of it is an error; all the same it is a deployment before it is harm.
        await teams.deploy(B, NEWER)
        teams.play.servers[NEWER].error_rate = 0.4
        await play.told("Abandoned", f"CandidateReplaced: behind Service {B} is {NEWER}-* now")
        status = await play.until("it is rolled back by what it does itself", phase="RolledBack")
        assert status.failed is not None
        assert (status.failed.reason, status.failed.stage) == ("Harm", "canary")
        expected = [{"a": 100}, {"a": 80, "b": 20}, {"a": 100}]

        async def returned() -> bool:
            return [weights for _, weights in play.players.routes[written:]] == expected

        await eventually(f"the weights have been {expected}", returned)


async def test_a_service_that_is_removed_gets_nothing_at_once_and_goes_on_when_it_is_back(
    play: Playground, teams: Teams
) -> None:
    await teams.make(A, OLD)
    await teams.make(B, NEW)
    stages = [{"name": "canary", "weight": 20, "duration": "1h"}, QUICK["stages"][2]]
    async with running(play.server.kubeconfig, play.settings):
        await ask(play, "2", A, B, stages=stages)
        await play.until("the canary is in force", stage="canary", in_force=True)
        await play.delete(ENDPOINT_SLICE, f"{B}-x")
        await play.delete(SERVICE, B)
        await play.until("it is suspended", phase="Suspended", applied=True)
        assert await play.weights() == {"a": 100}
        await teams.make(B, NEW)
        await play.until("the same pods go on", stage="canary", in_force=True, phase="Progressing")


async def test_what_contradicts_what_serves_is_refused_and_moves_nothing(play: Playground, teams: Teams) -> None:
    await teams.make(A, OLD)
    await teams.make(B, NEW)
    async with running(play.server.kubeconfig, play.settings):
        await ask(play, "1", A)
        await play.until("version 1 serves", stable="1", phase="Succeeded", applied=True)
        written = len(play.players.routes)
        await ask(play, "2", B, A)
        await play.told("InvalidSpec", "Service digits-a serves version 1 now")
        await ask(play, "2", A, "digits-c")
        await play.told("InvalidSpec", 'no Service "digits-c"')
        same_pods = {"endpoints": teams._slice(A, OLD, 2)["endpoints"]}
        await play.edit(ENDPOINT_SLICE, f"{B}-x", same_pods)
        await ask(play, "2", A, B)
        await play.told("InvalidSpec", "Services digits-a and digits-b both lead to pod")
        assert len(play.players.routes) == written
        template = {"spec": {"containers": [{"name": "server", "image": "i:1"}]}}
        other = {"spec": {"workload": {"services": None, "deployment": {"template": template}}}}
        with pytest.raises(KubectlError) as refused:
            await play.edit(MODEL_ROLLOUT, "digits", other)
        assert "make another ModelRollout" in str(refused.value)

        # It goes with its route alone.
        await play.delete(MODEL_ROLLOUT, "digits")

        async def is_gone() -> bool:
            return await play.client.get(MODEL_ROLLOUT, play.namespace, "digits") is None

        await eventually("it is gone", is_gone)
        assert await play.client.get(SERVICE, play.namespace, A) is not None
        assert await play.client.get(HTTP_ROUTE, play.namespace, "digits") is not None, "no garbage collector runs here"
