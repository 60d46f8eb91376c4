"""How much more alike than independent requests those of one pod are: what evidence has to be divided by. Pure.

**What is measured.** Of the E events and N requests that several pods of one revision had in a tick, independence gives
the pod with n requests E n / N events, with the variance

    q (1 - q) E (N - E) / (N - 1),   q = n / N

(hypergeometric: which of the N requests failed is as likely for any of them). The factor is the sum of the squared
deviations over the sum of these variances: the variance-to-mean ratio of a subsample as large as a candidate, given
what all pods together had. So what hits all of them alike (an outage upstream, a diurnal curve) does not count, as it
does not count when two revisions are compared; a client that retries five times on one pod, or a pod with a noisy
neighbour, does. For groups of c events that fall on one pod together it is the mean of c^2 over the mean of c.

**One pod alone** is compared with itself, each tick with the next one: that sees bursts within a tick, and takes what
changes from one to the next for noise too.

**Incidents.** A pod that failed everything for an hour last night says nothing of what is usual, and would leave a
rollout without judgement for a day. So the worst tenth of the spans is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from modelrollout.analysis.evidence import Counts, Tick

FLOOR: Final = 2.0
"""What evidence is divided by at least where nobody declares anything: a day's history does not show every client."""
MOST: Final = 100.0
"""And at most: what is beyond this is no noise that one could wait out."""
LEAST_VARIANCE: Final = 10.0
"""With less than this expected (some forty events on two pods), the measured factor is chance itself."""
INCIDENTS: Final = 10
"""One in so many spans may be an incident."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Squared deviations that were observed, and those that independence gives."""

    observed: float = 0.0
    expected: float = 0.0

    def __add__(self, other: Spread) -> Spread:
        return Spread(self.observed + other.observed, self.expected + other.expected)

    @property
    def factor(self) -> float:
        """How many times as large the deviations are; 0 where nothing is expected."""
        return self.observed / self.expected if self.expected > 0 else 0.0


def spread_of(cells: Sequence[Counts]) -> Spread:
    """Compare counts that should differ by chance alone: of several pods in one tick, or of one in two ticks."""
    total, events = sum(one.total for one in cells), sum(one.events for one in cells)
    if len(cells) < 2 or not 0 < events < total:
        return Spread()
    alike = events * (total - events) / (total - 1)
    shares = [one.total / total for one in cells]
    return Spread(
        sum((one.events - events * share) ** 2 for one, share in zip(cells, shares, strict=True)),
        sum(share * (1 - share) * alike for share in shares),
    )


def spread_of_ticks(ticks: Iterable[Tick]) -> Spread:
    """Compare the pods of each tick, which are its slices; ticks with one pod only, each with the next of these.

    Args:
        ticks: of one span, in order; the revision in question is their candidate.
    """
    found = Spread()
    alone: Counts | None = None
    for tick in ticks:
        pods = [part.candidate for part in tick.slices if part.candidate is not None and part.candidate.total]
        if len(pods) > 1:
            found += spread_of(pods)
            continue
        counts = pods[0] if pods else tick.candidate
        if counts is None or counts.total == 0:
            continue
        if alone is None:
            alone = counts
        else:
            found, alone = found + spread_of((alone, counts)), None
    return found


def factor_of(spans: Iterable[Spread]) -> float | None:
    """Give what evidence is to be divided by, at least 0; None where too little has happened to tell.

    Args:
        spans: of as many hours of history.
    """
    known = sorted((span for span in spans if span.expected > 0), key=lambda span: span.factor)
    usual = known[: len(known) - len(known) // INCIDENTS]
    whole = sum(usual, Spread())
    return None if whole.expected < LEAST_VARIANCE else min(MOST, whole.factor)
