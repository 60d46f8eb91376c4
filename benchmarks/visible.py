"""When harm was there to be seen: somebody else asks Prometheus all the time and applies the operator's own rule."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import requests

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.ratio import RatioCheck, judge
from modelrollout.analysis.ratio_state import RatioState, gather
from modelrollout.analysis.verdict import Verdict

PAUSE = 0.01
"""Seconds between an answer and the next question: nearly busy, yet the machine is to run the rollout, too."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """The first answer that shows harm.

    Attributes:
        at: when it was asked for, by `time.monotonic`; harm was stored between the question before and this one.
        previous: when the question before it was asked.
        counts: of the candidate, at that time.
    """

    at: float
    previous: float
    counts: Counts


class Observer:
    """Polls the candidate's raw counters until they are enough for a verdict of harm."""

    def __init__(self, prometheus: str, selector: str, limit: float, alpha: float) -> None:
        self._url = f"{prometheus}/api/v1/query"
        self._query = f"model_http_requests_total{{{selector}}}[2m]"
        self._limits = Limits(max=limit)
        self._check = RatioCheck("error-rate", min_samples=1, alpha=alpha)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self.sighting: Sighting | None = None
        self.first_sample: float | None = None
        self.first_scrape_with_requests: float | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        previous = time.monotonic()
        with requests.Session() as session:
            while not self._stopped.is_set():
                asked = time.monotonic()
                counts = self._counts(session)
                if counts is not None and self._look(counts, asked, previous):
                    return
                previous = asked
                time.sleep(PAUSE)

    def _look(self, counts: Counts, asked: float, previous: float) -> bool:
        """Note what there is to see now; whether it is enough."""
        self.first_sample = self.first_sample or asked
        if counts.total and self.first_scrape_with_requests is None:
            self.first_scrape_with_requests = asked
        if self._shows_harm(counts):
            self.sighting = Sighting(asked, previous, counts)
        return self.sighting is not None

    def _counts(self, session: requests.Session) -> Counts | None:
        """What the candidate's counters have risen by since their first sample; None where there is no sample yet."""
        answer = session.get(self._url, params={"query": self._query}, timeout=5)
        answer.raise_for_status()
        found = answer.json()["data"]["result"]
        total = events = 0
        for series in found:
            increase = round(float(series["values"][-1][1]) - float(series["values"][0][1]))
            total += increase
            events += increase if series["metric"]["code"].startswith("5") else 0
        return Counts(events, total) if found else None

    def _shows_harm(self, counts: Counts) -> bool:
        tick = Tick(at=0.0, candidate=counts, stable=None, final=False)
        evidence = gather(RatioState.start(self._limits), [tick])
        return judge(self._check, evidence, evidence, step_index=1).result.verdict is Verdict.HARM
