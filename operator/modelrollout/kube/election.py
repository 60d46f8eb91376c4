"""Who may lead, and for how long: the rules of a Lease as functions of what was seen and when. Pure.

All times are seconds of a clock of this process that never goes back and goes on while the process is stopped or the
machine sleeps. Clocks of others count for nothing: a Lease is old when nobody renewed it while we were watching.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_DURATION: Final = 3600.0
"""Seconds. A longer one is somebody's slip: waiting for it to run out would be waiting for ever."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take, in seconds.

    Attributes:
        duration: others take a Lease that was not renewed for so long.
        deadline: a leader that could not renew for so long stops writing and ends. What lies between this and
            `duration` is there for its last request to arrive.
        retry: between two renewals, and between two tries.
    """

    duration: float = 15.0
    deadline: float = 10.0
    retry: float = 2.0


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says.

    Attributes:
        holder: who leads; empty when nobody does.
        renewed: `renewTime` as text. It is compared and never read as a time.
        duration: seconds that the holder asks others to wait; 0 if it says nothing.
        transitions: how often another one took it; with the holder it names one term.
    """

    holder: str
    renewed: str
    duration: float
    transitions: int
    resource_version: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A Lease as somebody who does not hold it sees it.

    Attributes:
        record: the last that was seen; None if there never was any.
        since: when it was first seen like this.
        exists: False when it has been deleted since: its holder may not know.
    """

    record: Record | None
    since: float
    exists: bool


def sight(before: Sighting | None, found: Record | None, at: float) -> Sighting:
    """Take in what a read showed.

    Args:
        at: a moment after the answer: a Lease must not seem older than it is.
    """
    known = before.record if before is not None else None
    if found is None:
        return Sighting(known, before.since if before is not None and known is not None else at, exists=False)
    if before is not None and known is not None and before.exists and _same(known, found):
        # Labels may have changed: a write is refused if it does not name the version of now.
        return Sighting(found, before.since, exists=True)
    return Sighting(found, at, exists=True)


def is_free(seen: Sighting, me: str, timing: Timing, now: float) -> bool:
    """Whether the Lease may be taken: nobody holds it, or its holder has not renewed it while we were looking."""
    record = seen.record
    # Held by us without our knowing: the answer to our request was lost.
    if record is None or not record.holder or record.holder == me:
        return True
    return now - seen.since > min(record.duration or timing.duration, MAX_DURATION)


@dataclass(frozen=True, slots=True)
class Tenure:
    """A Lease that is ours.

    Attributes:
        record: as the API server has it, as far as we know.
        since: a moment before the last successful renewal was sent: others count from later ones only.
    """

    record: Record
    since: float

    def left(self, timing: Timing, now: float) -> float:
        """Seconds for which we may still write; not positive when it is over."""
        return self.since + timing.deadline - now

    def continues(self, found: Record | None) -> bool:
        """Whether a Lease that was read is still of this term. A deleted one is not: others may have made another."""
        return found is not None and found.holder == self.record.holder and found.transitions == self.record.transitions


def _same(one: Record, other: Record) -> bool:
    return (one.holder, one.renewed, one.transitions) == (other.holder, other.renewed, other.transitions)
