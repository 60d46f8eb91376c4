"""The load client against a real HTTP server on the loopback, which answers, fails, hangs and breaks connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from examples.digits.load.accounting import Report
from examples.digits.load.load import PATH, Load, Plan, read_digits, run

pytestmark = pytest.mark.component

Handler = Callable[[web.Request], Awaitable[web.Response]]


@pytest.fixture
def heldout(tmp_path: Path) -> Path:
    """Four images of threes."""
    file = tmp_path / "heldout.json"
    file.write_text(json.dumps([{"label": 3, "pixels": [0] * 64}] * 4))
    return file


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    servers: list[TestServer] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_post(PATH, handler)
        server = TestServer(app)
        servers.append(server)
        await server.start_server()
        return str(server.make_url("")).rstrip("/")

    yield start
    for server in servers:
        await server.close()


def plan(url: str, total: int = 4, **changes: object) -> Plan:
    usual: dict[str, object] = {
        "url": url,
        "host": "digits.example.com",
        "rate": 200.0,
        "duration": 10.0,
        "total": total,
        "timeout": 5.0,
        "in_flight": 16,
    }
    return Plan(**(usual | changes))  # type: ignore[arg-type]


def predicted(label: int, version: str = "v1") -> web.Response:
    body = {"outputs": [{"name": "label", "shape": [1], "datatype": "INT64", "data": [label]}]}
    return web.json_response(body, headers={"x-model-version": version})


async def total_of(load: Load) -> Report:
    await load.run()
    return load.total.report()


async def test_answers_are_checked_against_the_label_and_counted_for_their_version(
    serve: Callable[[Handler], Awaitable[str]], heldout: Path
) -> None:
    hosts: set[str] = set()
    labels = iter([3, 3, 3, 8])

    async def handler(request: web.Request) -> web.Response:
        hosts.add(request.host)
        images = (await request.json())["inputs"]
        assert images[0]["shape"] == [1, 64]
        return predicted(next(labels), "v2")

    report = await total_of(Load(plan(await serve(handler)), read_digits(heldout), bad=["v5"]))

    assert hosts == {"digits.example.com"}
    version = report["versions"]["v2"]
    assert (version["answered"], version["codes"], version["correct"]) == (4, {"200": 4}, 3)
    assert report["harmed"] == 0


async def test_errors_without_a_version_are_the_gateways(
    serve: Callable[[Handler], Awaitable[str]], heldout: Path
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=503, text="no healthy upstream")

    report = await total_of(Load(plan(await serve(handler)), read_digits(heldout), bad=["v5"]))

    assert report["codes"] == {"503": 4}
    assert list(report["versions"]) == ["gateway"]
    assert report["harmed"] == 4


async def test_a_200_that_is_no_v2_answer_is_wrong(serve: Callable[[Handler], Awaitable[str]], heldout: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="ok", headers={"x-model-version": "v1"})

    report = await total_of(Load(plan(await serve(handler), total=1), read_digits(heldout), bad=[]))

    assert report["versions"]["v1"]["correct"] == 0


async def test_a_hanging_server_costs_each_request_its_timeout_and_no_more_connections_than_allowed(
    serve: Callable[[Handler], Awaitable[str]], heldout: Path
) -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("never set")

    load = Load(plan(await serve(handler), total=6, timeout=1.0, in_flight=4), read_digits(heldout), bad=[])
    report = await total_of(load)

    assert report["failures"] == {"timeout": 4, "reset": 0, "refused": 0}
    assert report["skipped"] == 2


async def test_a_broken_connection_is_a_reset(serve: Callable[[Handler], Awaitable[str]], heldout: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    report = await total_of(Load(plan(await serve(handler)), read_digits(heldout), bad=[]))

    assert report["failures"] == {"timeout": 0, "reset": 4, "refused": 0}


async def test_nobody_listening_is_refused(heldout: Path, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"

    report = await total_of(Load(plan(url), read_digits(heldout), bad=[]))

    assert report["failures"] == {"timeout": 0, "reset": 0, "refused": 4}


async def test_a_stopped_load_ends_with_its_summary_in_output_and_file(
    serve: Callable[[Handler], Awaitable[str]], heldout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_at = 3

    async def handler(request: web.Request) -> web.Response:
        if load.total.report()["sent"] == stopped_at:
            load.stop()
        return predicted(3)

    load = Load(plan(await serve(handler), total=1_000, rate=10.0), read_digits(heldout), bad=[])
    await run(load, tmp_path / "load.json")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(lines[-1]) == ["summary"]
    assert lines[-1]["summary"]["sent"] == stopped_at
    assert lines[-1]["summary"] == json.loads((tmp_path / "load.json").read_text())
    assert sum(line["now"]["sent"] for line in lines[:-1]) == stopped_at
