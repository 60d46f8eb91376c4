"""What metrics say in a small world, by kinds of weather: judged by the real analysis, so that a NaN is a real one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from modelrollout.analysis import query, ratio
from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.outcome import Ambiguous, NoData, Outcome, Partial, Unavailable, Value, measured
from modelrollout.analysis.query import Evaluation, QueryCheck
from modelrollout.analysis.ratio import RatioCheck
from modelrollout.analysis.ratio_state import RatioState, gather
from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.metrics import Metric, OnNoData
from modelrollout.engine.observed import JudgedMetric
from modelrollout.runtime.looking import limits_of


class Weather(StrEnum):
    """What a metric shows of the candidate."""

    GOOD = "good"
    OPEN = "open"
    BAD = "bad"
    MISSING = "missing"
    NAN = "NaN"
    AMBIGUOUS = "ambiguous"
    PARTIAL = "partial"
    AWAY = "away"

    @property
    def is_answer(self) -> bool:
        """Whether Prometheus answered at all, and with all that it has."""
        return self not in {Weather.PARTIAL, Weather.AWAY}


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric judged, and what of stable there is to freeze."""

    judged: JudgedMetric
    bound: float | None
    unavailable: str | None


TRAFFIC: Final = 1000
OUTCOMES: Final[dict[Weather, Outcome]] = {
    Weather.MISSING: NoData(),
    Weather.NAN: measured(math.nan),
    Weather.AMBIGUOUS: Ambiguous(2),
    Weather.PARTIAL: Partial(("some series are missing",)),
    Weather.AWAY: Unavailable("no answer"),
}
_Known = dict[tuple[int, Weather, bool, float | None], tuple[Metric, Reading]]
_KNOWN: _Known = {}


def read(metric: Metric, weather: Weather, *, mixed: bool, kept: float | None) -> Reading:
    """What the analysis makes of a metric.

    Args:
        mixed: whether stable answers requests too, so that there is something to compare with.
        kept: what was frozen of stable.
    """
    key = (id(metric), weather, mixed, kept)
    if key not in _KNOWN:
        # The metric is kept too: so its id stays its own.
        _KNOWN[key] = metric, _read(metric, weather, mixed=mixed, kept=kept)
    return _KNOWN[key][1]


def _read(metric: Metric, weather: Weather, *, mixed: bool, kept: float | None) -> Reading:
    if not weather.is_answer:
        text = f"{metric.name}: {query.describe(OUTCOMES[weather])}"
        return Reading(JudgedMetric(metric, CheckResult(metric.name, Verdict.NO_DATA, text)), None, text)
    if metric.ratio is not None:
        return _ratio(metric, weather, mixed=mixed, kept=kept)
    return _query(metric, weather, mixed=mixed, kept=kept)


def _query(metric: Metric, weather: Weather, *, mixed: bool, kept: float | None) -> Reading:
    limit = limits_of(metric).max or 0.5
    good, bad = Value(limit / 2), Value(limit * 10)
    candidate = OUTCOMES.get(weather, bad if weather is Weather.BAD else good)
    stable = good if mixed and metric.check.no_worse_than is not None else None
    check = QueryCheck(
        name=metric.name,
        limits=limits_of(metric),
        failure_limit=metric.failure_limit or 0,
        on_no_data=query.OnNoData(metric.on_no_data.value),
    )
    final = weather is not Weather.OPEN
    # As many of one kind as it takes: the row of failures is what `analysis` has tests of its own for.
    evaluations = [Evaluation(float(at), candidate, stable, final) for at in range(check.failure_limit + 1)]
    judgement = query.judge(check, evaluations, kept)
    return Reading(JudgedMetric(metric, judgement.result), judgement.stable_value, None)


def _ratio(metric: Metric, weather: Weather, *, mixed: bool, kept: float | None) -> Reading:
    events = TRAFFIC // 2 if weather is Weather.BAD else 0
    counted = weather in {Weather.GOOD, Weather.OPEN, Weather.BAD}
    total = 1 if weather is Weather.OPEN else TRAFFIC
    tick = Tick(
        at=1.0,
        candidate=Counts(events, total) if counted else None,
        stable=Counts(1, TRAFFIC) if mixed else Counts(0, 0),
        final=True,
    )
    found = gather(RatioState.start(limits_of(metric)), [tick])
    judgement = ratio.judge(RatioCheck(metric.name, metric.min_samples), found, found, 1, kept)
    result = judgement.result
    if result.verdict is Verdict.NO_DATA and metric.on_no_data is not OnNoData.HOLD:
        verdict = Verdict.PASS if metric.on_no_data is OnNoData.PASS else Verdict.HARM
        result = CheckResult(result.name, verdict, f"{result.reason} (onNoData: {metric.on_no_data})")
    return Reading(JudgedMetric(metric, result), judgement.stable_bound, None)


def passes(metric: Metric, weather: Weather) -> bool:
    """Whether a metric may be passed in this weather: said again in other words than the analysis does."""
    nothing = {Weather.MISSING, Weather.NAN}
    if metric.ratio is not None:
        # Counts that are not there are missing, whatever the reason.
        nothing |= {Weather.AMBIGUOUS}
    return weather is Weather.GOOD or (weather in nothing and metric.on_no_data is OnNoData.PASS)
