"""Conditions: the transition time moves with the status and with nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modelrollout.api.conditions import Condition, ConditionStatus, ConditionType, find_condition, set_condition

pytestmark = pytest.mark.unit

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
NOW = BEFORE + timedelta(minutes=5)


def condition(
    kind: ConditionType,
    status: ConditionStatus,
    at: datetime,
    reason: str = "Reason",
    generation: int = 1,
) -> Condition:
    return Condition(
        type=kind, status=status, last_transition_time=at, reason=reason, message=reason, observed_generation=generation
    )


def test_a_new_condition_keeps_its_own_time() -> None:
    new = condition(ConditionType.READY, ConditionStatus.TRUE, NOW)
    assert set_condition((), new) == (new,)


def test_the_time_moves_when_the_status_does() -> None:
    old = condition(ConditionType.READY, ConditionStatus.FALSE, BEFORE)
    (result,) = set_condition((old,), condition(ConditionType.READY, ConditionStatus.TRUE, NOW))
    assert result.last_transition_time == NOW


def test_the_time_stays_when_only_the_reason_message_or_generation_changes() -> None:
    old = condition(ConditionType.READY, ConditionStatus.TRUE, BEFORE)
    (result,) = set_condition((old,), condition(ConditionType.READY, ConditionStatus.TRUE, NOW, "Other", generation=2))
    assert result == condition(ConditionType.READY, ConditionStatus.TRUE, BEFORE, "Other", generation=2)


def test_other_conditions_are_left_alone_and_the_order_is_fixed() -> None:
    stalled = condition(ConditionType.STALLED, ConditionStatus.FALSE, BEFORE)
    ready = condition(ConditionType.READY, ConditionStatus.TRUE, NOW)
    assert set_condition((stalled,), ready) == (ready, stalled)


def test_a_condition_is_found_by_its_type() -> None:
    ready = condition(ConditionType.READY, ConditionStatus.TRUE, NOW)
    assert find_condition((ready,), ConditionType.READY) is ready
    assert find_condition((ready,), ConditionType.STALLED) is None


def test_a_condition_is_written_as_metav1_condition() -> None:
    assert condition(ConditionType.READY, ConditionStatus.TRUE, NOW).dump() == {
        "type": "Ready",
        "status": "True",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:05:00Z",
        "reason": "Reason",
        "message": "Reason",
    }
