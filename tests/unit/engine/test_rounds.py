"""Which gates stand before what, and when a run is another one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from modelrollout.api.gates import GateWhen
from modelrollout.api.status import AttemptStatus
from modelrollout.engine.revisions import stage_hash
from modelrollout.engine.rounds import all_dues, round_of
from tests.support.scenes import CANDIDATE, STAGES, loading, raw_spec, spec_and_revision, stepping

pytestmark = pytest.mark.unit

SHADOW, CANARY, RAMP, FULL = STAGES
GATE: dict[str, Any] = {"name": "smoke", "webhook": {"url": "http://judge"}}


def gates(*names: str) -> list[dict[str, Any]]:
    return [GATE | {"name": name} for name in names]


STAGED = (
    SHADOW | {"pre": gates("a"), "post": gates("b")},
    CANARY | {"pre": gates("c", "d")},
    RAMP | {"post": gates("e")},
    FULL | {"pre": gates("f"), "post": gates("g")},
)
RAW = raw_spec(stages=STAGED)
RAW["workload"]["deployment"]["warmup"] = {"job": {"template": {}}}
SPEC = spec_and_revision(RAW)[0]


def attempt(position: int | None) -> AttemptStatus:
    seen = loading(2) if position is None else stepping(position, RAW)
    assert seen.status.attempt is not None
    return seen.status.attempt


@pytest.mark.parametrize(
    ("position", "names"),
    [
        (None, ["warm-up", "pre gate a of shadow"]),
        (0, ["post gate b of shadow", "pre gate c of canary", "pre gate d of canary"]),
        (1, []),
        (2, []),
        (3, []),
        (4, ["post gate e of ramp", "pre gate f of full"]),
        (5, ["post gate g of full"]),
    ],
)
def test_a_round_is_what_stands_before_the_next_stage(position: int | None, names: list[str]) -> None:
    assert [due.label for due in round_of(SPEC, attempt(position))] == names


def test_a_step_that_was_edited_away_is_before_nothing() -> None:
    gone = spec_and_revision(raw_spec(stages=[FULL | {"post": gates("g")}]))[0]
    assert round_of(gone, attempt(1)) == ()


def test_every_gate_has_its_path() -> None:
    begun = AttemptStatus(**CANDIDATE.ref.model_dump(), started_at=attempt(None).started_at)
    paths = {due.name: due.path for due in all_dues(SPEC, begun)}
    assert paths == {
        "warm-up": "spec.workload.deployment.warmup",
        "a": "spec.stages[0].pre[0]",
        "b": "spec.stages[0].post[0]",
        "c": "spec.stages[1].pre[0]",
        "d": "spec.stages[1].pre[1]",
        "e": "spec.stages[2].post[0]",
        "f": "spec.stages[3].pre[0]",
        "g": "spec.stages[3].post[0]",
    }


def run_of(raw: dict[str, Any], made: AttemptStatus) -> str:
    return round_of(spec_and_revision(raw)[0], made)[0].run


BASE = raw_spec(stages=(SHADOW | {"post": gates("b")}, FULL))


def test_a_run_keeps_its_name() -> None:
    here = attempt(0)
    assert run_of(BASE, here) == run_of(BASE, AttemptStatus.model_validate(here.dump())), "also after a restart"
    assert re.fullmatch("g[a-z2-7]{9}", run_of(BASE, here))
    spelt_out = raw_spec(
        stages=(SHADOW | {"post": [gates("b")[0] | {"timeout": "600s", "onFailure": "Rollback"}]}, FULL)
    )
    assert run_of(spelt_out, here) == run_of(BASE, here)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"timeout": "1m"}, id="timeout"),
        pytest.param({"onFailure": "Hold"}, id="onFailure"),
        pytest.param({"webhook": {"url": "http://other"}}, id="url"),
        pytest.param({"name": "other"}, id="name"),
    ],
)
def test_an_edited_gate_is_another_run_and_restarts_no_step(change: dict[str, Any]) -> None:
    edited = raw_spec(stages=(SHADOW | {"post": [gates("b")[0] | change]}, FULL))
    assert run_of(edited, attempt(0)) != run_of(BASE, attempt(0))
    before, after = (stage_hash(spec_and_revision(raw)[0], "shadow") for raw in (BASE, edited))
    assert before == after


def test_another_attempt_or_another_time_in_a_stage_is_another_run() -> None:
    here = attempt(0)
    assert here.step is not None
    later = here.model_copy(update={"started_at": here.started_at + timedelta(seconds=1)})
    again = here.model_copy(update={"step": here.step.model_copy(update={"number": 7})})
    other = here.model_copy(update={"revision": "rother"})
    assert len({run_of(BASE, each) for each in (here, later, again, other)}) == 4


def test_before_and_after_are_other_runs() -> None:
    made = spec_and_revision(raw_spec(stages=(SHADOW | {"pre": [GATE], "post": [GATE]}, FULL)))[0]
    runs = {due.when: due.run for due in all_dues(made, attempt(None))}
    assert len(set(runs.values())) == len(runs) == 2
    assert set(runs) == {GateWhen.PRE, GateWhen.POST}
