"""How much each ready pod has to answer: latencies at different loads say little of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modelrollout.analysis.verdict import format_number
from modelrollout.api.metrics import Metric
from modelrollout.engine.situation import Stepping
from modelrollout.engine.steps import FULL

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


def too_light(s: Stepping, metric: Metric) -> str | None:
    """Why a pass of the metric says too little: pods have less to do than `minLoad` asks for; None where it counts.

    At weight 100, and beside a stable revision without requests, all that there is goes to the candidate.
    """
    if metric.min_load is None or s.step.weight == FULL:
        return None
    load = load_of(s)
    if load is None:
        return f"{metric.name}: nothing tells the load of a pod, which minLoad asks for"
    if load.share is None or load.share >= float(metric.min_load):
        return None
    return f"{metric.name} is kept, but at {load.text}, less than {metric.min_load} of it that minLoad asks for"


def light_note(s: Stepping) -> str:
    """What a pass of latency leaves open, as the end of a sentence; nothing where pods had enough to do."""
    load = load_of(s)
    if load is None or load.share is None or load.share >= LIGHT:
        return ""
    if not any(judged.metric.is_latency and judged.metric.is_enforced for judged in s.evidence.judged):
        return ""
    return f"; latency at {load.text} only"
