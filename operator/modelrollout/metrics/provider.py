"""What the rest of the operator asks of a source of metrics. One file implements it for Prometheus."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from modelrollout.analysis.outcome import Outcome, Partial, Rejected, Unavailable
from modelrollout.analysis.ranges import Ranges

RawOutcome = tuple["RawSeries", ...] | Unavailable | Rejected | Partial


class ProviderUnavailableError(Exception):
    """The source of metrics did not answer: try again later; nothing is known, and nothing follows from it.

    Attributes:
        reason: for a condition or an event.
        message: what happened, without addresses' credentials or bodies of answers.
    """

    reason = "MetricsUnavailable"
    transient = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Native:
    """A native histogram at one moment.

    Attributes:
        ranges: what was observed since counting began, by value.
        sum: of all that was observed.
    """

    ranges: Ranges
    sum: float


@dataclass(frozen=True)
class RawSeries:
    """One series' own samples, as scraped.

    Attributes:
        labels: all labels, with `__name__`.
        samples: pairs of timestamp (Unix seconds) and value, ascending in time; values may be NaN or infinite. Those
            of a native histogram say how much was observed.
        natives: the native histograms themselves, at the same times.
    """

    labels: Mapping[str, str]
    samples: tuple[tuple[float, float], ...]
    natives: tuple[tuple[float, Native], ...] = ()

    def within(self, after: float, until: float = math.inf) -> RawSeries:
        """What is later than `after`, and not later than `until`."""
        samples = tuple(sample for sample in self.samples if after < sample[0] <= until)
        natives = tuple(sample for sample in self.natives if after < sample[0] <= until)
        return RawSeries(self.labels, samples, natives)


class MetricProvider(Protocol):
    """Numbers, each a closed type of outcome: a caller cannot mistake an outage or an odd answer for a value."""

    async def instant(self, query: str, at: float) -> Outcome:
        """Evaluate a query at an instant (Unix seconds, the source's clock): a scalar, or exactly one series."""
        ...

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        """The raw samples of a plain series selector within `(at - seconds, at]`, with their own timestamps."""
        ...

    async def check(self, query: str) -> str | None:
        """Why the query does not parse, in the source's own words; None when it does.

        Raises:
            ProviderUnavailableError: the source did not answer, so nothing is known about the query.
        """
        ...

    async def now(self) -> float | Unavailable:
        """The source's own clock, Unix seconds: samples are stamped by it, and ours may differ."""
        ...
