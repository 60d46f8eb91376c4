"""An operator of some namespaces, with the rights that the chart gives it, of which one namespace is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import yaml
from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config

from modelrollout.api.names import FINALIZER
from modelrollout.api.resource import Key
from modelrollout.kube.client import KubeClient
from modelrollout.kube.resources import MODEL_ROLLOUT
from modelrollout.runtime.app import App
from modelrollout.runtime.namespaces import is_gone, without_gone
from modelrollout.runtime.uninstall import Installation, uninstall
from tests.support.api_server import ApiServer
from tests.support.helm_chart import NAMESPACE, manifests, render
from tests.support.objects import manifest
from tests.support.operators import settings_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

GONE = "deleted-by-its-tenant"
NAME = "digits"


@dataclass
class Narrow:
    """What the chart has given for two namespaces, before one of them was deleted.

    Attributes:
        api: acts as the operator's account.
        namespace: the one that is left.
    """

    server: ApiServer
    api: kubernetes_client.ApiClient
    namespace: str

    @property
    def client(self) -> KubeClient:
        return KubeClient(self.api)

    @property
    def both(self) -> tuple[str, ...]:
        return self.namespace, GONE

    def make(self, namespace: str) -> None:
        """A ModelRollout with a finalizer of ours."""
        body = manifest(NAME, namespace)
        body["metadata"]["finalizers"] = [FINALIZER]
        self.server.kubectl("create", "--filename", "-", stdin=json.dumps(body))


@pytest.fixture
async def narrow(api_server: ApiServer, namespace: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Narrow]:
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    account = f"only-{namespace}"
    values = f"crds.install=false,watch.namespaces={{{namespace},{GONE}}},fullnameOverride={account}"
    roles = [each for each in manifests(render("--set", values)) if "Role" in each["kind"]]
    left = [each for each in roles if each["metadata"].get("namespace") in {None, namespace}]
    api_server.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(left))
    async with await config.new_client_from_config(str(api_server.kubeconfig)) as api:
        api.set_default_header("Impersonate-User", f"system:serviceaccount:{NAMESPACE}:{account}")
        yield Narrow(api_server, api, namespace)


async def test_what_is_gone_is_told_from_what_may_not_be_read(narrow: Narrow) -> None:
    another = narrow.server.make_namespace()
    assert await is_gone(narrow.client, GONE)
    assert not await is_gone(narrow.client, narrow.namespace)
    assert not await is_gone(narrow.client, another), "nobody gave the right to ask"
    assert await without_gone(narrow.client, narrow.both) == (narrow.namespace,)


async def test_a_namespace_that_is_being_deleted_is_gone(narrow: Narrow) -> None:
    narrow.server.kubectl("delete", "namespace", narrow.namespace, "--wait=false")
    assert await is_gone(narrow.client, narrow.namespace), "no namespace controller runs here: it stays so"


async def test_what_is_left_is_served(narrow: Narrow) -> None:
    narrow.make(narrow.namespace)
    app = App(settings_of("http://127.0.0.1:9", *narrow.both), narrow.api)
    task = asyncio.create_task(app.run())

    async def known() -> bool:
        if task.done():
            task.result()
        return Key(narrow.namespace, NAME) in app.rollouts.known()

    try:
        await eventually("the ModelRollout of the namespace that is left is known", known)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_uninstalling_frees_what_is_left(narrow: Narrow) -> None:
    narrow.make(narrow.namespace)
    assert await uninstall(narrow.client, Installation(None, narrow.both)) == ()
    live = await narrow.client.get(MODEL_ROLLOUT, narrow.namespace, NAME)
    assert live is not None
    assert "finalizers" not in live["metadata"]
