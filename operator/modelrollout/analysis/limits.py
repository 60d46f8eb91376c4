"""The limits of one metric."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Edge:
    """The largest rate (or mean) of the candidate beside stable's that is still good: factor x stable + amount."""

    factor: float = 1.0
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What the candidate must keep, all of it; None means that there is no such limit.

    Attributes:
        max: largest good value, in the metric's unit.
        min: smallest good value.
        ratio: `noWorseThan.ratio`, a factor on the stable revision's value, at least 0.
        difference: `noWorseThan.difference`, an amount on top of it. With both, the more generous counts.
        harm_ratio: from which factor on evidence is harm; `ratio` unless set.
        harm_difference: from which amount on evidence is harm; `difference` unless set.
        confidence: evidence that passing `max` and `min` takes, 0 to 1; None where the estimate is enough.
        no_worse_confidence: the same for the relative limit.

    Raises:
        ValueError: a limit is NaN or infinite, or `ratio` is negative.
    """

    max: float | None = None
    min: float | None = None
    ratio: float | None = None
    difference: float | None = None
    harm_ratio: float | None = None
    harm_difference: float | None = None
    confidence: float | None = None
    no_worse_confidence: float | None = None

    def __post_init__(self) -> None:
        for field in ("max", "min", "ratio", "difference", "harm_ratio", "harm_difference"):
            number: float | None = getattr(self, field)
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{field} must be a finite number, got {number}")
        if self.ratio is not None and self.ratio < 0:
            raise ValueError(f"ratio must be at least 0, got {self.ratio}")

    @property
    def is_relative(self) -> bool:
        """Whether a limit compares with the stable revision."""
        return self.ratio is not None or self.difference is not None

    @property
    def more_is_better(self) -> bool:
        """Whether falling is what `noWorseThan` guards against: only where `min` is set and `max` is not."""
        return self.min is not None and self.max is None

    def above(self, stable: float) -> float:
        """Give the largest good value beside a stable value: the larger of ratio x stable and stable + difference.

        A part that is not set takes no part, so a ratio below 1 alone demands an improvement. A ratio means something
        only on values that are not negative.

        Raises:
            ValueError: nothing here is relative.
        """
        bounds = self._bounds(self.ratio, self.difference)
        return max(stable * factor + amount for factor, amount in bounds)

    def below(self, stable: float) -> float:
        """Give the smallest good value beside a stable value: the smaller of stable / ratio and stable - difference.

        A ratio of 0 bounds nothing.

        Raises:
            ValueError: nothing here is relative.
        """
        if self.ratio == 0:
            return -math.inf
        bounds = self._bounds(None if self.ratio is None else 1 / self.ratio, self.difference)
        return min(stable * factor - amount for factor, amount in bounds)

    @property
    def of_harm(self) -> Limits:
        """The same limits with those from which evidence is harm as the relative ones."""
        ratio = self.ratio if self.harm_ratio is None else self.harm_ratio
        difference = self.difference if self.harm_difference is None else self.harm_difference
        return replace(self, ratio=ratio, difference=difference, harm_ratio=None, harm_difference=None)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The relative limits as edges between good and bad rates, without any that another one implies."""
        binding = self.binding
        edges = [] if binding.ratio is None else [Edge(binding.ratio, 0.0)]
        return tuple(edges if binding.difference is None else [*edges, Edge(1.0, binding.difference)])

    @property
    def binding(self) -> Limits:
        """The same limits without the relative part that the other one implies for rates of at least 0."""
        if self.ratio is None or self.difference is None:
            return self
        if self.ratio <= 1 and self.difference >= 0:
            return replace(self, ratio=None)
        if self.ratio >= 1 and self.difference <= 0:
            return replace(self, difference=None)
        return self

    @staticmethod
    def _bounds(factor: float | None, amount: float | None) -> list[tuple[float, float]]:
        bounds = [(factor, 0.0)] if factor is not None else []
        if amount is not None:
            bounds.append((1.0, amount))
        if not bounds:
            raise ValueError("neither ratio nor difference is set: there is no relative limit")
        return bounds
