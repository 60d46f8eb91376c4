"""What a look finds out about a step, kept in status whichever policy has the word."""

from __future__ import annotations

from datetime import datetime

from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.situation import Stepping


def noted(s: Stepping, status: ModelRolloutStatus, **times: datetime) -> ModelRolloutStatus:
    """Decided status with times of the step that was looked at; as it is where the decision has left that step."""
    attempt = status.attempt
    if attempt is None or attempt.step is None or attempt.step.number != s.step.number:
        return status
    step = attempt.step.model_copy(update=times)
    return status.model_copy(update={"attempt": attempt.model_copy(update={"step": step})})
