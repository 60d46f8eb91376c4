"""Real model servers from the package registry, each installed once in an environment of its own outside of here."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e.cluster import cache

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = _REPOSITORY / "tests" / "servers"
LOCKS: Final = _REPOSITORY / "requirements" / "servers"
"""What is installed for each, with hashes; `make lock` writes them."""
_DEBIAN_PYTHON: Final = "/usr/bin/python3"
GOOD, SLOW, BAD = 0.001, 0.3, -1.0
"""What the model is asked to add up: it answers at once, after that many seconds, or fails."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where it listens; not every server has all three."""

    http: int
    grpc: int
    metrics: int


@dataclass(frozen=True, slots=True)
class Server:
    """One that can be run.

    Attributes:
        name: its folder in tests/servers, its lock in requirements/servers, and its preset.
        python: which interpreter the environment is made with.
        command: what follows the interpreter.
        settings: writes what the server reads from its directory.
        path: where the model is asked, and `body` what with.
        same_port: whether metrics are served where the model is.
    """

    name: str
    command: Callable[[Ports], list[str]]
    path: str
    body: Callable[[float], object]
    settings: Callable[[Path, Ports], None] = lambda _, __: None
    same_port: bool = False
    python: str = sys.executable

    @property
    def lock(self) -> Path:
        """Its packages, pinned."""
        return LOCKS / f"{self.name}.txt"


def _v2(*shape: int) -> Callable[[float], object]:
    return lambda number: {"inputs": [{"name": "x", "shape": shape, "datatype": "FP64", "data": [number]}]}


def _mlserver_settings(directory: Path, ports: Ports) -> None:
    """Without workers: with them, its last release cannot load a model with a current uvloop."""
    settings = {
        "parallel_workers": 0,
        "host": "127.0.0.1",
        "http_port": ports.http,
        "grpc_port": ports.grpc,
        "metrics_port": ports.metrics,
    }
    (directory / "settings.json").write_text(json.dumps(settings))


SERVERS: Final = (
    Server(
        name="mlserver",
        command=lambda _: ["-c", "from mlserver.cli import main; main()", "start", "."],
        settings=_mlserver_settings,
        path="/v2/models/adder/infer",
        body=_v2(1),
    ),
    Server(
        name="kserve",
        command=lambda ports: ["server.py", "--http_port", str(ports.http), "--enable_grpc", "false"],
        path="/v2/models/adder/infer",
        body=_v2(1),
        same_port=True,
    ),
    Server(
        name="bentoml",
        command=lambda ports: [
            "-m",
            "bentoml",
            "serve",
            "service:Adder",
            "--host",
            "127.0.0.1",
            "--port",
            str(ports.http),
        ],
        path="/predict",
        body=lambda number: {"numbers": [number]},
        same_port=True,
    ),
    Server(
        name="triton",
        command=lambda ports: [
            *("server.py", "--http-port", str(ports.http), "--grpc-port", str(ports.grpc)),
            *("--metrics-port", str(ports.metrics)),
        ],
        path="/v2/models/adder/infer",
        body=_v2(1, 1),
        python=_DEBIAN_PYTHON,  # its stub embeds Debian's own
    ),
)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs.

    Attributes:
        metrics: address of its metrics.
    """

    server: Server
    ports: Ports
    log: Path

    @property
    def metrics(self) -> str:
        return f"127.0.0.1:{self.ports.http if self.server.same_port else self.ports.metrics}"

    def ask(self, number: float) -> int | None:
        """Ask the model; the status of the answer, or None where there is no server yet."""
        return self.send(json.dumps(self.server.body(number)))

    def send(self, body: str) -> int | None:
        """Send a body, on a connection of its own: some servers close one after a failure without a word."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports.http, timeout=30)
        try:
            connection.request("POST", self.server.path, body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        except (ConnectionError, http.client.RemoteDisconnected):
            return None
        finally:
            connection.close()


@contextmanager
def running(server: Server, directory: Path) -> Iterator[Running]:
    """Start a server in a directory of its own; it may not be ready yet."""
    environment = cache.made(f"server-{server.name}", _recipe(server), _installer(server))
    shutil.copytree(SOURCES / server.name, directory)
    ports = Ports(*(_free_port() for _ in range(3)))
    server.settings(directory, ports)
    log = directory / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(environment / "bin" / "python"), *server.command(ports)],
            cwd=directory,
            env=os.environ | {"BENTOML_HOME": str(directory / "home"), "BENTOML_DO_NOT_TRACK": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Running(server, ports, log)
    finally:
        process.terminate()
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _recipe(server: Server) -> cache.Recipe:
    return {"python": str(Path(server.python).resolve()), "requirements": server.lock.read_text(encoding="utf-8")}


def _installer(server: Server) -> Callable[[Path], None]:
    def install(directory: Path) -> None:
        subprocess.run([server.python, "-m", "venv", str(directory)], check=True)
        pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--only-binary", ":all:", "--require-hashes", "-r", str(server.lock)], check=True)

    return install


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
