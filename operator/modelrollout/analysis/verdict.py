"""What a check concluded, in a form that people, status and events can show as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from modelrollout.analysis.sureness import Sureness

SIGNIFICANT_DIGITS = 3


class Verdict(StrEnum):
    """What a check says about the candidate now."""

    PASS = "Pass"  # noqa: S105 - a verdict, not a password
    """All limits are kept, on enough evidence."""
    CONTINUE = "Continue"
    """There is data, but not enough of it, or a limit is exceeded and that may still be chance."""
    HARM = "Harm"
    """The evidence says that a limit is exceeded."""
    NO_DATA = "NoData"
    """Nothing to judge: no data, or its source does not answer. Holds."""


class Claim(StrEnum):
    """What evidence is evidence for."""

    EXCEEDED = "a limit is exceeded"
    KEPT = "the limits are kept"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One metric's verdict and the numbers behind it.

    Attributes:
        name: the metric's name.
        verdict: the conclusion.
        reason: one line for people, such as `error-rate 0.08 > 0.01 (n=640)`.
        candidate: the candidate's value in the metric's unit (a rate for a ratio); None without data.
        stable: the stable revision's value; None without data, or where nothing is compared.
        limit: the limit that `candidate` was held against, the tightest of those that apply; None if there was none.
        samples: the candidate's requests (ratio) or conclusive evaluations (query) that were counted.
        frozen: whether `stable` was frozen earlier because it takes no traffic any more.
        worst_slice: the slice nearest to its limit or farthest beyond it, in words; None where nothing is sliced.
        sure: the evidence that the verdict rests on, or that is nearest to one; None where nothing can be calculated.
        claim: what `sure` is evidence for.
        dispersion: what evidence was divided by, because requests hang together.
        upstream: whether the stable revision exceeds the limit alike, so that it is no fault of the candidate.
        exceeds: whether the latest value of a query breaks a limit, however many failures in a row are tolerated.
    """

    name: str
    verdict: Verdict
    reason: str
    candidate: float | None = None
    stable: float | None = None
    limit: float | None = None
    samples: int = 0
    frozen: bool = False
    worst_slice: str | None = None
    sure: Sureness | None = None
    claim: Claim = Claim.EXCEEDED
    dispersion: float = 1.0
    upstream: bool = False
    exceeds: bool = False

    @property
    def confidence(self) -> str | None:
        """How sure it is of what: `0.9998 that a limit is exceeded`; None where nothing can be calculated."""
        return None if self.sure is None else f"{self.sure.figures} that {self.claim}"


def format_number(number: float) -> str:
    """Write a number for people: three significant digits, no exponent where a person would write none.

    `0.30000000000000004` gives `0.3`, `0.00001` gives `0.00001`, `1234567.0` gives `1230000`.
    """
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    if number == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(number)))
    if magnitude < -9 or magnitude > 14:
        return f"{number:.{SIGNIFICANT_DIGITS}g}"
    rounded = round(number, SIGNIFICANT_DIGITS - 1 - magnitude)
    text = f"{rounded:.{max(0, SIGNIFICANT_DIGITS - magnitude)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
