"""The operator as it is, but for one thing: it kills or stops itself right after a request that a file names.

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
from modelrollout.runtime.app import App, connect, serve
from modelrollout.runtime.settings import read_settings

DEEDS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}


async def run(trap: Path) -> None:
    """Serve until killed, or until the Lease is lost, which ends it as it ends the operator itself."""

    def spring(request: Request) -> None:
        done = f"{request.verb} {request.resource.kind}"
        if request.status < 300 and trap.exists():
            deed, _, at = trap.read_text().partition(" ")
            if at == done:
                os.kill(os.getpid(), DEEDS[deed])

    await connect()
    async with client.ApiClient() as api:
        # Any free port: other operators run on this machine.
        await serve(App(replace(read_settings(), http_port=0), api, on_request=spring))


if __name__ == "__main__":
    logs.configure("console", "info")
    asyncio.run(run(Path(sys.argv[1])))
