"""What the chart's pre-delete hook does: the operator stops, and nothing waits for it any more."""

from __future__ import annotations

import pytest

from modelrollout.api.names import FINALIZER
from modelrollout.api.resource import Key
from modelrollout.kube.resources import DEPLOYMENT, MODEL_ROLLOUT
from modelrollout.runtime.uninstall import Installation, installation_of, uninstall
from tests.component.runtime.test_own_route import LONG, REF, finalizers, serving
from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component


async def test_what_is_lent_is_given_back_and_nothing_waits_any_more(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        before = await serving(play)
        await play.apply("2", traffic=REF, stages=LONG, deletionPolicy="Orphan")
        await play.until("the canary is in force", stage="canary", in_force=True)
    assert await finalizers(play) == [FINALIZER]
    await play.stop_players()
    labels = {"app": "the-operator"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "operator", "image": "operator"}]}}
    await play.make(
        DEPLOYMENT, "modelrollout", spec={"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    )
    here = Installation(Key(play.namespace, "modelrollout"), (play.namespace,))

    assert await uninstall(play.client, here) == ()

    deployment = await play.client.get(DEPLOYMENT, play.namespace, "modelrollout")
    assert deployment is not None
    assert deployment["spec"]["replicas"] == 0
    assert await finalizers(play) == []
    assert (await play.route())["spec"] == before
    await play.delete(MODEL_ROLLOUT, "digits")
    assert await play.client.get(MODEL_ROLLOUT, play.namespace, "digits") is None, "it is gone at once"
    assert await uninstall(play.client, here) == (), "again, it finds nothing"


async def test_an_operator_that_comes_back_goes_on(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await serving(play)
        await play.apply("2", traffic=REF, stages=LONG)
        await play.until("the canary is in force", stage="canary", in_force=True)
    assert await uninstall(play.client, Installation(None, (play.namespace,))) == ()
    assert await play.weights() == {"stable": 1}

    async def moves() -> bool:
        return await play.weights() == {"1": 80, "2": 20}

    async with running(play.server.kubeconfig, play.settings):
        await eventually("the canary has its weight again", moves)
        assert await finalizers(play) == [FINALIZER]


def test_the_chart_names_what_is_uninstalled() -> None:
    environment = {"DEPLOYMENT": "modelrollout", "NAMESPACE": "system", "WATCH_NAMESPACES": "a,b"}
    assert installation_of(environment) == Installation(Key("system", "modelrollout"), ("a", "b"))
    assert installation_of({}) == Installation(None, ())
