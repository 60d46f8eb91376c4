"""How the plugin reaches Prometheus: at an address, or through the API server where it is a Service of the cluster."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from modelrollout.api.errors import TerminalError
from modelrollout.cli.arguments import Command
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings

SERVICE_HOST: Final = re.compile(r"(?P<name>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)(\.svc(\.[a-z0-9.-]+)?)?")
"""How a Service is called within a cluster: name.namespace, name.namespace.svc and longer."""
TIMEOUT_SECONDS: Final = 30.0
_SERVING: Final = re.compile(r"Starting to serve on (?P<address>[\d.:]+)")


def proxied_path(url: str) -> str | None:
    """The path below the API server's address that leads to a Service of the cluster; None for another address."""
    parts = urlsplit(url)
    found = SERVICE_HOST.fullmatch(parts.hostname or "")
    if found is None or parts.hostname == "127.0.0.1":
        return None
    scheme = "https:" if parts.scheme == "https" else ""
    port = parts.port or (443 if scheme else 80)
    service = f"{scheme}{found['name']}:{port}"
    return f"/api/v1/namespaces/{found['namespace']}/services/{service}/proxy{parts.path.rstrip('/')}"


@asynccontextmanager
async def reached(command: Command, url: str, shortest_scrape: float) -> AsyncIterator[PrometheusProvider]:
    """A provider for `url`: directly if it was given on the command line, else through the API server.

    Raises:
        TerminalError: kubectl is not there, or opens no way to the API server.
    """
    path = None if command.prometheus else proxied_path(url)
    if path is None:
        async with _provider(url, shortest_scrape) as provider:
            yield provider
        return
    async with _proxy(command) as address, _provider(f"http://{address}{path}", shortest_scrape) as provider:
        yield provider


def _provider(url: str, shortest_scrape: float) -> PrometheusProvider:
    return PrometheusProvider(PrometheusSettings(url=url, timeout=TIMEOUT_SECONDS, shortest_scrape=shortest_scrape))


@asynccontextmanager
async def _proxy(command: Command) -> AsyncIterator[str]:
    """`kubectl proxy`, which knows every way to log in that kubeconfigs have; its address while it runs."""
    named = (("--context", command.context), ("--kubeconfig", command.kubeconfig))
    options = [f"{option}={value}" for option, value in named if value is not None]
    try:
        process = await asyncio.create_subprocess_exec(
            "kubectl",
            "proxy",
            "--port=0",
            *options,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise TerminalError("NoProxy", "kubectl is not in PATH: give --prometheus an address instead") from error
    assert process.stdout is not None  # noqa: S101 - asked for above
    assert process.stderr is not None  # noqa: S101 - asked for above
    try:
        found = _SERVING.search((await process.stdout.readline()).decode())
        if found is None:
            message = (await process.stderr.read()).decode().strip()
            raise TerminalError("NoProxy", f"kubectl proxy: {message}; or give --prometheus an address")
        yield found["address"]
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
