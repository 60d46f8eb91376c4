"""No weight rises before its pods are ready, and how long that is waited for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine.chains import decide as ask
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import Observation, situation_of
from tests.support.cases import Case, check, table
from tests.support.scenes import (
    CANDIDATE,
    MINUTE,
    NOW,
    candidate_down,
    loading,
    pods,
    raw_spec,
    suspended,
    with_evidence,
    with_pods,
    with_spec,
    with_status,
    with_step,
)
from tests.support.sized import FULL, HOLDBACK, SHADOW_10, by_weight, sized

pytestmark = pytest.mark.unit

IMPATIENT: tuple[dict[str, Any], ...] = (
    {"name": "shadow", "shadow": {"percent": 10}},
    {"name": "canary", "weight": 5, "duration": "1m", "maxDuration": "20m", "onInconclusive": "Rollback"},
    {"name": "full", "weight": 100},
)


def short(seen: Observation, ready: int) -> Observation:
    return with_pods(seen, pods(CANDIDATE, ready, FULL))


@table(
    Case("enough for the next step", short(by_weight(1), 2), Action.ENTER, "Passed", "ramp at 20 %"),
    Case(
        "too few for the next step",
        short(by_weight(1), 1),
        Action.WAIT,
        "ScalingUp",
        text="1 of 2 endpoints that ramp at 20 % needs are ready",
    ),
    Case("too few for the ramp", short(by_weight(3), 4), Action.WAIT, "ScalingUp", text="4 of 5 endpoints"),
    Case("too few for all", short(by_weight(4), 9), Action.WAIT, "ScalingUp", text="9 of 10 endpoints"),
    Case(
        "too few for the promotion",
        short(by_weight(1, stages=HOLDBACK), 9),
        Action.WAIT,
        "ScalingUp",
        text="9 of 10 endpoints that the promotion needs",
    ),
    Case("without scaleWithWeight too", short(sized(position=4), 9), Action.WAIT, "ScalingUp"),
    Case("and no more than its share", short(sized(position=3), 5), Action.ENTER, "Passed", "ramp at 50 %"),
    Case(
        "open checks are what it waits for",
        short(with_evidence(by_weight(1), Verdict.CONTINUE), 1),
        Action.WAIT,
        "Gathering",
    ),
    Case(
        "harm does not wait for pods",
        short(with_evidence(by_weight(1), Verdict.HARM), 1),
        Action.ROLL_BACK,
        "Harm",
        fails=True,
    ),
    Case("nor does an unready candidate", candidate_down(by_weight(1)), Action.SUSPEND, "CandidateUnready"),
    Case(
        "before the deadline it waits",
        short(with_step(by_weight(1), scaling_since=NOW - 9 * MINUTE), 1),
        Action.WAIT,
        "ScalingUp",
    ),
    Case(
        "past the deadline it is stuck and stays",
        short(with_step(by_weight(1), scaling_since=NOW - 10 * MINUTE), 1),
        Action.WAIT,
        "ProgressDeadlineExceeded",
        text="1 of 2 endpoints",
    ),
    Case(
        "a first step waits for its pods",
        with_pods(loading(raw=raw_spec(replicas=FULL, deployment={"scaleWithWeight": True})), pods(CANDIDATE, 9, FULL)),
        Action.WAIT,
        "CandidateLoading",
        text="9/10 endpoints",
    ),
    Case(
        "and only for its pods",
        with_pods(
            loading(raw=raw_spec(replicas=FULL, deployment={"scaleWithWeight": True}, stages=SHADOW_10)),
            pods(CANDIDATE, 1, 1),
        ),
        Action.ENTER,
        "CandidateReady",
        "shadow at mirror 10 %",
    ),
    Case(
        "but no longer than its user said",
        short(by_weight(1, stages=IMPATIENT), 1),
        Action.ROLL_BACK,
        "Inconclusive",
        fails=True,
        text="stayed open for maxDuration: 1 of 10 endpoints that full at 100 % needs are ready",
    ),
    Case(
        "a suspended candidate waits for the pods of its weight",
        short(suspended(by_weight(4)), 4),
        Action.WAIT,
        "Suspended",
        text="4 of the 5 endpoints of 2 that its weight needs are ready",
    ),
    Case(
        "and goes on with them", short(suspended(by_weight(4)), 5), Action.ENTER, "CandidateRecovered", "ramp at 50 %"
    ),
    Case(
        "or is given up",
        short(suspended(by_weight(4), NOW - 10 * MINUTE), 4),
        Action.ROLL_BACK,
        "ProgressDeadlineExceeded",
        fails=True,
        text="4 of the 5 endpoints",
    ),
    Case(
        "replicas raised in the middle restart nothing",
        with_spec(with_evidence(sized(), Verdict.CONTINUE), raw_spec(replicas=12)),
        Action.WAIT,
        "Gathering",
    ),
    Case(
        "nor does autoscaling",
        with_spec(
            with_evidence(sized(), Verdict.CONTINUE),
            raw_spec(replicas=2, deployment={"autoscaling": {"maxReplicas": 3}}),
        ),
        Action.WAIT,
        "Gathering",
    ),
)
def test_no_weight_rises_before_the_pods_are_ready(case: Case) -> None:
    check(ask(situation_of(case.seen)), case)


def test_the_wait_for_pods_is_timed_in_status() -> None:
    seen = short(by_weight(1), 1)
    plan = decide(seen)
    assert plan.status.attempt is not None
    assert plan.status.attempt.step is not None
    assert plan.status.attempt.step.scaling_since == NOW
    assert plan.wake_at == NOW + 10 * MINUTE
    later = decide(replace(with_status(seen, **dict(plan.status)), now=NOW + MINUTE))
    assert later.wake_at == plan.wake_at
    assert later.status.attempt == plan.status.attempt


def test_a_wait_for_anything_else_ends_it() -> None:
    waited = with_step(short(by_weight(1), 1), scaling_since=NOW - MINUTE)
    plan = decide(with_evidence(waited, Verdict.CONTINUE))
    assert plan.status.attempt is not None
    assert plan.status.attempt.step is not None
    assert plan.status.attempt.step.scaling_since is None
