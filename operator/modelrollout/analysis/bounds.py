"""Limits on the candidate's value, as people see them."""

from __future__ import annotations

from dataclasses import dataclass

from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.verdict import format_number

ROUNDING = 1e-12
"""What arithmetic on rates may add: a rate equal to its limit keeps it."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit on the candidate's value (for a ratio: its rate of events), and where it comes from.

    Attributes:
        limit: the last good value.
        upper: whether higher values are worse.
        stable: the stable value that it was made from; None for an absolute limit.
        frozen: whether `stable` was frozen earlier.
    """

    limit: float
    upper: bool
    stable: float | None = None
    frozen: bool = False

    def keeps(self, value: float) -> bool:
        """Tell whether a value keeps the limit; NaN keeps none."""
        return value <= self.limit + ROUNDING if self.upper else value >= self.limit - ROUNDING

    @property
    def tightness(self) -> tuple[bool, float]:
        """Sorts the limit that people should see first to the front: upper ones first, then the nearest."""
        return (not self.upper, self.limit if self.upper else -self.limit)

    def describe(self, name: str, value: float, samples: int | None = None) -> str:
        """Say in a line how a value compares, such as `error-rate 0.08 > 0.01 (n=640)`."""
        kept, exceeded = ("<=", ">") if self.upper else (">=", "<")
        sign = kept if self.keeps(value) else exceeded
        notes = []
        if self.stable is not None:
            notes.append(f"stable {format_number(self.stable)}{' frozen' if self.frozen else ''}")
        if samples is not None:
            notes.append(f"n={samples}")
        beside = f" ({', '.join(notes)})" if notes else ""
        return f"{name} {format_number(value)} {sign} {format_number(self.limit)}{beside}"


def absolute_bounds(limits: Limits) -> list[Bound]:
    """Give the limits that need no stable revision."""
    bounds = [] if limits.max is None else [Bound(limits.max, upper=True)]
    return bounds if limits.min is None else [*bounds, Bound(limits.min, upper=False)]


def relative_bound(limits: Limits, stable: Counts) -> Bound:
    """Give the limit that `noWorseThan` sets beside the stable revision's counts, of which there is at least one."""
    rate = stable.events / stable.total
    if limits.more_is_better:
        return Bound(_rate(1 - limits.above(1 - rate)), upper=False, stable=rate)
    return Bound(_rate(limits.above(rate)), upper=True, stable=rate)


def frozen_bound(limits: Limits, bad: float) -> Bound:
    """Give the limit that `noWorseThan` sets beside a frozen bound on the stable revision's rate of bad things."""
    if limits.more_is_better:
        return Bound(_rate(1 - limits.above(bad)), upper=False, stable=1 - bad, frozen=True)
    return Bound(_rate(limits.above(bad)), upper=True, stable=bad, frozen=True)


def value_bound(limits: Limits, stable: float, *, frozen: bool) -> Bound:
    """Give the limit that `noWorseThan` sets beside a stable value in the metric's unit."""
    if limits.more_is_better:
        return Bound(limits.below(stable), upper=False, stable=stable, frozen=frozen)
    return Bound(limits.above(stable), upper=True, stable=stable, frozen=frozen)


def _rate(number: float) -> float:
    return min(1.0, max(0.0, number))
