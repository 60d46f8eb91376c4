"""A history of counters without a Prometheus: as many scrapes as a test says, of as many pods."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from modelrollout.analysis.outcome import NoData, Outcome, Unavailable
from modelrollout.metrics.provider import RawOutcome, RawSeries

_POD = re.compile(r'pod=~"(?P<pattern>[^"]*)"')


@dataclass(frozen=True)
class Pod:
    """One pod's counters as functions of seconds since the history began."""

    name: str
    counters: Mapping[str, Callable[[float], float]]


@dataclass(frozen=True)
class History:
    """A `MetricProvider` of what was scraped every `every` seconds."""

    pods: tuple[Pod, ...]
    begin: float
    seconds: float
    every: float = 5.0
    namespace: str = "demo"

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        found = _POD.search(selector)
        assert found is not None
        wanted = re.compile(found["pattern"].replace("\\\\", "\\"))
        chosen = [pod for pod in self.pods if wanted.fullmatch(pod.name)]
        names = re.match(r"\w*", selector)
        assert names is not None
        listed = re.search(r'__name__=~"([^"]*)"', selector)
        metrics = [names[0]] if names[0] else (listed[1].strip("()").split("|") if listed else [])
        series = [self._series(pod, metric, at, seconds) for pod in chosen for metric in metrics]
        return tuple(one for one in series if one is not None and one.samples)

    def _series(self, pod: Pod, metric: str, at: float, seconds: float) -> RawSeries | None:
        value = (lambda _: 1.0) if metric == "up" else pod.counters.get(metric)
        if value is None:
            return None
        first = max(0, int((at - seconds - self.begin) // self.every) + 1)
        last = int((min(at - self.begin, self.seconds)) // self.every)
        times = (number * self.every for number in range(first, last + 1))
        samples = tuple((self.begin + time, value(time)) for time in times)
        labels = {"__name__": metric, "namespace": self.namespace, "pod": pod.name, "instance": pod.name, "job": "pods"}
        return RawSeries(labels, samples)

    async def instant(self, query: str, at: float) -> Outcome:
        return NoData()

    async def check(self, query: str) -> str | None:
        return None

    async def now(self) -> float | Unavailable:
        return self.begin + self.seconds
