"""The grid of evaluation instants, on Prometheus's clock.

Ticks are multiples of the interval plus a phase from the rollout's UID, so that every replica of the operator, and the
same operator after a restart, looks at the very same instants, while many rollouts do not all look at once. Times are
Unix seconds; inside, the grid counts whole milliseconds, as Prometheus stamps its samples, so that no tick drifts by
rounding.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

SETTLE_SECONDS: Final = 1.0
"""Beyond the scrape timeout: samples are stamped at scrape start and stored at its end, and a commit takes a moment."""
SCRAPES_TO_COMPARE: Final = 2
"""Pods are scraped at different moments: only over two scrapes have both revisions surely been seen."""


@dataclass(frozen=True)
class Grid:
    """Ticks at `k * interval + phase`. A tick stands for the span since the tick before it: `(previous, tick]`."""

    interval_ms: int
    phase_ms: int

    @property
    def interval(self) -> float:
        """Seconds between two ticks."""
        return self.interval_ms / 1000

    def tick_after(self, time: float) -> float:
        """The first tick later than `time`."""
        return self._at(self._index(time) + 1)

    def tick_at_or_before(self, time: float) -> float:
        """The last tick not later than `time`."""
        return self._at(self._index(time))

    def tick_of(self, sample: float) -> float:
        """The tick whose span `(previous, tick]` holds this instant."""
        return self._at(-((self.phase_ms - _ms(sample)) // self.interval_ms))

    def ticks_between(self, after: float, until: float) -> tuple[float, ...]:
        """All ticks later than `after` and not later than `until`, in order."""
        return tuple(self._at(k) for k in range(self._index(after) + 1, self._index(until) + 1))

    def last_final(self, now: float, scrape_timeout: float) -> float:
        """The last tick that is final at `now`."""
        return self.tick_at_or_before(now - scrape_timeout - SETTLE_SECONDS)

    def _index(self, time: float) -> int:
        return (_ms(time) - self.phase_ms) // self.interval_ms

    def _at(self, index: int) -> float:
        return (index * self.interval_ms + self.phase_ms) / 1000


def grid(uid: str, interval: float, scrape_interval: float, scrapes: int = 1) -> Grid:
    """The grid of one metric of one rollout.

    Args:
        uid: the rollout's UID; decides the phase.
        interval: what the metric asks for, in seconds.
        scrape_interval: how often Prometheus scrapes, in seconds; the grid is never finer than `scrapes` of them.
        scrapes: 1, or `SCRAPES_TO_COMPARE` where two revisions are compared.

    Raises:
        ValueError: an interval that is not positive.
    """
    if interval <= 0 or scrape_interval <= 0:
        raise ValueError(f"interval ({interval} s) and scrape interval ({scrape_interval} s) must be positive")
    interval_ms = max(_ms(interval), scrapes * _ms(scrape_interval), 1)
    digest = hashlib.sha256(uid.encode()).digest()
    return Grid(interval_ms, int.from_bytes(digest[:8], "big") % interval_ms)


def is_final(tick: float, now: float, scrape_timeout: float) -> bool:
    """Whether every sample stamped up to `tick` is stored at `now` (both on Prometheus's clock)."""
    return now >= tick + scrape_timeout + SETTLE_SECONDS


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
