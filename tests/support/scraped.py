"""Pods that answer requests and are scraped every 15 s, in a time of the test's own: for a real Prometheus to hold.

What is to be counted is added up as it is served, knowing nothing of how counters are read: a request counts when a
scrape first shows it, unless that scrape is its pod's first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from modelrollout.analysis.evidence import NOTHING, Counts
from tests.support.backfill import Series

SCRAPE_SECONDS = 15.0
REQUESTS = {"candidate": 60, "stable": 540}
"""Of each revision between two scrapes."""


@dataclass
class Pod:
    """One process with two counters; the one of errors is born with the first error."""

    name: str
    revision: str
    offset: float
    now: Counts = NOTHING
    unseen: Counts = NOTHING
    was_scraped: bool = False
    samples: list[tuple[float, Counts]] = field(default_factory=list)
    up: list[tuple[float, float]] = field(default_factory=list)

    def serve(self, counts: Counts) -> None:
        """Answer requests."""
        self.now += counts
        self.unseen += counts

    def restart(self) -> None:
        """Begin anew at zero: what no scrape has seen is nobody's to know."""
        self.now = self.unseen = NOTHING


@dataclass
class Scraped:
    """All pods of two revisions.

    Attributes:
        begin: of the history, unix seconds.
        since: from when requests are to be counted.
        rates: share of the requests that fail, by revision.
        unscraped: names of the pods whose scrapes fail.
        away: whether Prometheus itself is.
        counted: what is to be counted up to now, by revision.
    """

    begin: float
    since: float
    rates: dict[str, float] = field(default_factory=lambda: {"candidate": 0.01, "stable": 0.01})
    unscraped: set[str] = field(default_factory=set)
    away: bool = False
    counted: dict[str, Counts] = field(default_factory=dict)
    _pods: dict[str, Pod] = field(default_factory=dict)
    _gone: list[Pod] = field(default_factory=list)
    _scrapes: int = 0
    _owed: dict[str, float] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """New pods, such as `candidate-1`."""
        for name in names:
            number = len(self._pods) + len(self._gone)
            self._pods[name] = Pod(name, name.partition("-")[0], offset=number % 20 * 0.7)

    def end(self, *names: str) -> None:
        """Pods go away, with what no scrape has seen."""
        self._gone += [self._pods.pop(name) for name in names]

    def restart(self, *names: str) -> None:
        """Processes end and start again at the same address."""
        for name in names:
            self._pods[name].restart()

    def serve(self, part: float = 1.0) -> None:
        """Answer a part of the requests between two scrapes, shared evenly by a revision's pods."""
        for revision, requests in REQUESTS.items():
            pods = [pod for pod in self._pods.values() if pod.revision == revision]
            for pod in pods:
                total = round(requests * part / len(pods))
                owed = self._owed.get(revision, 0.0) + total * self.rates[revision]
                pod.serve(Counts(int(owed), total))
                self._owed[revision] = owed - int(owed)

    def scrape(self) -> None:
        """Scrape every pod at its own moment, and go on to the next interval."""
        for pod in () if self.away else self._pods.values():
            at = self.begin + self._scrapes * SCRAPE_SECONDS + pod.offset
            fails = pod.name in self.unscraped
            pod.up.append((at, 0.0 if fails else 1.0))
            if fails:
                continue
            if pod.was_scraped and at > self.since:
                self.counted[pod.revision] = self.counted.get(pod.revision, NOTHING) + pod.unseen
            pod.samples.append((at, pod.now))
            pod.was_scraped, pod.unseen = True, NOTHING
        self._scrapes += 1

    def run(self, scrapes: int) -> None:
        """Serve and scrape so often."""
        for _ in range(scrapes):
            self.serve()
            self.scrape()

    def forget(self) -> None:
        """Prometheus loses everything, and nothing before counts."""
        self._gone.clear()
        self.counted.clear()
        for pod in self._pods.values():
            pod.samples.clear()
            pod.up.clear()
            pod.was_scraped = False

    @property
    def now(self) -> float:
        """The end of the last interval."""
        return self.begin + self._scrapes * SCRAPE_SECONDS

    def series(self, namespace: str, hashes: Mapping[str, str]) -> Iterator[Series]:
        """As Prometheus holds it: `up`, `requests_total` and `errors_total` of the pods of a rollout `digits`."""
        for pod in (*self._gone, *self._pods.values()):
            name = f"digits-{hashes[pod.revision]}-{pod.name}"
            labels = {"namespace": namespace, "pod": name, "instance": name, "job": "pods"}
            errors = [(at, float(one.events)) for at, one in pod.samples]
            first = next((index for index, (_, value) in enumerate(errors) if value > 0), len(errors))
            found = {
                "up": pod.up,
                "requests_total": [(at, float(one.total)) for at, one in pod.samples],
                "errors_total": errors[first:],
            }
            yield from ((labels | {"__name__": metric}, samples) for metric, samples in found.items() if samples)
