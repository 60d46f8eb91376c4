"""A way to the API server that a test can cut: bytes pass as they are, TLS included."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.api_server import ApiServer


class Proxy:
    """Listens on the loopback and passes connections on to the API server."""

    def __init__(self, server: ApiServer) -> None:
        self._config = json.loads(server.kubectl("config", "view", "--raw", "-o", "json"))
        address = urlsplit(self._config["clusters"][0]["cluster"]["server"])
        self._target = (address.hostname, address.port)
        self._listener: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Let connections through, at the same address as before."""
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections and take no new ones."""
        if self._listener is not None:
            self._listener.close()
        for writer in self._writers:
            writer.transport.abort()

    def kubeconfig(self, directory: Path) -> Path:
        """A kubeconfig that goes this way."""
        self._config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self._port}"
        path = directory / "through-proxy.json"
        path.write_text(json.dumps(self._config))
        return path

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        return
    finally:
        writer.close()
