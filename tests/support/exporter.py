"""A process with counters, as Prometheus sees one: what it serves is exactly what the test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final

Words = Callable[[Mapping[str, float]], str]
"""Text made of the counters, at each scrape."""
Page = Callable[[], tuple[str, bytes]]
"""A whole answer and its content type."""
_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Exporter:
    """Serves counters on the loopback from threads of its own, so that no test's event loop can hold a scrape up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, float] = {}
        self._words: Words = lambda _: ""
        self._page_instead: Page | None = None
        self._broken = False
        self._scrapes = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Exporter:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Host and port."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    @property
    def scrapes(self) -> int:
        """How many scrapes it has answered with its counters."""
        with self._lock:
            return self._scrapes

    def add(self, **amounts: float) -> None:
        """Raise several counters at once: a scrape sees all of it or nothing. Unknown ones are born with the amount.

        A name `total__code_500` stands for the series `total{code="500"}`.
        """
        with self._lock:
            for name, amount in amounts.items():
                self._values[_series(name)] = self._values.get(_series(name), 0.0) + amount

    def set(self, **values: float) -> None:
        """Give series these values, whatever they were."""
        with self._lock:
            self._values.update({_series(name): value for name, value in values.items()})

    def say(self, words: Words) -> None:
        """Serve this too, before the counters."""
        with self._lock:
            self._words = words

    def show(self, page: Page) -> None:
        """Serve this instead of the counters, made at each scrape."""
        with self._lock:
            self._page_instead = page

    def restart(self) -> None:
        """Forget all counters, as a new process at the same address does."""
        with self._lock:
            self._values.clear()

    def break_down(self) -> None:
        """Answer scrapes with an error from now on."""
        with self._lock:
            self._broken = True

    def mend(self) -> None:
        """Answer scrapes again."""
        with self._lock:
            self._broken = False

    def _page(self) -> tuple[str, bytes] | None:
        with self._lock:
            if self._broken:
                return None
            self._scrapes += 1
            if self._page_instead is not None:
                return self._page_instead()
            lines = (f"{series} {value}\n" for series, value in self._values.items())
            return _CONTENT_TYPE, (self._words(self._values) + "".join(lines)).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        page = self._page

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = page()
                kind, body = (_CONTENT_TYPE, b"") if found is None else found
                self.send_response(503 if found is None else 200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep the test's output to the test."""

        return Handler


def _series(name: str) -> str:
    metric, _, label = name.partition("__")
    if not label:
        return metric
    key, _, value = label.partition("_")
    return f'{metric}{{{key}="{value}"}}'
