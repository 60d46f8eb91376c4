"""Whether both revisions break an absolute limit at the same time: then something fails that both depend on.

An absolute limit is about the candidate alone, so an outage of what lies behind both (a feature store, a database, a
burst of broken input) would be blamed on it. While the stable revision breaks the limit as well, the candidate is held
to another one: to be at most `ALIKE` times as bad as stable in the same ticks. The null hypothesis of the test is then
"within the limit or, in ticks in which stable is seen to break it, within `ALIKE` times stable's rate"; each tick gives
an e-variable for it, the likelihood ratio (`eprocess`) or the 2 x 2 block (`comparison`), and their product is an
e-process as before. Which of the two a tick gives is known from ticks before it and from stable's own requests, never
from the candidate's: the likelihood ratio does not depend on stable's requests, and the block falls with each failure
of stable, so that to take it just when there are many only lowers its expectation.

**When stable breaks it.** By a sum of log likelihood ratios that never falls below 0, for each of several alternatives
(CUSUM: E. Page, *Continuous inspection schemes*, 1954), and never rises above `MOST`, so that the end of an outage is
seen as soon as its beginning. At a rate within the limit a sum reaches `ENOUGH` once in 1000 ticks at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from modelrollout.analysis.comparison import block
from modelrollout.analysis.eprocess import log_ratios
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.limits import Edge

TOGETHER = "both revisions fail, not the candidate alone: "
"""How a verdict begins that blames nobody."""
ALIKE = 1.5
"""Up to so many times stable's rate both fail alike: what an outage does to two revisions is not the same to a hair."""
ENOUGH = math.log(1000)
MOST = 2 * ENOUGH
QUIET_TICKS = 3
"""Ticks in a row without requests after which nothing is known of a revision any more."""
_SOONEST, _LATEST = 5, 15
"""Alternatives that tell quickly when failures begin and end: odds from 1.6 to 63 times those of the limit."""
_NO_SUMS = (0.0,) * (_LATEST - _SOONEST)
_LEAST_LIMIT = 1e-3
"""A limit of 0 is broken by one failure; that stable fails too takes more than that."""


@dataclass(frozen=True, slots=True)
class Failing:
    """Whether one revision breaks a limit of late.

    Attributes:
        sums: for each alternative, from 0 to `MOST`.
        quiet: how many ticks in a row, up to the last, it answered nothing, or nobody knows what.
    """

    sums: tuple[float, ...] = _NO_SUMS
    quiet: int = 0

    def fold(self, bad: Counts | None, limit: float, dispersion: float) -> Failing:
        """Add one tick."""
        if bad is None or bad.total == 0:
            quiet = self.quiet + 1
            return Failing(quiet=quiet) if quiet >= QUIET_TICKS else Failing(self.sums, quiet)
        if bad.events == 0 and self.sums == _NO_SUMS:
            return Failing()  # good ticks cannot lower a sum further, and most ticks are good
        logs = log_ratios(bad, max(limit, _LEAST_LIMIT))[_SOONEST:_LATEST]
        pairs = zip(self.sums, logs, strict=True)
        return Failing(tuple(min(MOST, max(0.0, total + log / dispersion)) for total, log in pairs))

    @property
    def is_shown(self) -> bool:
        """Whether it does."""
        return max(self.sums) >= ENOUGH


@dataclass(frozen=True, slots=True)
class Together:
    """Both revisions beside one absolute limit, whichever way is worse."""

    candidate: Failing = field(default_factory=Failing)
    stable: Failing = field(default_factory=Failing)

    def fold(self, bad: Counts | None, bad_stable: Counts | None, limit: float, dispersion: float = 1.0) -> Together:
        """Add one tick.

        Args:
            bad, bad_stable: counts with what must not be frequent as the event.
            limit: the largest good rate of it.
        """
        return Together(self.candidate.fold(bad, limit, dispersion), self.stable.fold(bad_stable, limit, dispersion))

    @property
    def both(self) -> bool:
        """Whether both break it."""
        return self.candidate.is_shown and self.stable.is_shown


def log_evidence(
    before: Together, now: Together, bad: Counts, bad_stable: Counts | None, limit: float
) -> tuple[float, ...] | None:
    """Give the log e-variable of one tick for each alternative; None for a tick that says nothing.

    Args:
        before, now: what is known up to the tick before, and with this one.
        bad, bad_stable: counts of the tick with what must not be frequent as the event.
        limit: the largest good rate of it.
    """
    if bad.total == 0:
        return None
    if not (before.stable.is_shown or now.stable.is_shown):
        return log_ratios(bad, limit)
    if bad_stable is None or bad_stable.total == 0:
        return None
    return block(Edge(ALIKE), limit, bad, bad_stable, upwards=True)
