"""The operator as it is, but for one thing: it kills itself right after a request that a file names.

    python -m tests.support.mortal TRAP

Between two writes of a reconcile there is no better place to look for what a crash leaves behind.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from kubernetes.aio import client

from modelrollout.kube.client import Request
from modelrollout.runtime import logs
from modelrollout.runtime.app import App, connect
from modelrollout.runtime.settings import read_settings


async def run(trap: Path) -> None:
    """Serve until killed."""

    def spring(request: Request) -> None:
        done = f"{request.verb} {request.resource.kind}"
        if request.status < 300 and trap.exists() and trap.read_text() == done:
            os.kill(os.getpid(), signal.SIGKILL)

    await connect()
    async with client.ApiClient() as api:
        # Any free port: other operators run on this machine.
        await App(replace(read_settings(), http_port=0), api, on_request=spring).run()


if __name__ == "__main__":
    logs.configure("console", "info")
    asyncio.run(run(Path(sys.argv[1])))
