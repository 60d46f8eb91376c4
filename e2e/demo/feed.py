"""What there is to see, as it comes: kubectl's lines, the object behind them, and what clients got."""

import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType

from e2e.cluster.kubectl import Kubectl
from e2e.demo import clients, observation
from e2e.demo.clients import Second
from e2e.demo.observation import Observation
from e2e.demo.settings import NAMESPACE, ROLLOUT


@dataclass(frozen=True)
class Line:
    """A line that `kubectl get mr` printed, the first of which is the heading."""

    text: str


News = Line | Observation | Second
Reader = Callable[[Iterable[str]], Iterator[News]]


def documents(printed: Iterable[str]) -> Iterator[str]:
    """Split what `kubectl get -o json --watch` prints: each object ends with a brace in the first column."""
    held: list[str] = []
    for line in printed:
        held.append(line)
        if line.rstrip("\n") == "}":
            yield "".join(held)
            held.clear()


def lines(printed: Iterable[str]) -> Iterator[News]:
    """The lines of `kubectl get --watch`."""
    return (Line(line.rstrip("\n")) for line in printed)


def objects(printed: Iterable[str]) -> Iterator[News]:
    """The objects of `kubectl get -o json --watch`."""
    return (observation.parse(document) for document in documents(printed))


def seconds(printed: Iterable[str]) -> Iterator[News]:
    """The seconds of the load's log."""
    return (second for second in map(clients.parse, printed) if second is not None)


class Feed(AbstractContextManager["Feed"]):
    """Follows the rollout and the load. To be used as a context manager: what it started ends with it."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed.set()
            for process in self._running:
                process.terminate()

    def follow_rollout(self) -> None:
        """Begin with the rollout, which must exist."""
        self._begin(lines, "get", "modelrollout", ROLLOUT, "--watch")
        self._begin(objects, "get", "modelrollout", ROLLOUT, "--watch", "--output=json")

    def follow_clients(self) -> None:
        """Begin with the load, whose pod must run. Totals are absolute: earlier lines are not needed."""
        self._begin(seconds, "logs", "--follow", "--tail=1", "pod/load")

    def next(self, timeout: float) -> News | None:
        """The next piece of news, or None when there is none for `timeout` seconds."""
        try:
            return self._news.get(timeout=timeout)
        except queue.Empty:
            return None

    def _begin(self, read: Reader, *arguments: str) -> None:
        threading.Thread(target=self._keep_on, args=(read, arguments), daemon=True).start()

    def _keep_on(self, read: Reader, arguments: tuple[str, ...]) -> None:
        """The API server ends a watch after a while, and a log may be cut: begin again until closed."""
        while not self._closed.is_set():
            with self._lock:
                if self._closed.is_set():
                    return
                process = self._start(arguments)
                self._running.add(process)
            with process:
                assert process.stdout is not None
                for news in read(process.stdout):
                    self._news.put(news)
            with self._lock:
                self._running.discard(process)
            self._closed.wait(1)

    def _start(self, arguments: tuple[str, ...]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self._kubectl.program), "--namespace", NAMESPACE, *arguments],
            env={**os.environ, **self._kubectl.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
