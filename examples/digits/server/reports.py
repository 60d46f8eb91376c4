"""Tell a comparer what was answered, from a thread of its own: no request waits for it."""

from __future__ import annotations

import json
import queue
import threading
import urllib.error
import urllib.request

from prometheus_client import Counter

WAITING_MAX = 2000
BATCH_MAX = 200
TIMEOUT_SECONDS = 2.0


_DROPPED = Counter("ml_reports_dropped", "Answers that the comparer was not told of: it was away, or too slow.")


class Reporter:
    """Sends what is put into it, in batches, to `<url>/answers`; what does not fit or does not arrive is dropped."""

    def __init__(self, url: str, revision: str) -> None:
        self._url = f"{url.rstrip('/')}/answers"
        self._revision = revision
        self._waiting: queue.Queue[dict[str, str]] = queue.Queue(WAITING_MAX)
        threading.Thread(target=self._run, name="reports", daemon=True).start()

    def report(self, request: str, answer: str, label: str | None) -> None:
        """Tell one answer to a request, named by what a mirror copies: its id."""
        known = {} if label is None else {"label": label}
        try:
            self._waiting.put_nowait({"id": request, "revision": self._revision, "answer": answer} | known)
        except queue.Full:
            _DROPPED.inc()

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < BATCH_MAX and not self._waiting.empty():
                batch.append(self._waiting.get())
            if not self._sent(batch):
                _DROPPED.inc(len(batch))

    def _sent(self, batch: list[dict[str, str]]) -> bool:
        body = json.dumps(batch).encode()
        message = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - as configured
        try:
            with urllib.request.urlopen(message, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return bool(answer.status == 202)
        except (urllib.error.URLError, OSError):
            return False
