from __future__ import annotations

from datetime import timedelta

import pytest

from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.surroundings import moved, route_hash, source_hash
from tests.support import scenes
from tests.support.cases import Case, as_stepping, check, table
from tests.support.scenes import NOW, Raw, raw_spec, spec_and_revision

pytestmark = pytest.mark.unit

SPEC = spec_and_revision(raw_spec())[0]
STEP = scenes.with_attempt(
    scenes.with_step(scenes.stepping(), route_hash=route_hash(SPEC), source_hash=source_hash(SPEC)),
    live_since=NOW - timedelta(minutes=30),
)
ELSEWHERE: Raw = raw_spec(traffic={"gatewayAPI": {"parentRefs": [{"name": "another"}]}})
OTHER_HOST: Raw = raw_spec(traffic={"gatewayAPI": {"parentRefs": [{"name": "gateway"}], "hostnames": ["a.test"]}})
OTHER_RULES: Raw = raw_spec(
    traffic={"gatewayAPI": {"parentRefs": [{"name": "gateway"}], "rules": [{"timeouts": {"request": "1s"}}]}}
)
THEIRS: Raw = raw_spec(traffic={"gatewayAPI": {"httpRouteRef": {"name": "shop", "rule": "predict"}}})
METERED: Raw = raw_spec(prometheus={"url": "http://another:9090"})
GONE: Raw = raw_spec(stages=[scenes.STAGES[0], scenes.STAGES[3]], prometheus={"url": "http://another:9090"})


@table(
    Case("nothing was edited", STEP, None),
    Case("another Gateway", scenes.with_spec(STEP, ELSEWHERE), Action.ENTER, "RouteEdited", "canary at 5 %"),
    Case("another host", scenes.with_spec(STEP, OTHER_HOST), Action.ENTER, "RouteEdited", "canary at 5 %"),
    Case("another route", scenes.with_spec(STEP, THEIRS), Action.ENTER, "RouteEdited", "canary at 5 %"),
    Case("other rules", scenes.with_spec(STEP, OTHER_RULES), None),
    Case("another Prometheus", scenes.with_spec(STEP, METERED), Action.ENTER, "PrometheusEdited", "canary at 5 %"),
    Case("a step of an operator that did not write it down", scenes.with_spec(scenes.stepping(), ELSEWHERE), None),
    Case("the stage is gone", scenes.with_spec(STEP, GONE), None),
)
def test_moved(case: Case) -> None:
    check(moved(as_stepping(case.seen)), case)


@pytest.mark.parametrize("raw", [ELSEWHERE, OTHER_HOST, THEIRS, METERED])
def test_a_step_that_would_pass_starts_again_at_its_weight(raw: Raw) -> None:
    plan = decide(scenes.with_spec(STEP, raw))
    attempt = plan.status.attempt
    assert plan.action is Action.ENTER
    assert attempt is not None
    assert attempt.step is not None
    assert (attempt.step.stage, attempt.step.weight, attempt.step.number) == ("canary", 5, 3)
    assert (attempt.step.accepted_at, attempt.step.in_force_at) == (None, None)
    spec = spec_and_revision(raw)[0]
    assert (attempt.step.route_hash, attempt.step.source_hash) == (route_hash(spec), source_hash(spec))


def test_a_time_of_another_prometheus_is_forgotten() -> None:
    elsewhere, here = decide(scenes.with_spec(STEP, METERED)), decide(scenes.with_spec(STEP, ELSEWHERE))
    assert elsewhere.status.attempt is not None
    assert here.status.attempt is not None
    assert elsewhere.status.attempt.live_since is None
    assert here.status.attempt.live_since is not None


def test_a_spec_that_cannot_be_carried_out_moves_nothing() -> None:
    seen = scenes.with_problems(scenes.with_spec(STEP, ELSEWHERE))
    assert decide(seen).reason == "InvalidSpec"
