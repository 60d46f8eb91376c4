"""Join what two revisions of a model answered to the same request, and count how often they agree.

    python comparer.py --port 8080

POST /answers   [{"id": "...", "revision": "3fb6b1f90d", "answer": "8", "label": "8", "about": "..."}, ...]
GET  /metrics   counts of pairs, for Prometheus
GET  /pairs     a few pairs for people to look at, redacted

`label` is the right answer, where somebody knows it; `about` a word on the input. Both may be left out. Nothing but the
standard library is needed: it runs in any Python image.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WAITING_MAX = 20_000
"""Answers that wait for their counterpart at once; the oldest is given up for a new one."""
WAITING_SECONDS = 60.0
"""How long an answer waits: a slow shadow's comes late."""
REVISIONS_MAX = 20
CLASSES_MAX = 50
"""Further answers count as `other`: each is a series of its own in Prometheus."""
SAMPLE_EACH = 20
"""Pairs that are kept for each outcome of each two revisions, the newest."""
TEXT_MAX = 200
BODY_MAX = 256 * 1024
OTHER = "other"
_PERSONAL = re.compile(r"\S+@\S+|\d[\d -]{5,}\d")
"""E-mail addresses, and numbers as long as those of telephones, cards and accounts."""


@dataclass(frozen=True)
class Report:
    """One answer, as the server that gave it reports it."""

    id: str
    revision: str
    answer: str
    label: str | None = None
    about: str = ""


@dataclass(frozen=True)
class Pair:
    """Two answers to one request, as people may see them: who asked cannot be told."""

    request: str
    candidate: str
    reference: str
    candidate_answer: str
    reference_answer: str
    label: str | None
    about: str
    outcome: str


class BadReportError(ValueError):
    """A report that cannot be read. The message says what to send."""


def read_report(raw: object) -> Report:
    """Read one report.

    Raises:
        BadReportError: it is not an object with the texts id, revision and answer.
    """
    if not isinstance(raw, dict) or not all(isinstance(raw.get(name), str) for name in ("id", "revision", "answer")):
        raise BadReportError('send objects with the texts "id", "revision" and "answer"')
    label, about = raw.get("label"), raw.get("about", "")
    if not (label is None or isinstance(label, str)) or not isinstance(about, str):
        raise BadReportError('"label" and "about" are texts, or left out')
    return Report(raw["id"], raw["revision"], raw["answer"][:TEXT_MAX], label and label[:TEXT_MAX], about)


def redacted(text: str) -> str:
    """The text without what may name a person, and not too long."""
    return _PERSONAL.sub("[removed]", text)[:TEXT_MAX]


class Comparer:
    """Joins answers by request. For use from several threads; its memory is bounded whatever is sent."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, tuple[float, Report]] = OrderedDict()
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self._revisions: set[str] = set()
        self._classes: set[str] = set()
        self._samples: dict[tuple[str, str, str], deque[Pair]] = {}

    def add(self, report: Report) -> None:
        """Take one answer in; with its counterpart it becomes a pair, seen from both sides."""
        with self._lock:
            self._expire()
            if report.revision not in self._revisions and len(self._revisions) >= REVISIONS_MAX:
                self._count("answers_refused_total", reason="revisions")
                return
            self._revisions.add(report.revision)
            self._count("answers_total", revision=report.revision)
            _, first = self._waiting.pop(report.id, (0.0, None))
            if first is None:
                self._waiting[report.id] = (self._clock(), report)
                return
            self._pair(report, first)
            # A revision that is mirrored to itself makes one pair, not two.
            if report.revision != first.revision:
                self._pair(first, report)

    def exposition(self) -> str:
        """All counts, as Prometheus reads them."""
        with self._lock:
            rows = sorted(self._counts.items())
        lines = []
        for (name, labels), count in rows:
            text = ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in labels)
            lines.append(f"{name}{{{text}}} {count}\n")
        return "".join(lines)

    def sample(self) -> list[dict[str, Any]]:
        """Pairs for people to look at: those that differ first."""
        with self._lock:
            pairs = [pair for kept in self._samples.values() for pair in kept]
        return [asdict(pair) for pair in sorted(pairs, key=lambda pair: pair.outcome == "agree")]

    def _pair(self, candidate: Report, reference: Report) -> None:
        outcome = "agree" if candidate.answer == reference.answer else "differ"
        sides = {"candidate": candidate.revision, "reference": reference.revision}
        self._count("answer_pairs_total", **sides, **{"class": self._class(reference.answer)}, outcome=outcome)
        label = candidate.label if candidate.label is not None else reference.label
        if label is not None:
            right = candidate.answer == label, reference.answer == label
            ended = {(True, False): "win", (False, True): "loss"}.get(right, "tie")
            self._count("labelled_pairs_total", **sides, outcome=ended)
        kept = self._samples.setdefault((candidate.revision, reference.revision, outcome), deque(maxlen=SAMPLE_EACH))
        kept.append(
            Pair(
                request=hashlib.sha256(candidate.id.encode()).hexdigest()[:12],
                candidate=candidate.revision,
                reference=reference.revision,
                candidate_answer=redacted(candidate.answer),
                reference_answer=redacted(reference.answer),
                label=None if label is None else redacted(label),
                about=redacted(candidate.about or reference.about),
                outcome=outcome,
            )
        )

    def _class(self, answer: str) -> str:
        if answer in self._classes:
            return answer
        if len(self._classes) >= CLASSES_MAX:
            return OTHER
        self._classes.add(answer)
        return answer

    def _expire(self) -> None:
        oldest = self._clock() - WAITING_SECONDS
        while self._waiting:
            at, report = next(iter(self._waiting.values()))
            if at > oldest and len(self._waiting) < WAITING_MAX:
                return
            self._waiting.popitem(last=False)
            self._count("answers_unpaired_total", revision=report.revision)

    def _count(self, name: str, **labels: str) -> None:
        self._counts[name, tuple(sorted(labels.items()))] += 1


def server(comparer: Comparer, host: str, port: int) -> ThreadingHTTPServer:
    """An HTTP server for a comparer; not started yet."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, comparer.exposition(), "text/plain; version=0.0.4; charset=utf-8")
            elif self.path == "/pairs":
                self._answer(200, json.dumps(comparer.sample(), indent=1), "application/json")
            elif self.path == "/healthz":
                self._answer(200, "ok\n", "text/plain")
            else:
                self._answer(404, "there are /answers, /metrics, /pairs and /healthz\n", "text/plain")

        def do_POST(self) -> None:
            try:
                reports = self._reports()
            except ValueError as error:
                self._answer(400, f"{error}\n", "text/plain")
                return
            for report in reports:
                comparer.add(report)
            self._answer(202, "", "text/plain")

        def _reports(self) -> list[Report]:
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 < length <= BODY_MAX:
                raise BadReportError(f"send a body of at most {BODY_MAX} bytes")
            raw = json.loads(self.rfile.read(length))
            if not isinstance(raw, list):
                raise BadReportError("send a list of answers")
            return [read_report(one) for one in raw]

        def _answer(self, code: int, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A line for each request is work and tells nothing."""

    return ThreadingHTTPServer((host, port), Handler)


def main() -> None:
    """Read the command line, and serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="0.0.0.0", help="address to listen at")  # noqa: S104 - in a pod of its own
    parser.add_argument("--port", type=int, default=8080)
    given = parser.parse_args()
    server(Comparer(), given.host, given.port).serve_forever()


if __name__ == "__main__":
    main()
