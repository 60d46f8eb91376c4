"""How sure a test is, in words that people use."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelrollout.analysis.eprocess import log_threshold

_DIGITS_MAX = 6


@dataclass(frozen=True, slots=True)
class Sureness:
    """Evidence against a null hypothesis, and how much of it is needed.

    `confidence` is 1 - 1 / e: by Ville's inequality a claim that is made at this confidence, at whatever moment, is
    wrong with a probability of 1 / e at most. It is not the probability that the claim is true.

    Attributes:
        log_e: the log e-value so far.
        level: probability of a wrong claim that is accepted, above 0 and below 1.
    """

    log_e: float
    level: float

    @property
    def is_enough(self) -> bool:
        """Whether the null hypothesis is rejected."""
        return self.log_e >= log_threshold(self.level)

    @property
    def share(self) -> float:
        """How much of the evidence needed there is: 1 where it is enough."""
        return self.log_e / log_threshold(self.level)

    @property
    def confidence(self) -> float:
        """At which confidence the claim could be made now, 0 to 1."""
        return -math.expm1(-max(0.0, self.log_e))

    @property
    def needed(self) -> float:
        """The confidence that is needed."""
        return 1 - self.level

    @property
    def text(self) -> str:
        """Say it: `confidence 0.9998`, or, while that is not enough, `confidence 0.62 of 0.95`."""
        return f"confidence {self.figures}"

    @property
    def figures(self) -> str:
        """The numbers of `text` alone."""
        if self.is_enough:
            return format_confidence(self.confidence)
        return f"{format_confidence(self.confidence)} of {format_confidence(self.needed)}"

    def outlook(self, samples: int) -> str:
        """Say how many more requests like those so far would be enough; nothing where they tell the other way."""
        if self.is_enough or self.log_e <= 0 or samples == 0:
            return ""
        missing = samples / self.share - samples
        if missing > 1e9:
            return ""
        return f": about {_rounded(missing)} more requests like these would show it"


def format_confidence(confidence: float) -> str:
    """Write a confidence with the digits in which it differs from 1: `0.95`, `0.99983`; never `1`."""
    doubt = 1 - confidence
    if doubt <= 10**-_DIGITS_MAX:
        return f">0.{'9' * _DIGITS_MAX}"
    digits = max(2, min(_DIGITS_MAX, math.ceil(-math.log10(doubt) - 1e-9)))
    scale = 10**digits
    return f"{math.floor(confidence * scale + 1e-9) / scale:.{digits}f}"


def _rounded(number: float) -> int:
    """Two digits are all that such a guess is worth; upwards."""
    scale: int = 10 ** max(0, math.floor(math.log10(max(1.0, number))) - 1)
    return math.ceil(number / scale) * scale
