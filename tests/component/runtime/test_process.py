"""The process as the container runs it: what it says when it cannot run, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.support.api_server import ApiServer
from tests.support.operators import REPOSITORY
from tests.support.ports import free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.component


@dataclass
class Ended:
    code: int
    errors: str


async def start(tmp_path: Path, **environment: str) -> asyncio.subprocess.Process:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("KUBE", "MODELROLLOUT"))}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "modelrollout.runtime.main",
        env={**inherited, "PYTHONPATH": str(REPOSITORY / "operator"), "HOME": str(tmp_path), **environment},
        cwd=tmp_path,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> Ended:
    async with asyncio.timeout(60):
        _, errors = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, errors.decode())


async def test_without_a_cluster_it_says_what_to_do(tmp_path: Path) -> None:
    found = await ended(await start(tmp_path, MODELROLLOUT_HTTP_PORT=str(free_port())))
    assert found.code == 1
    assert "Traceback" not in found.errors
    line = json.loads(found.errors.splitlines()[-1])
    assert (line["event"], line["reason"]) == ("cannot run", "NoCluster")
    assert "set KUBECONFIG" in line["message"]


async def test_a_setting_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    found = await ended(await start(tmp_path, MODELROLLOUT_RESYNC="often"))
    assert found.code == 1
    assert "MODELROLLOUT_RESYNC" in found.errors
    assert "Traceback" not in found.errors


async def test_a_cluster_that_does_not_answer_is_waited_for(tmp_path: Path, api_server: ApiServer) -> None:
    """Ended and started again it would come later and later. It is live meanwhile, and not ready."""
    kubeconfig = tmp_path / "config"
    settings = json.loads(api_server.kubectl("config", "view", "--raw", "-o", "json"))
    settings["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    kubeconfig.write_text(json.dumps(settings))
    port = free_port()
    process = await start(tmp_path, KUBECONFIG=str(kubeconfig), MODELROLLOUT_HTTP_PORT=str(port))
    await eventually("it is live", lambda: answers(port, "/livez", 200), 60)
    assert await answers(port, "/readyz", 503)
    assert process.stderr is not None
    said = [json.loads(await process.stderr.readline()) for _ in range(2)]
    assert [line["event"] for line in said] == [
        "no namespace for a lease: this is taken to be the only operator",
        "waiting for the API server",
    ]
    assert "list" in said[-1]["error"]
    process.send_signal(signal.SIGTERM)
    found = await ended(process)
    assert found.code == 0, found.errors
    assert json.loads(found.errors.splitlines()[-1])["event"] == "told to end before it was ready"


async def answers(port: int, path: str, status: int) -> bool:
    """Whether it answers so."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status == status
    except aiohttp.ClientConnectionError:
        return False


@pytest.mark.parametrize("served", ["", "default"])
async def test_told_to_end_it_ends_in_order(tmp_path: Path, api_server: ApiServer, served: str) -> None:
    port = free_port()
    process = await start(
        tmp_path,
        KUBECONFIG=str(api_server.kubeconfig),
        MODELROLLOUT_HTTP_PORT=str(port),
        MODELROLLOUT_WATCH_NAMESPACES=served,
    )
    await eventually("it is ready", lambda: answers(port, "/readyz", 200), 60)
    process.send_signal(signal.SIGTERM)
    found = await ended(process)
    assert found.code == 0, found.errors
    assert "Traceback" not in found.errors
