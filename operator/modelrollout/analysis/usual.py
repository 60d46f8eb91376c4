"""What is usual for a metric, and a limit beside it.

The limit is mean + k sigma of values of equal spans of time. It promises no error probability of its own: sigma holds
what varies from span to span (the hour, the users, the upstream) and what chance adds to each value. The test that is
then made against the limit has its own level.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

DIGITS: Final = 2


@dataclass(frozen=True, slots=True)
class Usual:
    """Values of equal spans of time.

    Attributes:
        sigma: the sample standard deviation, as the values' spread estimates it.
        values: how many there were, 2 at least.
    """

    mean: float
    sigma: float
    lowest: float
    highest: float
    values: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Usual:
        """Summarise.

        Raises:
            ValueError: there are fewer than two values.
        """
        if len(values) < 2:
            raise ValueError(f"a spread takes two values at least, got {len(values)}")
        return cls(statistics.fmean(values), statistics.stdev(values), min(values), max(values), len(values))

    def above(self, sigmas: float) -> float:
        """Give the limit so many standard deviations above the mean."""
        return self.mean + sigmas * self.sigma

    def below(self, sigmas: float) -> float:
        """Give the limit so many standard deviations below the mean."""
        return self.mean - sigmas * self.sigma


def rounded(value: float, *, up: bool) -> Decimal:
    """Write a limit with two significant digits, and never on the stricter side of the value.

    Raises:
        ValueError: the value is NaN or infinite.
    """
    if not math.isfinite(value):
        raise ValueError(f"a limit is a finite number, not {value}")
    if value == 0:
        return Decimal(0)
    exact = Decimal(repr(value))
    step = Decimal(1).scaleb(exact.adjusted() - DIGITS + 1)
    # What floats add in the last digits must not cost a whole step.
    near = (exact / step).quantize(Decimal("1e-6"))
    found = near.to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * step
    return found.quantize(Decimal(1)) if found == found.to_integral_value() else found.normalize()
