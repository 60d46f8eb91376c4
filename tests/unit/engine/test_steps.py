"""Stages as steps, and where a rollout goes on when they are edited."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.api.status import StepStatus
from modelrollout.engine.steps import Step, after, fall_back, find, steps_of
from tests.support.scenes import NOW, STAGES, Raw, raw_spec, spec_and_revision

pytestmark = pytest.mark.unit


def steps(*stages: Raw) -> tuple[Step, ...]:
    return steps_of(spec_and_revision(raw_spec(stages=stages))[0])


def labels(*stages: Raw) -> list[str]:
    return [step.label for step in steps(*stages)]


def status(step: Step) -> StepStatus:
    return StepStatus(
        stage=step.stage.name,
        stage_index=step.stage_index,
        index=step.index,
        number=1,
        weight=step.weight,
        mirror_percent=step.mirror_percent,
        spec_hash="h",
        started_at=NOW,
    )


def test_all_kinds_of_stages() -> None:
    assert labels(*STAGES) == [
        "shadow at mirror 100 %",
        "canary at 5 %",
        "ramp at 20 %",
        "ramp at 35 %",
        "ramp at 50 %",
        "full at 100 %",
    ]


FULL: Raw = {"name": "full", "weight": 100}


@pytest.mark.parametrize(
    ("before", "ramp", "weights"),
    [
        (None, {"to": 50, "step": 20}, [20, 40, 50]),
        (5, {"to": 50, "step": 45}, [50]),
        (5, {"to": 6, "step": 100}, [6]),
        (10, {"to": 100, "step": 30}, [40, 70, 100]),
        (10, {"to": 12, "step": 1}, [11, 12]),
    ],
)
def test_a_ramp_goes_on_from_the_weight_before(before: int | None, ramp: Raw, weights: list[int]) -> None:
    first: list[Raw] = [] if before is None else [{"name": "canary", "weight": before}]
    made = steps(*first, {"name": "ramp", "ramp": ramp | {"every": "1m"}}, FULL)
    assert [step.weight for step in made if step.stage.name == "ramp"] == weights


def test_durations() -> None:
    made = steps({"name": "canary", "weight": 5}, {"name": "ramp", "ramp": {"to": 50, "step": 50, "every": "7m"}}, FULL)
    assert [step.duration for step in made] == [timedelta(minutes=minutes) for minutes in (5, 7, 5)]


def test_a_holdback_stays_on_stable() -> None:
    assert labels(FULL | {"holdback": 5}) == ["full at 95 %"]


def test_the_step_that_follows() -> None:
    made = steps(*STAGES)
    assert [after(made, step) for step in made] == [*made[1:], None]


def test_a_step_is_found_by_what_it_does_and_not_by_its_place() -> None:
    made = steps(*STAGES)
    inserted = steps({"name": "first", "weight": 1}, *STAGES[1:])
    assert find(made, status(made[3])) == made[3]
    found = find(inserted, status(made[1]))
    assert found is not None
    assert (found.label, found.stage_index) == ("canary at 5 %", 1)
    assert find(steps(STAGES[0] | {"shadow": {"percent": 50}}, *STAGES[1:]), status(made[0])) is None


CANARY, RAMP = STAGES[1], STAGES[2]


@pytest.mark.parametrize(
    ("at", "stages", "expected"),
    [
        pytest.param(3, [STAGES[0], CANARY, RAMP | {"ramp": {"to": 50, "step": 10, "every": "1m"}}, FULL],
                     "ramp at 35 %", id="a finer ramp"),
        pytest.param(3, [STAGES[0], CANARY, RAMP | {"ramp": {"to": 50, "step": 20, "every": "1m"}}, FULL],
                     "ramp at 25 %", id="a coarser ramp"),
        pytest.param(3, [STAGES[0], CANARY, FULL], "canary at 5 %", id="the ramp is gone"),
        pytest.param(1, [STAGES[0], CANARY | {"weight": 6}, FULL], "shadow at mirror 100 %", id="weight raised"),
        pytest.param(1, [CANARY | {"weight": 6}, FULL], None, id="all are higher"),
        pytest.param(0, [CANARY, FULL], None, id="the shadow is gone"),
        pytest.param(0, [STAGES[0] | {"shadow": {"percent": 1}}, CANARY, FULL], "shadow at mirror 1 %", id="mirror"),
        pytest.param(5, [STAGES[0], CANARY, RAMP, FULL | {"holdback": 10}], "full at 90 %", id="holdback added"),
        pytest.param(5, [STAGES[0], CANARY, RAMP, FULL | {"name": "bake"}], "bake at 100 %", id="renamed at 100"),
    ],
)  # fmt: skip
def test_where_an_edited_step_goes_on(at: int, stages: list[Raw], expected: str | None) -> None:
    target = fall_back(steps(*stages), status(steps(*STAGES)[at]))
    assert (target.label if target else None) == expected


@given(st.data())
def test_falling_back_never_raises_the_weight(data: st.DataObject) -> None:
    choices: list[Raw] = [*STAGES, CANARY | {"weight": 7}, RAMP | {"ramp": {"to": 40, "step": 9, "every": "1m"}}]
    picked = data.draw(st.lists(st.sampled_from(choices), unique_by=lambda stage: str(stage["name"])))
    current = status(data.draw(st.sampled_from(steps(*STAGES))))
    target = fall_back(steps(*picked, FULL | {"name": "end"}), current)
    assert target is None or target.weight <= current.weight
