"""What an attempt's steps will take, kept in status from before the first one: told once, and no policy looks at it."""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.analysis.feasibility import Forecast
from modelrollout.analysis.verdict import format_number
from modelrollout.api.status import FORECAST_MAX, ModelRolloutStatus
from modelrollout.engine.situation import Observation
from modelrollout.engine.texts import cut

LINE_MAX = 300


def is_unforeseen(seen: Observation) -> bool:
    """Whether an attempt that has no step yet, and is judged by metrics, has no forecast."""
    attempt, enforced = seen.status.attempt, seen.rollout.spec.enforced_metrics
    return (
        attempt is not None
        and attempt.step is None
        and seen.status.stable is not None
        and not attempt.forecast
        and bool(enforced)
        and not any(metric.check.awaits_history for metric in enforced)
    )


def forecast_lines(requests_a_second: float, forecasts: Sequence[Forecast], unread: Sequence[str]) -> tuple[str, ...]:
    """The forecast as status has it: the traffic, then what stands in the way, then the other steps in their order."""
    in_the_way = [f"! {forecast.describe()}" for forecast in forecasts if forecast.problem is not None]
    in_the_way += [f"! not foreseen: {text}" for text in unread]
    others = [forecast.describe() for forecast in forecasts if forecast.problem is None]
    lines = [f"at {format_number(requests_a_second)} requests/s:", *in_the_way, *others]
    if len(lines) > FORECAST_MAX:
        lines = [*lines[: FORECAST_MAX - 1], f"and {len(lines) - FORECAST_MAX + 1} more: kubectl mr plan"]
    return tuple(cut(line, LINE_MAX) for line in lines)


def foretold(seen: Observation, status: ModelRolloutStatus) -> ModelRolloutStatus:
    """Status with the forecast of this look, if it made one and the attempt still is."""
    if not seen.forecast or status.attempt is None:
        return status
    return status.model_copy(update={"attempt": status.attempt.model_copy(update={"forecast": seen.forecast})})
