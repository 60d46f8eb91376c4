"""ConfigMaps and Secrets that templates name: what is read of them, what is not, and what a change begins."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from kubernetes.aio import config

from modelrollout.api.resource import ModelRollout
from modelrollout.kube.client import KubeClient, Request
from modelrollout.kube.resources import CONFIG_MAP, SECRET, Resource
from modelrollout.runtime.configs import ABSENT, Configs
from tests.support.api_server import ApiServer
from tests.support.lab import Lab, lab
from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.scenes import NOW
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

__all__ = ["lab"]

SECOND = timedelta(seconds=1)
VOLUMES: list[dict[str, Any]] = [
    {"name": "model", "configMap": {"name": "model"}},
    {"name": "key", "secret": {"secretName": "key"}},
    {"name": "more", "configMap": {"name": "more", "optional": True}},
]


def tracked(*volumes: dict[str, Any]) -> dict[str, Any]:
    return {"deployment": {"trackConfig": True, "template": {"spec": {"volumes": list(volumes)}}}}


def fill(lab: Lab, resource: Resource, name: str, **data: str) -> None:
    field = "data" if resource == CONFIG_MAP else "stringData"
    body = {"apiVersion": "v1", "kind": resource.kind, "metadata": {"name": name}, field: data}
    lab.kubectl("apply", "--filename", "-", stdin=json.dumps(body))


async def digests(lab: Lab, rollout: ModelRollout) -> dict[str, str]:
    reading = await Configs(lab.client).read(rollout, NOW)
    assert reading.config.digests is not None, reading
    return dict(reading.config.digests)


async def test_data_counts_and_nothing_else(lab: Lab) -> None:
    rollout = await lab.rollout(workload=tracked(*VOLUMES))
    fill(lab, CONFIG_MAP, "model", threshold="1")
    fill(lab, SECRET, "key", token="one")
    first = await digests(lab, rollout)
    assert sorted(first) == ["ConfigMap/model", "ConfigMap/more", "Secret/key"]
    assert first["ConfigMap/more"] == ABSENT
    lab.kubectl("label", "configmap/model", "secret/key", "touched=yes")
    assert await digests(lab, rollout) == first
    fill(lab, SECRET, "key", token="two")
    second = await digests(lab, rollout)
    assert {name for name in first if first[name] != second[name]} == {"Secret/key"}
    fill(lab, SECRET, "key", token="one")
    assert await digests(lab, rollout) == first


async def test_nothing_of_a_secret_is_kept_but_a_digest(lab: Lab) -> None:
    rollout = await lab.rollout(workload=tracked(VOLUMES[1]))
    fill(lab, SECRET, "key", token="a-token-of-some-length")
    configs = Configs(lab.client)
    reading = await configs.read(rollout, NOW)
    for text in (repr(reading), repr(vars(configs))):
        assert "a-token-of-some-length" not in text
        assert "YS10b2tlbi1vZi1zb21lLWxlbmd0aA==" not in text


async def test_one_that_pods_need_and_that_is_missing_is_waited_for(lab: Lab) -> None:
    rollout = await lab.rollout(workload=tracked(*VOLUMES))
    fill(lab, CONFIG_MAP, "model", threshold="1")
    configs = Configs(lab.client)
    reading = await configs.read(rollout, NOW)
    assert (reading.config.digests, reading.problems) == (None, ())
    assert reading.unread == "Secret key, which the template names, does not exist"
    assert configs.ask_again_at(rollout.key) == NOW + 30 * SECOND
    fill(lab, SECRET, "key", token="one")
    assert await configs.read(rollout, NOW + 29 * SECOND) == reading
    assert (await configs.read(rollout, NOW + 30 * SECOND)).unread is None
    assert configs.ask_again_at(rollout.key) is None


async def test_they_are_read_again_after_a_while_and_when_a_person_has_touched_the_rollout(lab: Lab) -> None:
    rollout = await lab.rollout(workload=tracked(VOLUMES[0]))
    fill(lab, CONFIG_MAP, "model", threshold="1")
    configs = Configs(lab.client)
    before = await configs.read(rollout, NOW)
    fill(lab, CONFIG_MAP, "model", threshold="2")
    lab.requests.clear()
    assert await configs.read(rollout, NOW + 59 * SECOND) == before
    assert configs.known(rollout) == before
    assert lab.requests == []
    touched = replace(rollout, annotations={"config-changed": "now"})
    after = await configs.read(touched, NOW + 59 * SECOND)
    assert after != before
    fill(lab, CONFIG_MAP, "model", threshold="3")
    assert await configs.read(touched, NOW + 119 * SECOND) != after


async def test_what_is_not_tracked_is_not_read(lab: Lab) -> None:
    rollout = await lab.rollout(workload={"deployment": {"template": {"spec": {"volumes": VOLUMES}}}})
    lab.requests.clear()
    reading = await Configs(lab.client).read(rollout, NOW)
    assert (reading.config.tracked, reading.unread, reading.problems) == (False, None, ())
    assert lab.requests == []


@pytest.fixture
async def powerless(api_server: ApiServer, namespace: str) -> AsyncIterator[KubeClient]:
    """A client of an account without any right."""
    api_server.kubectl("--namespace", namespace, "create", "serviceaccount", "nobody")
    requests: list[Request] = []
    async with await config.new_client_from_config(str(api_server.kubeconfig)) as api:
        api.default_headers["Impersonate-User"] = f"system:serviceaccount:{namespace}:nobody"
        yield KubeClient(api, on_request=requests.append)


async def test_a_missing_right_is_named_with_the_value_that_gives_it(lab: Lab, powerless: KubeClient) -> None:
    rollout = await lab.rollout(workload=tracked(*VOLUMES[:2]))
    reading = await Configs(powerless).read(rollout, NOW)
    first, second = reading.problems
    assert "spec.workload.deployment.trackConfig: the operator may not read ConfigMaps" in first
    assert "rbac.readConfigMaps=true" in first
    assert "rbac.readSecrets=true" in second
    assert reading.config.digests is None


async def test_switching_it_on_restarts_nothing_and_the_next_change_begins_a_rollout(play: Playground) -> None:
    """The template names the ConfigMap from the beginning: `trackConfig` alone is switched on."""
    volume = {"template": {"spec": {"volumes": [VOLUMES[0]]}}}
    await play.make(CONFIG_MAP, "model", data={"threshold": "1"})
    async with running(play.server.kubeconfig, play.settings):
        await play.apply("1", workload={"deployment": volume})
        first = await play.until("the first version is loading", waits="FirstRevisionLoading")
        assert first.stable is None
        (name,) = await eventually("it has pods", play.deployments)
        play.players.servers[name] = play.servers["1"]
        stable = await play.until("the first version serves", stable="1", phase="Succeeded")
        assert stable.config == ()

        await play.apply("1", workload={"deployment": volume | {"trackConfig": True}})

        async def looked() -> bool:
            return bool((await play.status()).config)

        await eventually("the operator has looked at the ConfigMap", looked)
        status = await play.status()
        assert (status.attempt, status.stable) == (None, stable.stable)
        assert list(await play.deployments()) == [name]

        await play.edit(CONFIG_MAP, "model", {"data": {"threshold": "2"}})
        await play.touch()
        moved = await play.until("a rollout to the changed configuration begins", candidate="1")
        assert moved.attempt is not None
        assert moved.attempt.revision != name

        await play.edit(CONFIG_MAP, "model", {"data": {"threshold": "1"}})
        await play.touch()
        back = await play.until("it is taken back", candidate=None, phase="Succeeded")
        assert back.stable == stable.stable
        assert "SpecReverted" in [entry.reason for entry in back.log]
