from __future__ import annotations

import asyncio

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from modelrollout.api.names import MANAGED_BY
from modelrollout.kube.client import KubeClient, PatchType, Request
from modelrollout.kube.errors import ConflictError, NotFoundError, RefusedError, UnavailableError
from modelrollout.kube.resources import GATEWAY_CLASS, SERVICE, Object, Resource
from tests.support.lab import Lab

pytestmark = pytest.mark.component

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


def config_map(lab: Lab, name: str = "letters", **data: str) -> Object:
    metadata = {"name": name, "namespace": lab.namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def test_an_object_that_is_not_there_is_none(lab: Lab) -> None:
    assert await lab.client.get(CONFIG_MAP, lab.namespace, "letters") is None


async def test_a_list_comes_in_pages_as_of_one_version(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelrollout.kube.client.PAGE_SIZE", 2)
    for name in "abcde":
        await lab.client.create(CONFIG_MAP, config_map(lab, name))
    lab.requests.clear()
    listing = await lab.client.list(CONFIG_MAP, lab.namespace)
    assert [item["metadata"]["name"] for item in listing.items] == list("abcde")
    assert {item["kind"] for item in listing.items} == {"ConfigMap"}
    assert [request.verb for request in lab.requests] == ["list"] * 3
    assert int(listing.resource_version) > 0


async def test_a_cluster_wide_kind_is_listed(lab: Lab) -> None:
    assert (await lab.client.list(GATEWAY_CLASS)).items == ()


async def test_apply_says_whether_it_created(lab: Lab) -> None:
    first = await lab.client.apply(CONFIG_MAP, config_map(lab, a="1"), force=False)
    second = await lab.client.apply(CONFIG_MAP, config_map(lab, a="1"), force=False)
    assert (first.created, second.created) == (True, False)
    assert first.object["metadata"]["resourceVersion"] == second.object["metadata"]["resourceVersion"]
    assert first.object["metadata"]["managedFields"][0]["manager"] == MANAGED_BY


async def test_apply_without_force_leaves_what_others_own(lab: Lab) -> None:
    lab.make(CONFIG_MAP, "letters", data={"a": "theirs"})
    with pytest.raises(ConflictError, match=r"\.data\.a"):
        await lab.client.apply(CONFIG_MAP, config_map(lab, a="ours"), force=False)
    assert (await lab.live(CONFIG_MAP, "letters"))["data"] == {"a": "theirs"}


async def test_an_unknown_field_is_refused_not_dropped(lab: Lab) -> None:
    with pytest.raises(RefusedError, match="colour"):
        await lab.client.create(CONFIG_MAP, config_map(lab) | {"colour": "red"})


async def test_a_dry_run_stores_nothing(lab: Lab) -> None:
    await lab.client.create(CONFIG_MAP, config_map(lab), dry_run=True)
    await lab.client.apply(CONFIG_MAP, config_map(lab), force=True, dry_run=True)
    assert await lab.client.get(CONFIG_MAP, lab.namespace, "letters") is None


async def test_every_cause_of_a_refusal_is_a_line(lab: Lab) -> None:
    body = config_map(lab, "web") | {"apiVersion": "v1", "kind": "Service"}
    del body["data"]
    body["spec"] = {"ports": [{"port": 0, "name": "UPPER"}]}
    with pytest.raises(RefusedError) as caught:
        await lab.client.create(SERVICE, body)
    fields = [cause.split(":")[0] for cause in caught.value.causes]
    assert {"spec.ports[0].port", "spec.ports[0].name"} <= set(fields)


async def test_a_patch_of_what_is_gone_is_not_found(lab: Lab) -> None:
    with pytest.raises(NotFoundError, match=f"patch configmaps {lab.namespace}/letters"):
        await lab.client.patch(CONFIG_MAP, lab.namespace, "letters", {"data": {"a": "1"}}, PatchType.MERGE)


async def test_delete_takes_only_the_object_of_that_uid(lab: Lab) -> None:
    made = await lab.client.create(CONFIG_MAP, config_map(lab))
    with pytest.raises(ConflictError, match="UID"):
        await lab.client.delete(CONFIG_MAP, lab.namespace, "letters", uid="another")
    await lab.client.delete(CONFIG_MAP, lab.namespace, "letters", uid=made["metadata"]["uid"])
    await lab.client.delete(CONFIG_MAP, lab.namespace, "letters", uid=made["metadata"]["uid"])
    assert await lab.client.get(CONFIG_MAP, lab.namespace, "letters") is None


async def test_requests_are_reported(lab: Lab) -> None:
    await lab.client.create(CONFIG_MAP, config_map(lab))
    (request,) = lab.requests
    assert (request.verb, request.resource, request.status) == ("create", CONFIG_MAP, 201)
    assert request.seconds > 0


async def test_an_api_server_that_is_not_there_is_unavailable(unused_tcp_port: int) -> None:
    requests: list[Request] = []
    async with ApiClient(Configuration(host=f"http://127.0.0.1:{unused_tcp_port}")) as api:
        client = KubeClient(api, on_request=requests.append)
        with pytest.raises(UnavailableError, match=r"get services ns/name"):
            await client.get(SERVICE, "ns", "name")
    assert [request.status for request in requests] == [0]


async def test_an_answer_that_is_no_json_is_unavailable() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/html\r\n\r\n<html>")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, ApiClient(Configuration(host=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")) as api:
        with pytest.raises(UnavailableError, match="not JSON"):
            await KubeClient(api).get(SERVICE, "ns", "name")


async def test_an_api_server_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelrollout.kube.client.REQUEST_TIMEOUT", 0.05)
    silent = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server, ApiClient(Configuration(host=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")) as api:
        with pytest.raises(UnavailableError, match="Timeout"):
            await KubeClient(api).get(SERVICE, "ns", "name")
        silent.set()
