"""What rollouts see of each other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modelrollout.api.conditions import Condition, ConditionStatus, ConditionType
from modelrollout.api.resource import parse_spec
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.neighbours import Neighbour, neighbour_of, reached
from tests.support import scenes
from tests.support.statuses import FULL_STATUS

pytestmark = pytest.mark.unit

REST = FULL_STATUS.model_copy(update={"attempt": None, "late": None, "conditions": ()})
HARM = FULL_STATUS.checks[0].model_copy(update={"verdict": "Harm", "reason": "error-rate 0.08 > 0.01"})
AT = datetime(2026, 1, 1, tzinfo=UTC)


def ready(status: ConditionStatus) -> ModelRolloutStatus:
    condition = Condition(
        type=ConditionType.READY,
        status=status,
        reason="StableUnready",
        message="no endpoint of the stable version 2 is ready",
        observed_generation=1,
        last_transition_time=AT,
    )
    return REST.model_copy(update={"conditions": (condition,)})


@pytest.mark.parametrize(
    ("status", "moves", "fails"),
    [
        pytest.param(REST, "", "", id="rests"),
        pytest.param(FULL_STATUS, "version 3 is in stage ramp", "", id="is-in-a-step"),
        pytest.param(
            FULL_STATUS.model_copy(update={"checks": (HARM,)}),
            "version 3 is in stage ramp",
            "error-rate 0.08 > 0.01",
            id="its-candidate-fails",
        ),
        pytest.param(
            FULL_STATUS.model_copy(update={"checks": (HARM.model_copy(update={"mode": "Warn"}),)}),
            "version 3 is in stage ramp",
            "",
            id="a-warning-stops-nobody",
        ),
        pytest.param(REST.model_copy(update={"checks": (HARM,)}), "", "", id="checks-of-a-candidate-that-is-gone"),
        pytest.param(ready(ConditionStatus.TRUE), "", "", id="ready"),
        pytest.param(
            ready(ConditionStatus.FALSE),
            "",
            "no endpoint of the stable version 2 is ready",
            id="its-pods-are-not-ready",
        ),
        pytest.param(
            REST.model_copy(update={"late": FULL_STATUS.late}),
            "",
            "outcomes of version 2 show harm: fraud",
            id="outcomes-came-late",
        ),
    ],
)
def test_neighbour_of(status: ModelRolloutStatus, moves: str, fails: str) -> None:
    spec = parse_spec(scenes.raw_spec(dependsOn=[{"name": "raw"}]))
    assert neighbour_of("features", status, spec) == Neighbour("features", status.stable, moves, fails, ("raw",))


def test_those_that_a_rollout_looks_at() -> None:
    guardrail = {
        "name": "ranker-errors",
        "of": "ranker",
        "ratio": {"events": "errors_total{$selector}", "total": "requests_total{$selector}"},
        "check": {"max": "0.1"},
    }
    raw = scenes.raw_spec(dependsOn=[{"name": "raw"}], metrics=[*scenes.METRICS, guardrail])
    assert reached(parse_spec(raw)) == ("raw", "ranker")
