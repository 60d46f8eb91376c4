"""Who is told which role."""

from __future__ import annotations

import pytest

from modelrollout.api.stages import ModelRole
from modelrollout.engine.revisions import FALLBACK
from modelrollout.engine.roles import Roles, role_in, role_problems, roles_of
from modelrollout.engine.split import Split, between, only
from tests.support.scenes import (
    CANDIDATE,
    QUEUE,
    STABLE,
    Raw,
    beside_fallback,
    raw_spec,
    resting,
    spec_and_revision,
    stepping,
)

pytestmark = pytest.mark.unit

STAGES: list[Raw] = [
    {"name": "shadow", "shadow": {}, "modelRole": "Shadow"},
    {"name": "canary", "weight": 5, "modelRole": "Assist"},
    {"name": "more", "weight": 20},
    {"name": "full", "weight": 100, "modelRole": "Partial"},
]
RAW = raw_spec(stages=STAGES)
SPEC = spec_and_revision(RAW)[0]
SHADOW, ASSIST, PARTIAL = ModelRole.SHADOW, ModelRole.ASSIST, ModelRole.PARTIAL


def test_without_a_role_there_is_none() -> None:
    assert roles_of(stepping().rollout.spec, stepping().status) is None


@pytest.mark.parametrize(("position", "role"), [(0, SHADOW), (1, ASSIST), (2, ASSIST), (3, PARTIAL)])
def test_the_candidate_has_that_of_its_stage_and_stable_that_of_the_last(position: int, role: ModelRole) -> None:
    roles = roles_of(SPEC, stepping(position, RAW).status)
    assert roles is not None
    assert (roles.of(CANDIDATE.hash), roles.of(STABLE.hash)) == (role, PARTIAL)


def test_at_rest_stable_has_that_of_the_last() -> None:
    roles = roles_of(SPEC, resting(RAW).status)
    assert roles is not None
    assert (roles.of(STABLE.hash), roles.of(CANDIDATE.hash)) == (PARTIAL, None)


def test_the_fallback_is_no_model_and_has_none() -> None:
    roles = roles_of(SPEC, beside_fallback(stepping(1, RAW)).status)
    assert roles is not None
    assert (roles.of(FALLBACK), roles.of(CANDIDATE.hash)) == (None, ASSIST)


def test_a_live_stage_never_takes_over_the_role_of_a_shadow() -> None:
    stages = spec_and_revision(raw_spec(stages=[STAGES[0], {"name": "canary", "weight": 5}, STAGES[3]]))[0].stages
    assert [role_in(stages, index) for index in range(3)] == [SHADOW, None, PARTIAL]


ROLES = Roles(((CANDIDATE.hash, SHADOW), (STABLE.hash, PARTIAL)))


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        pytest.param(only(STABLE.hash), PARTIAL, id="one alone"),
        pytest.param(between(STABLE.hash, CANDIDATE.hash, 0, 50), PARTIAL, id="copies carry what serves is told"),
        pytest.param(between(FALLBACK, CANDIDATE.hash, 0, 50), SHADOW, id="beside the fallback a copy says what it is"),
        pytest.param(only(FALLBACK), None, id="the fallback alone"),
    ],
)
def test_what_all_requests_carry(split: Split, expected: ModelRole | None) -> None:
    assert ROLES.of_all(split) == expected


def test_a_route_of_somebody_else_carries_none() -> None:
    raw = raw_spec(stages=STAGES, traffic={"gatewayAPI": {"httpRouteRef": {"name": "r", "rule": "predict"}}})
    problems = list(role_problems(spec_and_revision(raw)[0]))
    assert [problem.partition(":")[0] for problem in problems] == [
        "spec.stages[0].modelRole (shadow)", "spec.stages[1].modelRole (canary)", "spec.stages[3].modelRole (full)"
    ]  # fmt: skip
    assert list(role_problems(SPEC)) == []
    assert QUEUE.selector is not None
