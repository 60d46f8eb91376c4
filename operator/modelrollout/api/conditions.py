"""Conditions as Kubernetes tools read them: `Ready`, `Reconciling`, `Stalled` for kstatus, and our own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from modelrollout.api.model import APIModel

MESSAGE_MAX = 2048


class ConditionType(StrEnum):
    """All conditions that a ModelRollout has; each is set from the first look on."""

    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    SUCCEEDED = "Succeeded"
    PAUSED = "Paused"
    ROLLED_BACK = "RolledBack"
    METRICS_AVAILABLE = "MetricsAvailable"
    TRAFFIC_APPLIED = "TrafficApplied"


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(APIModel):
    """One condition, as in metav1.Condition."""

    type: ConditionType = Field(description="What is stated.")
    status: ConditionStatus = Field(description="Whether it holds.")
    observed_generation: int = Field(0, description="Generation of the spec that it is about.")
    last_transition_time: datetime = Field(description="When status last changed.")
    reason: str = Field(min_length=1, max_length=128, description="Why, as one CamelCase word.")
    message: str = Field("", max_length=32768, description="Why, in words.")


def set_condition(conditions: Iterable[Condition], new: Condition) -> tuple[Condition, ...]:
    """Replace the condition of the same type; its transition time moves only when its status does."""
    result: list[Condition] = []
    for old in conditions:
        if old.type is not new.type:
            result.append(old)
        elif old.status is new.status:
            new = new.model_copy(update={"last_transition_time": old.last_transition_time})
    result.append(new)
    order = list(ConditionType)
    return tuple(sorted(result, key=lambda condition: order.index(condition.type)))


def find_condition(conditions: Iterable[Condition], kind: ConditionType) -> Condition | None:
    """The condition of that type, if it is set."""
    for condition in conditions:
        if condition.type is kind:
            return condition
    return None
