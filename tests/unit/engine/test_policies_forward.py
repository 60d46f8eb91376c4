"""Policies on the way forward, each alone: an observation, the expected decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine import policies
from modelrollout.engine.observed import Acceptance
from modelrollout.engine.plan import Action, Fault
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import Mirror
from tests.support.cases import Case, as_stepping, check, table
from tests.support.scenes import (
    CANDIDATE,
    METRICS,
    MINUTE,
    NOW,
    STABLE,
    STAGES,
    raw_spec,
    stable_down,
    stepping,
    unjudged,
    with_evidence,
    with_route,
    with_step,
)

pytestmark = pytest.mark.unit

HELD_SPEC = raw_spec(onFailure="Hold")
HARM_TEXT = "error-rate 0.08 > 0.01 (n=640)"
CANARY = STAGES[1]
ENTERED = with_step(stepping(), accepted_at=None, in_force_at=None)


@table(
    Case("accepted", ENTERED, Action.ACCEPT, "Accepted", text="canary at 5 %"),
    Case("already", stepping(), None),
    Case("no route", replace(ENTERED, route=None), None),
    Case("pending", with_route(ENTERED, Acceptance.PENDING), None),
    Case("refused", with_route(ENTERED, Acceptance.REJECTED), None),
    Case("the route before", with_route(ENTERED, sequence=3), None),
    Case("other weights", with_route(ENTERED, weights=((STABLE.hash, 99), (CANDIDATE.hash, 1))), None),
    Case("rules differ", with_route(ENTERED, uniform=False), None),
    Case("a mirror that nobody asked for", with_route(ENTERED, mirror=Mirror(CANDIDATE.hash, 10)), None),
    Case("a reference with weight 0", with_route(ENTERED, weights=(
        (STABLE.hash, 95), (CANDIDATE.hash, 5), ("old", 0))), Action.ACCEPT, "Accepted"),
)  # fmt: skip
def test_accepted(case: Case) -> None:
    check(policies.accepted(as_stepping(case.seen)), case)


FRESH = with_step(stepping(), in_force_at=None, accepted_at=NOW - timedelta(seconds=10))
UNCOUNTED = with_evidence(FRESH, share_shown=None)
SHADOWED = with_step(stepping(0), in_force_at=None)


@table(
    Case("share shown", FRESH, Action.IN_FORCE, "ShareShown", text="52 of 1000"),
    Case("already", stepping(), None),
    Case("not accepted", with_step(FRESH, accepted_at=None), None),
    Case("share not shown", with_evidence(FRESH, share_shown=False), None),
    Case("nothing counts, settled", UNCOUNTED, Action.IN_FORCE, "Settled"),
    Case("nothing counts, not settled", with_step(UNCOUNTED, accepted_at=NOW - timedelta(seconds=9)), None),
    Case("settled on a route that was changed", with_route(UNCOUNTED, weights=((STABLE.hash, 100),)), None),
    Case("nothing looked at", replace(FRESH, evidence=None), None),
    Case("a shadow that is counted", SHADOWED, Action.IN_FORCE, "ShareShown"),
    Case("a shadow that nothing counts", with_evidence(SHADOWED, share_shown=None), None),
)
def test_in_force(case: Case) -> None:
    check(policies.in_force(as_stepping(case.seen)), case)


JUST = with_step(stepping(), started_at=NOW - 10 * MINUTE)


@table(
    Case("passes", stepping(), Action.ENTER, "Passed", step="ramp at 20 %", text="1/1 enforced checks"),
    Case("the last one promotes", stepping(5), Action.PROMOTE, "Passed"),
    Case("a warning does not stop it", with_evidence(stepping(), warn=Verdict.HARM), Action.ENTER, "Passed",
         step="ramp at 20 %"),
    Case("duration is over just now", JUST, Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("too soon", with_step(stepping(), started_at=NOW - 9 * MINUTE), None),
    Case("clock jumped: Prometheus has seen too little", with_evidence(stepping(), covered=9 * MINUTE), None),
    Case("not in force", with_step(stepping(), in_force_at=None), None),
    Case("continue", with_evidence(stepping(), Verdict.CONTINUE), None),
    Case("no data", with_evidence(stepping(), Verdict.NO_DATA), None),
    Case("harm", with_evidence(stepping(), Verdict.HARM), None),
    Case("Prometheus gone", with_evidence(stepping(), unavailable="timeout"), None),
    Case("nothing looked at", replace(stepping(), evidence=None), None),
    Case("a metric that was not judged", unjudged(stepping()), None),
    Case("route changed by hand", with_route(stepping(), weights=((STABLE.hash, 100),)), None),
    Case("route refused now", with_route(stepping(), Acceptance.REJECTED), None),
)  # fmt: skip
def test_passed(case: Case) -> None:
    check(policies.passed(as_stepping(case.seen)), case)


def after_max_duration(choice: str, verdict: Verdict = Verdict.CONTINUE, **evidence: object) -> Observation:
    stages = [STAGES[0], CANARY | {"onInconclusive": choice}, *STAGES[2:]]
    seen = with_step(stepping(1, raw_spec(stages=stages)), started_at=NOW - 120 * MINUTE)
    return with_evidence(seen, verdict, **({"covered": 121 * MINUTE} | evidence))


@table(
    Case("not yet", with_step(after_max_duration("Rollback"), started_at=NOW - 119 * MINUTE), None),
    Case("hold", after_max_duration("Hold"), None),
    Case("roll back", after_max_duration("Rollback"), Action.ROLL_BACK, "Inconclusive", fails=True,
         text="canary at 5 % stayed open for maxDuration: error-rate Continue"),
    Case("roll back after an outage", after_max_duration("Rollback", Verdict.NO_DATA, unavailable="timeout"),
         Action.ROLL_BACK, "Inconclusive", fails=True),
    Case("roll back, stable down", stable_down(after_max_duration("Rollback")), Action.WAIT, "NoSafeTarget",
         latch=Fault("Inconclusive", "canary at 5 % stayed open for maxDuration: error-rate Continue")),
    Case("nothing looked at yet", replace(after_max_duration("Rollback"), evidence=None), None),
    Case("advance", after_max_duration("Advance"), Action.ENTER, "InconclusiveAdvance", step="ramp at 20 %"),
    Case("never over harm that is held", after_max_duration("Advance", Verdict.HARM), None),
    Case("never without the traffic", with_route(after_max_duration("Advance"), Acceptance.REJECTED), None),
    Case("never by a clock that jumped", after_max_duration("Advance", covered=20 * MINUTE), None),
)  # fmt: skip
def test_inconclusive(case: Case) -> None:
    check(policies.inconclusive(as_stepping(case.seen)), case)


@table(
    Case("passing", stepping(), Action.WAIT, "Passing", text="passing: 1/1 checks, n=640"),
    Case("a shadow without enforced metrics", with_evidence(stepping(0, raw_spec(
        metrics=[METRICS[0] | {"stages": ["canary", "ramp", "full"]}, METRICS[1]]))), Action.WAIT, "Passing",
         text="passing: the candidate answered 52 of 1000 requests"),
    Case("gathering", with_evidence(stepping(), Verdict.CONTINUE), Action.WAIT, "Gathering",
         text="error-rate Continue"),
    Case("a metric that was not judged", unjudged(stepping()), Action.WAIT, "Gathering",
         text="error-rate: not judged yet"),
    Case("share not shown", with_evidence(FRESH, share_shown=False), Action.WAIT, "ShareNotShown",
         text="requests do not follow the weight yet"),
    Case("shadow that nothing counts", with_evidence(SHADOWED, share_shown=None), Action.WAIT, "ShareNotShown",
         text="set spec.traffic.requests"),
    Case("Prometheus gone", with_evidence(stepping(), unavailable="timeout"), Action.WAIT, "MetricsUnavailable",
         text="timeout"),
    Case("no route", replace(ENTERED, route=None), Action.WAIT, "RoutePending", text="does not exist"),
    Case("pending", with_route(ENTERED, Acceptance.PENDING), Action.WAIT, "RoutePending", text="Pending by gateway"),
    Case("refused", with_route(ENTERED, Acceptance.REJECTED), Action.WAIT, "RouteRejected", text="Rejected by gateway"),
    Case("refused after it was in force", with_route(stepping(), Acceptance.REJECTED), Action.WAIT, "RouteRejected"),
    Case("changed by hand", with_route(stepping(), weights=((STABLE.hash, 100),)), Action.WAIT, "RoutePending",
         text="does not carry canary at 5 % yet"),
    Case("harm held", with_evidence(stepping(1, HELD_SPEC), Verdict.HARM), Action.WAIT, "HarmHeld", text=HARM_TEXT),
)  # fmt: skip
def test_held(case: Case) -> None:
    check(policies.held(as_stepping(case.seen)), case)
