"""How much each ready pod has to answer: latencies at different loads say little of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelrollout.analysis.verdict import format_number
from modelrollout.engine.situation import Stepping

LIGHT: Final = 0.5
"""Below this share of the load of a stable pod, what a candidate's pod shows of latency is about another load."""


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second that each ready pod answers.

    Attributes:
        stable: None where stable answers nothing to compare with.
    """

    candidate: float
    stable: float | None

    @property
    def share(self) -> float | None:
        """The candidate's load as a share of stable's; None where there is nothing to compare with."""
        return None if self.stable is None else self.candidate / self.stable

    @property
    def text(self) -> str:
        """Say it, as the end of a sentence."""
        beside = f" (stable {format_number(self.stable)})" if self.stable is not None else ""
        return f"{format_number(self.candidate)} requests/s for each ready pod{beside}"


def load_of(s: Stepping) -> Load | None:
    """The load now; None where nothing counts requests, or a revision has no ready pod."""
    rates = s.evidence.rates
    if rates is None or not s.candidate.is_ready:
        return None
    stable = rates.stable / s.stable.ready_endpoints if s.stable.is_ready else 0.0
    return Load(rates.candidate / s.candidate.ready_endpoints, stable or None)
