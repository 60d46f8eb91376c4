"""A ModelRollout is deleted: what goes, what stays, and who takes it over. No garbage collector runs here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from modelrollout.api.names import FINALIZER
from modelrollout.kube.resources import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    HTTP_ROUTE,
    MODEL_ROLLOUT,
    SERVICE,
    Resource,
)
from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

ORPHAN = {"deletionPolicy": "Orphan"}
LONG = [{"name": "canary", "weight": 20, "duration": "60s"}, {"name": "full", "weight": 100}]


async def owners(play: Playground, resource: Resource, name: str) -> list[str]:
    live = await play.client.get(resource, play.namespace, name)
    assert live is not None, f"{resource.kind} {name} is gone"
    return [reference["uid"] for reference in live["metadata"].get("ownerReferences", ())]


async def of_version(play: Playground, version: str) -> Mapping[str, list[str]]:
    name = f"digits-{play.hashes[version]}"
    return {each.kind: await owners(play, each, name) for each in (DEPLOYMENT, SERVICE, CONTROLLER_REVISION)}


async def deleted(play: Playground) -> None:
    await play.delete(MODEL_ROLLOUT, "digits")

    async def gone() -> bool:
        return await play.client.get(MODEL_ROLLOUT, play.namespace, "digits") is None

    await eventually("the ModelRollout is gone", gone)


async def generations(play: Playground, version: str) -> tuple[str, Any]:
    live = await play.client.get(DEPLOYMENT, play.namespace, f"digits-{play.hashes[version]}")
    assert live is not None
    return live["metadata"]["uid"], live["spec"]["template"]


async def test_by_default_nothing_waits_for_us(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        live = await play.client.get(MODEL_ROLLOUT, play.namespace, "digits")
        assert live is not None
        assert "finalizers" not in live["metadata"]
    await deleted(play)


async def test_orphan_leaves_stable_serving_and_not_the_candidate(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **ORPHAN, stages=LONG)
        await play.until("the canary is in force", stage="canary", in_force=True)
        uid = (await play.rollout()).uid
        await deleted(play)
    assert await play.weights() == {"1": 100}
    assert await of_version(play, "1") == {"Deployment": [], "Service": [], "ControllerRevision": []}
    assert await of_version(play, "2") == {"Deployment": [uid], "Service": [uid], "ControllerRevision": [uid]}
    assert await owners(play, HTTP_ROUTE, "digits") == []
    assert await owners(play, SERVICE, "digits") == []


async def test_the_finalizer_comes_and_goes_with_the_policy(play: Playground) -> None:
    async def held() -> bool:
        live = await play.client.get(MODEL_ROLLOUT, play.namespace, "digits")
        return live is not None and live["metadata"].get("finalizers") == [FINALIZER]

    async def free() -> bool:
        return not await held()

    async with running(play.server.kubeconfig, play.settings):
        await play.apply("1", **ORPHAN)
        await eventually("it is held", held)
        await play.apply("1")
        await eventually("it is free", free)


async def test_a_new_one_takes_over_what_was_left_without_restarting_it(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.apply("1", **ORPHAN)
        await play.until("the first version serves", stable="1", phase="Succeeded", applied=True)
        before = await generations(play, "1")
        await deleted(play)
        await play.apply("1")
        status = await play.until("it serves again", stable="1", phase="Succeeded", applied=True)
        uid = (await play.rollout()).uid
        assert [entry.reason for entry in status.log] == ["Inherited"]
    assert await of_version(play, "1") == {"Deployment": [uid], "Service": [uid], "ControllerRevision": [uid]}
    assert await owners(play, HTTP_ROUTE, "digits") == [uid]
    assert await owners(play, SERVICE, "digits") == [uid]
    assert await generations(play, "1") == before


async def test_a_new_one_with_another_version_runs_its_stages_beside_it(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.apply("1", **ORPHAN)
        await play.until("the first version serves", stable="1", phase="Succeeded", applied=True)
        await deleted(play)
        await play.apply("2")
        status = await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=120)
    assert [entry.reason for entry in status.log][:2] == ["Inherited", "NewRevision"]
    assert any(line == "Enter canary 20" for line in play.decisions(status))
