"""What one query gave for one revision at one instant: a closed union that every consumer matches exhaustively.

Only `Value` is a measurement. The others say why there is none, because they mean different things: `NoData` may be
what a quiet service looks like, `Ambiguous` is a query to mend, `Unavailable` will pass by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Value:
    """One finite number in the metric's unit.

    Raises:
        ValueError: the number is NaN or infinite; `measured` turns any float into the right outcome.
    """

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"value must be finite, got {self.value}: use outcome.measured()")


@dataclass(frozen=True, slots=True)
class NoData:
    """The query was answered, and no series matched."""


@dataclass(frozen=True, slots=True)
class NotFinite:
    """One series matched, and its value is NaN or infinite, such as a quantile or a quotient of nothing."""

    value: float


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """More than one series matched, so that no single one is meant.

    Attributes:
        series: how many matched, at least 2.
    """

    series: int


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The source did not answer: an outage, a timeout, too many requests. Asking again may help."""

    message: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The source refused the query: it does not parse or asks for too much. Asking again does not help."""

    message: str


@dataclass(frozen=True, slots=True)
class Partial:
    """The source answered with warnings, so that the number may cover only a part of the series."""

    warnings: tuple[str, ...]


Outcome = Value | NoData | NotFinite | Ambiguous | Unavailable | Rejected | Partial


def measured(number: float) -> Value | NotFinite:
    """Give the outcome for one number that a source returned."""
    return Value(number) if math.isfinite(number) else NotFinite(number)
