"""Whose reading of which counter a series is: a pod that several jobs scrape shows one counter several times. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, Literal

_SCRAPER_LABELS: Final = ("job", "prometheus", "prometheus_replica")
"""Who read a series. Prometheus sets `job` itself; the others come with answers of several Prometheus servers."""
_READING_LABELS: Final = frozenset({*_SCRAPER_LABELS, "service", "endpoint"})
"""What may differ between two readings of one counter. A server may use the last two itself: see `Twins`."""

Role = Literal["total", "marked"]
SeriesKey = tuple[tuple[str, str], ...]
Target = tuple[str, str, str]
Reading = tuple[Role, SeriesKey, tuple[float, ...]]
"""Which of two counters a series is read as, the series, and when it was read."""


class Twins:
    """Finds readings of one and the same counter by several jobs.

    They agree in all labels but those of the reading. Series of one job are never twins: `service` and `endpoint` are
    then the server's own labels, and each series counts.
    """

    def __init__(self, readings: Iterable[Reading], quiet: float) -> None:
        self._quiet = quiet
        self._readings: dict[tuple[Role, SeriesKey], dict[SeriesKey, list[float]]] = defaultdict(dict)
        for role, key, times in readings:
            self._readings[role, counter_of(key)].setdefault(scraper_of(key), []).extend(times)
        for found in self._readings.values():
            for each in found.values():
                each.sort()

    def before(self, role: Role, key: SeriesKey) -> tuple[list[float], ...]:
        """When each job that comes before this series' own has read the same counter."""
        readings = self._readings[role, counter_of(key)]
        own = scraper_of(key)
        return tuple(times for scraper, times in readings.items() if scraper < own)

    def count(self, at: float, before: tuple[list[float], ...]) -> bool:
        """Whether one of them has read it not long before `at`, so that it is counted there."""
        return any((index := bisect_right(times, at)) > 0 and at - times[index - 1] < self._quiet for times in before)


def series_key(labels: Mapping[str, str]) -> SeriesKey:
    """What tells a series from others."""
    return tuple(sorted(labels.items()))


def counter_of(key: SeriesKey) -> SeriesKey:
    """Which counter a series is a reading of: all labels but those of the reading."""
    return tuple(label for label in key if label[0] not in _READING_LABELS)


def scraper_of(key: SeriesKey) -> SeriesKey:
    """Who has read it."""
    return tuple(label for label in key if label[0] in _SCRAPER_LABELS)


def target_of(labels: Mapping[str, str]) -> Target:
    """What is scraped as one: its samples of one scrape share a timestamp and succeed or fail together."""
    return labels.get("pod", ""), labels.get("instance", ""), labels.get("job", "")
