"""Objects of the operator and of others: drift is restored and told, a taken name is left alone, the end is clean."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.engine.revisions import object_name
from modelrollout.kube.resources import DEPLOYMENT, HTTP_ROUTE, MODEL_ROLLOUT, SERVICE
from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

BROAD = {"stages": [{"name": "canary", "weight": 20, "duration": "60s"}, {"name": "full", "weight": 100}]}


async def notes(play: Playground, reason: str) -> list[str]:
    return [note for found, note in await play.events() if found == reason]


async def test_weights_edited_by_hand_are_restored_and_reported(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **BROAD)
        await play.until("the canary is in force", stage="canary", in_force=True)
        rules = (await play.route())["spec"]["rules"]
        backends = rules[0]["backendRefs"]
        swapped = [entry | {"weight": 100 - entry["weight"]} for entry in backends]
        await play.edit(HTTP_ROUTE, "digits", {"spec": {"rules": [rules[0] | {"backendRefs": swapped}]}})

        async def restored() -> list[str]:
            same = await play.weights() == {"1": 80, "2": 20}
            return await notes(play, "DriftRestored") if same else []

        (note,) = await eventually("the weights are restored", restored)
        assert note.startswith("HTTPRoute digits: spec.rules changed by kubectl")


async def test_deleted_and_changed_objects_come_back_and_are_reported(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        name = object_name("digits", play.hashes["1"])
        await play.delete(HTTP_ROUTE, "digits")
        await play.delete(SERVICE, "digits")
        await play.edit(DEPLOYMENT, name, {"spec": {"replicas": 3}})

        async def told() -> bool:
            found = await notes(play, "DriftRestored")
            whole = (
                "HTTPRoute digits: deleted",
                "Service digits: deleted",
                f"Deployment {name}: spec.replicas changed by kubectl-patch",
            )
            return set(whole) <= set(found)

        await eventually("all three are reported", told)
        assert await play.weights() == {"1": 100}
        found = await play.client.get(DEPLOYMENT, play.namespace, name)
        assert found is not None
        assert found["spec"]["replicas"] == 1
        assert await play.client.get(SERVICE, play.namespace, "digits") is not None


async def test_a_service_of_that_name_which_is_not_ours_is_left_alone(play: Playground) -> None:
    await play.make(SERVICE, "digits", spec={"ports": [{"port": 80}], "selector": {"app": "mine"}})
    before = await play.client.get(SERVICE, play.namespace, "digits")
    async with running(play.server.kubeconfig, play.settings):
        await play.apply("1")
        status = await play.until("it is told", phase="Invalid", reason="NameTaken")
        assert f"Service {play.namespace}/digits exists and is controlled by nobody" in (status.verdict or "")
        assert await play.client.get(SERVICE, play.namespace, "digits") == before
        assert not (await play.client.list(DEPLOYMENT, play.namespace)).items


async def test_a_name_that_is_taken_later_stalls_once_and_stops_nothing_else(play: Playground) -> None:
    """The complaint settles: status is not written to and fro, and one event tells."""
    async with running(play.server.kubeconfig, play.settings) as operator:
        await play.serving("1")
        await play.until("it rests", waits="Serving")
        ours = await play.client.get(SERVICE, play.namespace, "digits")
        assert ours is not None
        await play.edit(SERVICE, "digits", {"metadata": {"ownerReferences": None}})
        status = await play.until("it is told", reason="NameTaken")
        assert status.phase == "Succeeded"
        assert status.stable is not None
        told = operator.writes("ModelRollout")[:]
        for _ in range(3):
            count = len(operator.requests)
            operator.app.queue.add(play.key)

            async def looked(count: int = count) -> bool:
                return len(operator.requests) > count or not len(operator.app.queue)

            await eventually("it looks again", looked)
            # A write of status would follow within the same look.
            await asyncio.sleep(0.5)
        assert operator.writes("ModelRollout") == told
        assert len(await notes(play, "NameTaken")) == 1
        await play.delete(SERVICE, "digits")
        operator.app.queue.add(play.key)
        status = await play.until("it is mended", reason=None)
        assert await play.client.get(SERVICE, play.namespace, "digits") is not None


async def test_what_is_remembered_of_a_deleted_rollout_is_dropped(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings) as operator:
        await play.serving("1")
        first = (await play.rollout()).uid
        shown = operator.app.telemetry.exposition().decode()
        assert f'namespace="{play.namespace}"' in shown
        await play.delete(MODEL_ROLLOUT, "digits")

        async def forgotten() -> bool:
            return operator.app.rollouts.get(play.key) is None

        await eventually("it is forgotten", forgotten)
        assert f'namespace="{play.namespace}"' not in operator.app.telemetry.exposition().decode()
        # Without a garbage collector the old one's objects stay: the new one of that name must not take them over.
        await play.apply("1")

        async def known() -> bool:
            rollout = operator.app.rollouts.get(play.key)
            return rollout is not None and rollout.uid != first

        await eventually("the new one is seen", known)
        service = await play.client.get(SERVICE, play.namespace, "digits")
        assert service is not None
        assert service["metadata"]["ownerReferences"][0]["uid"] == first
        for resource in (SERVICE, DEPLOYMENT, HTTP_ROUTE):
            for item in (await play.client.list(resource, play.namespace)).items:
                await play.delete(resource, item["metadata"]["name"])
        for name in play.kubectl("get", "controllerrevisions", "-o", "name").split():
            await asyncio.to_thread(play.kubectl, "delete", name)
        await play.until("the new one serves", stable="1", phase="Succeeded")


async def test_what_a_mute_watch_does_not_tell_is_found_by_the_resync(
    play: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(play.settings, resync=timedelta(seconds=2))
    async with running(play.server.kubeconfig, settings) as operator:
        await play.serving("1")
        for watch in ("child", "rollout"):
            monkeypatch.setattr(operator.app.intake, watch, lambda *_: None)
        await play.delete(HTTP_ROUTE, "digits")

        async def restored() -> bool:
            return await play.client.get(HTTP_ROUTE, play.namespace, "digits") is not None

        await eventually("the route is back", restored)
        await play.delete(MODEL_ROLLOUT, "digits")

        async def forgotten() -> bool:
            return operator.app.rollouts.get(play.key) is None

        await eventually("the deletion is noticed", forgotten)
