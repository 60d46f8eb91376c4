"""What judging one metric gives, whatever kind of source it has: one file per kind, behind one small protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.analysis.query import describe
from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.metrics import Metric, Mode
from modelrollout.engine.observed import JudgedMetric
from modelrollout.runtime.looking import Look


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric judged.

    Attributes:
        judged: the verdict.
        last_final: how far final ticks reach, unix seconds on Prometheus's clock; None without any.
        bound: what of the stable revision to freeze when it loses its share; None for nothing.
        unavailable: why the metric could not be read, or None.
        scraped_at: when the candidate was last scraped, on Prometheus's clock; None where that is not seen.
    """

    judged: JudgedMetric
    last_final: float | None
    bound: float | None
    unavailable: str | None = None
    scraped_at: float | None = None


class Kind(Protocol):
    """Judges the metrics of one kind of source. What it remembers only saves reading."""

    def judges(self, metric: Metric) -> bool:
        """Whether the metric is of this kind. Each metric is of exactly one."""
        ...

    async def find(self, look: Look, metric: Metric) -> Finding:
        """Judge one metric now. One call at a time per rollout and metric."""
        ...

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        ...


def held_at_most(finding: Finding) -> Finding:
    """A finding whose harm keeps the step open and takes nothing away, where the metric's mode says so."""
    metric, result = finding.judged.metric, finding.judged.result
    if metric.mode is not Mode.HOLD or result.verdict is not Verdict.HARM:
        return finding
    eased = replace(result, verdict=Verdict.CONTINUE, reason=f"{result.reason} (mode: Hold)")
    return replace(finding, judged=JudgedMetric(metric, eased))


def failed(metric: Metric, why: Unavailable | Rejected | Partial) -> Finding:
    """A metric that could not be read."""
    text = f"{metric.name}: {describe(why)}"
    return Finding(JudgedMetric(metric, CheckResult(metric.name, Verdict.NO_DATA, text)), None, None, text)
