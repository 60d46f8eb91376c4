"""A preview shows the candidate to smoke tests, and to nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.preview import Preview, preview_of
from modelrollout.engine.split import only
from modelrollout.engine.steps import steps_of
from modelrollout.engine.validate import problems_of
from tests.support.beginnings import ordinary
from tests.support.scenes import (
    CANDIDATE,
    METRICS,
    STABLE,
    STAGES,
    Raw,
    loading,
    raw_spec,
    resting,
    spec_and_revision,
    stepping,
    suspended,
    with_attempt,
    with_evidence,
    with_problems,
    with_route,
    with_spec,
    with_step,
)
from tests.support.watching import Invariants
from tests.support.world import World

pytestmark = pytest.mark.unit

HOST = "preview.example.com"
BLUE_GREEN: list[Raw] = [
    {"name": "preview", "preview": {"hostnames": [HOST]}, "duration": "5m"},
    {"name": "full", "weight": 100, "duration": "30m"},
]
ABSOLUTE = [METRICS[0] | {"stages": ["full"]}]
SHOWN = stepping(0, raw_spec(stages=BLUE_GREEN))


def test_a_preview_has_no_weight_and_no_mirror() -> None:
    preview, full = steps_of(spec_and_revision(raw_spec(stages=BLUE_GREEN))[0])
    assert (preview.weight, preview.mirror_percent, preview.is_preview) == (0, 0, True)
    assert (full.weight, full.is_preview) == (100, False)
    assert preview.label == "preview, off the live route"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(SHOWN.status, Preview(CANDIDATE.hash, (HOST,)), id="in the stage"),
        pytest.param(suspended(SHOWN).status, Preview(CANDIDATE.hash, (HOST,)), id="suspended: it goes on afterwards"),
        pytest.param(stepping(1, raw_spec(stages=BLUE_GREEN)).status, None, id="in another stage"),
        pytest.param(with_step(SHOWN, stage="gone").status, None, id="the stage is gone"),
        pytest.param(loading().status, None, id="before"),
        pytest.param(resting().status, None, id="at rest"),
    ],
)
def test_what_is_shown(status: object, expected: Preview | None) -> None:
    assert preview_of(SHOWN.rollout.spec, status) == expected  # type: ignore[arg-type]


def test_clients_get_stable_alone_and_the_next_stage_is_all_at_once() -> None:
    plan = decide(SHOWN)
    assert (plan.action, plan.preview, plan.split) == (Action.ENTER, None, only(CANDIDATE.hash))
    waiting = decide(with_evidence(SHOWN, Verdict.CONTINUE))
    assert (waiting.preview, waiting.split) == (Preview(CANDIDATE.hash, (HOST,)), only(STABLE.hash))


def test_it_is_in_force_after_settle_and_says_why() -> None:
    fresh = with_evidence(with_step(SHOWN, in_force_at=None), share_shown=None)
    plan = decide(fresh)
    assert (plan.action, plan.reason) == (Action.IN_FORCE, "Settled")
    assert plan.message == "no client is sent to a preview: in force after settle"


def test_harm_that_smoke_tests_find_ends_it_before_any_client_met_it() -> None:
    plan = decide(with_evidence(SHOWN, Verdict.HARM))
    assert (plan.action, plan.preview, plan.split) == (Action.ROLL_BACK, None, only(STABLE.hash))


def test_what_it_showed_of_stable_is_kept_for_comparison_at_weight_100() -> None:
    plan = decide(SHOWN)
    assert plan.status.attempt is not None
    assert [entry.metric for entry in plan.status.attempt.frozen] == ["error-rate"]


def test_a_bake_that_fails_goes_back_in_one_write() -> None:
    seen = with_evidence(stepping(1, raw_spec(stages=BLUE_GREEN)), Verdict.HARM)
    assert decide(seen).split == only(STABLE.hash)


def test_an_invalid_spec_keeps_what_is_shown() -> None:
    assert decide(with_problems(with_evidence(SHOWN, Verdict.CONTINUE))).preview is not None


def test_an_edited_preview_starts_again() -> None:
    edited = [BLUE_GREEN[0] | {"preview": {"hostnames": ["other.example.com"]}}, BLUE_GREEN[1]]
    plan = decide(with_spec(SHOWN, raw_spec(stages=edited)))
    assert (plan.action, plan.reason) == (Action.ENTER, "StageEdited")
    assert plan.preview == Preview(CANDIDATE.hash, ("other.example.com",))


def test_the_route_of_clients_does_not_change_for_it() -> None:
    entering = with_route(with_attempt(replace(loading(2), rollout=SHOWN.rollout), step=None))
    before, plan = entering.route, decide(entering)
    assert plan.action is Action.ENTER
    assert before is not None
    assert plan.split is not None
    assert before.carries(plan.split)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"stages": BLUE_GREEN}, (), id="good"),
        pytest.param({"stages": [{"name": "preview", "preview": {}}, BLUE_GREEN[1]], "metrics": ABSOLUTE}, (),
                     id="nothing is measured in it"),
        pytest.param(
            {"stages": BLUE_GREEN,
             "traffic": {"gatewayAPI": {"parentRefs": [{"name": "gateway"}], "hostnames": [HOST]}}},
            (f"spec.stages[0].preview.hostnames (preview): {HOST} is where live requests go: name another host for "
             "smoke tests",),
            id="the live host"),
        pytest.param(
            {"stages": BLUE_GREEN, "traffic": {"gatewayAPI": {"httpRouteRef": {"name": "r", "rule": "predict"}}}},
            ("spec.stages[0].preview.hostnames (preview): httpRouteRef names no Gateway that a route of the preview "
             "could attach to: leave them out and send smoke tests to the Service of the preview, or set parentRefs",),
            id="no gateway to attach to"),
        pytest.param(
            {"stages": [STAGES[1], BLUE_GREEN[0], BLUE_GREEN[1]]},
            ("spec.stages[1] (preview): weights never fall, but 0 comes after 5: move the stage forward or raise its "
             "weight",),
            id="after live traffic"),
    ],
)  # fmt: skip
def test_what_can_be_carried_out(spec: Raw, expected: tuple[str, ...]) -> None:
    assert problems_of(spec_and_revision(raw_spec(**spec))[0]) == expected


def test_blue_and_green() -> None:
    """Shown, then all at once, baked, and back within the window."""
    world: World = ordinary(Invariants())
    world.edit(raw_spec("2", stages=BLUE_GREEN, metrics=ABSOLUTE))
    world.reconcile()
    for _, pods in world.states():
        pods.ready = pods.replicas
    world.shows_share = None
    world.pass_time(timedelta(minutes=3))
    assert world.status.stage == "1/2 preview"
    assert world.route is not None
    assert world.route.carries(only(STABLE.hash))
    world.pass_time(timedelta(minutes=8))
    assert world.status.stage == "2/2 full"
    assert world.route.carries(only(CANDIDATE.hash))
    world.pass_time(timedelta(minutes=40))
    assert world.status.stable == CANDIDATE.ref
    writes = world.writes
    world.edit(raw_spec("1", stages=BLUE_GREEN, metrics=ABSOLUTE))
    world.reconcile()
    assert world.route.carries(only(STABLE.hash))
    assert world.writes > writes
