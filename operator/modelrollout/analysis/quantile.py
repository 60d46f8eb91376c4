"""A quantile limit in the words of whoever set it.

"The q-quantile is at most X" and "a share of at most 1 - q lies above X" say the same of any distribution, so the
limit is judged as that share, on counts, by `ratio`. What people read names both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from modelrollout.analysis.together import TOGETHER
from modelrollout.analysis.verdict import CheckResult, Verdict, format_number


@dataclass(frozen=True, slots=True)
class QuantileLimit:
    """A limit on a quantile.

    Attributes:
        quantile: which, between 0 and 1.
        edge: the limit: an edge of the buckets.
        upper: whether higher values are worse.
        unit: that of the edge, such as `s`; empty where it has none.
    """

    quantile: Decimal
    edge: Decimal
    upper: bool
    unit: str = ""

    @property
    def label(self) -> str:
        """The quantile as people call it: `p99`."""
        return f"p{plain(self.quantile * 100)}"

    @property
    def beyond(self) -> str:
        """Where the events lie: `above 0.5 s`."""
        return f"{'above' if self.upper else 'at or below'} {plain(self.edge)}{self._suffix}"

    @property
    def text(self) -> str:
        """The limit as it was set: `p99 <= 0.5 s`."""
        return f"{self.label} {'<=' if self.upper else '>='} {plain(self.edge)}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return f" {self.unit}" if self.unit else ""


def in_words(limit: QuantileLimit, result: CheckResult, min_samples: int) -> CheckResult:
    """The result of judging the share, told of the quantile.

    Its numbers stay the share's: the counts say nothing more of the quantile than on which side of the limit it lies.
    """
    name, share = result.name, result.candidate
    if share is None or result.limit is None:
        return replace(result, reason=f"{name} {limit.text}: {result.reason.removeprefix(f'{name}: ')}")
    notes = [f"{'<=' if share <= result.limit else 'limit'} {percent(result.limit)}"]
    if result.stable is not None:
        notes.append(f"stable {percent(result.stable)}{' frozen' if result.frozen else ''}")
    together = TOGETHER if result.upstream else ""
    text = f"{together}{name} {limit.text}: {percent(share)} {limit.beyond} ({', '.join(notes)}), n={result.samples}"
    return replace(result, reason=f"{text}{_why(result, min_samples)}")


def _why(result: CheckResult, min_samples: int) -> str:
    """Why the numbers do not decide yet, where they do not, and how sure they make where they do."""
    waits, sure = result.verdict is Verdict.CONTINUE, result.sure
    if _hidden(result) and sure is not None:
        return f" as a whole, and worse of late, {sure.text}"
    if waits and result.samples < min_samples:
        return f" of {min_samples} samples"
    if sure is None or sure.text not in result.reason:
        return ", which may still be chance" if waits else ""
    return f", {sure.text}{sure.outlook(result.samples) if waits else ''}"


def _hidden(result: CheckResult) -> bool:
    """Whether the sums look well and the ticks show harm."""
    if result.verdict is not Verdict.HARM or result.candidate is None or result.limit is None:
        return False
    return result.candidate <= result.limit


def percent(share: float) -> str:
    """A share as people read it: `0.4 %`."""
    return f"{format_number(100 * share)} %"


def plain(number: Decimal) -> str:
    """A decimal number without an exponent or trailing zeros."""
    return f"{number.normalize():f}"
