"""Real model servers from the package registry, each installed once in an environment of its own outside of here."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from e2e.cluster import cache
from tests.support.ports import free_port

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = _REPOSITORY / "tests" / "servers"
LOCKS: Final = _REPOSITORY / "requirements" / "servers"
"""What is installed for each, with hashes; `make lock` writes them."""
_DEBIAN_PYTHON: Final = "/usr/bin/python3"
GOOD, SLOW, BAD, BROKEN = 0.001, 1.0, -1.0, -2.0
"""What the model is asked to add up: it answers at once, after that many seconds, or fails; KServe's fails of the last
in a way that it does not tell the server of."""
_POLL_SECONDS: Final = 0.1
_PATIENCE_SECONDS: Final = 120.0
"""For an answer: BentoML accepts connections long before its model is there."""
_LOG_SHOWN: Final = 4000
_STARTS: Final = 3
"""How often one is started: Triton's Python gives up where its parts do not greet each other within a second."""
_STOP_SECONDS: Final = 40.0
_PARENT, _STARTED = 1, 19


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
        unknown: where a model would be asked that is not there.
        probe: what a kubelet asks.
        same_port: whether metrics are served where the model is.
    """

    name: str
    command: Callable[[Ports], list[str]]
    path: str
    body: Callable[[float], object]
    probe: str
    unknown: str = "/v2/models/nope/infer"
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
        probe="/v2/models/adder/ready",
    ),
    Server(
        name="kserve",
        command=lambda ports: ["server.py", "--http_port", str(ports.http), "--enable_grpc", "false"],
        path="/v2/models/adder/infer",
        body=_v2(1),
        probe="/v2/models/adder/ready",
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
        probe="/readyz",
        unknown="/nope",
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
        probe="/v2/models/adder/ready",
        python=_DEBIAN_PYTHON,  # its stub embeds Debian's own
    ),
)


class ServerDidNotStartError(Exception):
    """It ended, or did not answer in time. The message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs.

    Attributes:
        metrics: address of its metrics.
    """

    server: Server
    ports: Ports
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def metrics(self) -> str:
        return f"127.0.0.1:{self.ports.http if self.server.same_port else self.ports.metrics}"

    def wait(self, seconds: float) -> None:
        """Until the model answers.

        Raises:
            ServerDidNotStartError: it ended, or the time is over.
        """
        end = time.monotonic() + seconds
        while self.ask(GOOD) != 200:
            if self.process.poll() is not None or time.monotonic() > end:
                raise ServerDidNotStartError(f"{self.server.name}: {self.log.read_text()[-_LOG_SHOWN:]}")
            time.sleep(_POLL_SECONDS)

    def ask(self, *numbers: float) -> int | None:
        """Ask the model for one number after the other on one connection; the status of the last answer, or None where
        there was none."""
        with self._connection() as connection:
            return [_status(connection, self.server.path, self.body(number)) for number in numbers][-1]

    def send(self, body: str, path: str = "") -> int | None:
        """Send a body, to the model where nothing else is said, on a connection of its own."""
        with self._connection() as connection:
            return _status(connection, path or self.server.path, body)

    def probe(self) -> int | None:
        """Ask what a kubelet asks."""
        with self._connection() as connection:
            return _status(connection, self.server.probe)

    def body(self, number: float) -> str:
        """What the model is asked with."""
        return json.dumps(self.server.body(number))

    def exposition(self) -> str:
        """Its metrics as they are now."""
        with closing(http.client.HTTPConnection(self.metrics, timeout=_PATIENCE_SECONDS)) as connection:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()

    def _connection(self) -> closing[http.client.HTTPConnection]:
        return closing(http.client.HTTPConnection("127.0.0.1", self.ports.http, timeout=_PATIENCE_SECONDS))


def _status(connection: http.client.HTTPConnection, path: str, body: str | None = None) -> int | None:
    """The status of the answer; None where the connection is closed instead."""
    try:
        connection.request("GET" if body is None else "POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    except (ConnectionError, http.client.RemoteDisconnected):
        return None
    return answer.status


@contextmanager
def running(server: Server, directory: Path, seconds: float) -> Iterator[Running]:
    """A server that answers, in a directory of its own.

    Raises:
        ServerDidNotStartError: none of some starts came to an answer within so many seconds.
    """
    environment = cache.made(f"server-{server.name}", _recipe(server), _installer(server))
    for attempt in range(1, _STARTS + 1):
        one = _start(server, environment, directory / str(attempt))
        try:
            try:
                one.wait(seconds)
            except ServerDidNotStartError:
                if attempt == _STARTS:
                    raise
                continue
            yield one
            return
        finally:
            _stop(one.process)


def _start(server: Server, environment: Path, directory: Path) -> Running:
    shutil.copytree(SOURCES / server.name, directory)
    ports = Ports(*(free_port() for _ in range(3)))
    server.settings(directory, ports)
    log, home = directory / "log", str(directory / "home")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(environment / "bin" / "python"), *server.command(ports)],
            cwd=directory,
            env=os.environ
            | {"BENTOML_HOME": home, "BENTOML_DO_NOT_TRACK": "1", "PYTRITON_HOME": home, "OMP_NUM_THREADS": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Running(server, ports, log, process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it, and whatever it has started: Triton is a child of the Python that starts it, in a session of its own."""
    children = _descendants(process.pid)
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    end = time.monotonic() + _STOP_SECONDS
    while left := [child for child in children if _field(child.pid, _STARTED) == child.started]:
        if time.monotonic() > end:
            for child in left:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    # What has lost its parent is still of its group.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class _Process:
    """One of this machine's; its number alone may be somebody else's later."""

    pid: int
    started: str


def _descendants(pid: int) -> list[_Process]:
    parents = {int(folder.name): _field(folder.name, _PARENT) for folder in Path("/proc").glob("[0-9]*")}
    found, open_ends = [], [pid]
    while open_ends:
        children = [child for child, parent in parents.items() if parent == str(open_ends[0])]
        found += [_Process(child, _field(child, _STARTED)) for child in children]
        open_ends = [*open_ends[1:], *children]
    return found


def _field(pid: int | str, number: int) -> str:
    """A field of the process's line, counted from the state; empty when there is no such process, or only its end."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] == "Z" else fields[number]


def _recipe(server: Server) -> cache.Recipe:
    return {"python": str(Path(server.python).resolve()), "requirements": server.lock.read_text(encoding="utf-8")}


def _installer(server: Server) -> Callable[[Path], None]:
    def install(directory: Path) -> None:
        subprocess.run([server.python, "-m", "venv", str(directory)], check=True)
        pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--only-binary", ":all:", "--require-hashes", "-r", str(server.lock)], check=True)

    return install
