"""Count outcomes by when the requests were made, as `metrics[].delayed` reads them.

    python labels.py --rollout fraud --width 600 --keep 90000 --port 8080

POST /labels    [{"revision": "r3fb6b1f90", "madeAt": 1767268800.5, "label": "fraud"}, ...]
GET  /metrics   labels_total{rollout, revision, made_at, label}, for Prometheus

Post each request once, when its outcome is known: `madeAt` is when it was answered, by the clock of who answered it,
and `revision` who that was (the label modelrollout.io/revision of its pod). Counts are kept in memory: after a restart
a counter begins at zero, which the operator takes for a reset. Nothing but the standard library is needed.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SERIES_MAX = 20_000
"""More would be a mistake, such as an id for a label."""
BODY_MAX = 1024 * 1024
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,63}")


@dataclass(frozen=True)
class Outcome:
    """What became of one request.

    Attributes:
        made_at: when it was answered, Unix seconds.
    """

    revision: str
    made_at: float
    label: str


class BadOutcomeError(ValueError):
    """An outcome that cannot be counted; the message says why."""


def read_outcome(raw: object) -> Outcome:
    """Read one outcome.

    Raises:
        BadOutcomeError: a field is missing or is not what it should be.
    """
    if not isinstance(raw, dict):
        raise BadOutcomeError("an outcome is an object with revision, madeAt and label")
    revision, made_at, label = (raw.get(name) for name in ("revision", "madeAt", "label"))
    if not isinstance(revision, str) or not _WORD.fullmatch(revision):
        raise BadOutcomeError(f"revision must be the hash of a revision, not {revision!r}")
    if not isinstance(label, str) or not _WORD.fullmatch(label):
        raise BadOutcomeError(f"label must be one word, not {label!r}")
    if isinstance(made_at, bool) or not isinstance(made_at, int | float) or not made_at > 0:
        raise BadOutcomeError(f"madeAt must be Unix seconds, not {made_at!r}")
    return Outcome(revision, float(made_at), label)


class Labels:
    """Counts of outcomes by revision and by the bucket in which the request was made."""

    def __init__(self, rollout: str, width: int, keep: float, clock: Callable[[], float] = time.time) -> None:
        """Begin with none.

        Args:
            rollout: name of the ModelRollout.
            width: seconds of a bucket: `delayed.cohort.width`.
            keep: seconds for which a bucket is shown after its end: `delayed.maturity` and an hour.
        """
        self._rollout, self._width, self._keep, self._clock = rollout, width, keep, clock
        self._counts: Counter[tuple[int, str, str]] = Counter()
        self._lock = threading.Lock()

    def add(self, outcome: Outcome) -> bool:
        """Count an outcome; False where it came too late, or there are too many kinds of them."""
        bucket = int(outcome.made_at) // self._width * self._width
        key = (bucket, outcome.revision, outcome.label)
        with self._lock:
            if self._is_over(bucket) or (key not in self._counts and len(self._counts) >= SERIES_MAX):
                return False
            self._counts[key] += 1
        return True

    def exposition(self) -> str:
        """All counters that may still be read, for Prometheus."""
        with self._lock:
            for key in [key for key in self._counts if self._is_over(key[0])]:
                del self._counts[key]
            rows = sorted(self._counts.items())
        lines = ["# TYPE labels_total counter"]
        for (bucket, revision, label), count in rows:
            whose = f'revision="{revision}",rollout="{self._rollout}"'
            lines.append(f'labels_total{{label="{label}",made_at="{bucket}",{whose}}} {count}')
        return "\n".join(lines) + "\n"

    def _is_over(self, bucket: int) -> bool:
        return bucket + self._width + self._keep < self._clock()


def server(labels: Labels, host: str, port: int) -> ThreadingHTTPServer:
    """An HTTP server for the counts; not started yet."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(
                200 if self.path == "/metrics" else 404, labels.exposition() if self.path == "/metrics" else ""
            )

        def do_POST(self) -> None:
            try:
                length = int(self.headers.get("Content-Length") or 0)
                if not 0 < length <= BODY_MAX:
                    raise BadOutcomeError(f"send a body of at most {BODY_MAX} bytes")
                raw = json.loads(self.rfile.read(length))
                outcomes = [read_outcome(one) for one in (raw if isinstance(raw, list) else [raw])]
            except ValueError as error:
                self._answer(400, f"{error}\n")
                return
            left_out = sum(not labels.add(outcome) for outcome in outcomes)
            self._answer(202, f"{left_out} came too late, or are too many\n" if left_out else "")

        def _answer(self, code: int, text: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A line for each request is work and tells nothing."""

    return ThreadingHTTPServer((host, port), Handler)


def main() -> None:
    """Read the command line, and serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollout", required=True, help="name of the ModelRollout")
    parser.add_argument("--width", type=int, default=600, help="seconds of a cohort")
    parser.add_argument("--keep", type=float, default=90_000, help="seconds for which a cohort is shown after its end")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen at")  # noqa: S104 - in a pod of its own
    parser.add_argument("--port", type=int, default=8080)
    given = parser.parse_args()
    server(Labels(given.rollout, given.width, given.keep), given.host, given.port).serve_forever()


if __name__ == "__main__":
    main()
