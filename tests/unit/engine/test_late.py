"""Outcomes that are known after the promotion: what is remembered, the way back, and what is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import parse_spec
from modelrollout.api.status import LateStatus
from modelrollout.engine.chains import decide
from modelrollout.engine.decide import decide as plan
from modelrollout.engine.late import late_harm, late_problems
from modelrollout.engine.observed import JudgedMetric, LateEvidence, RevisionState
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import Observation, situation_of
from tests.support import scenes
from tests.support.cases import Case, as_resting, check, table
from tests.support.scenes import CANDIDATE, MINUTE, NOW, STABLE

pytestmark = pytest.mark.unit

REASON = "missed-fraud 0.08 > 0.03 (n=640)"
HOUR = 60 * MINUTE


def fraud(**changes: Any) -> dict[str, Any]:
    return {
        "name": "missed-fraud",
        "category": "Output",
        "source": "Series",
        "ratio": {"events": "missed_total{$selector}", "total": "labels_total{$selector}"},
        "delayed": {"maturity": "1h"},
        "check": {"noWorseThan": {"ratio": "1.5"}},
        "stages": [],
        **changes,
    }


def raw(metric: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    others.setdefault("rollbackWindow", "2h")
    return scenes.raw_spec(metrics=[*scenes.METRICS, metric or fraud()], **others)


LATE = LateStatus(
    **CANDIDATE.ref.model_dump(), against=STABLE.hash, since=NOW - HOUR, until=NOW - 20 * MINUTE, number=1
)


def promoted(
    spec: dict[str, Any] | None = None,
    verdict: Verdict = Verdict.HARM,
    late: LateStatus | None = LATE,
    warm_minutes: int = 30,
    ready: int = 2,
    *,
    is_complete: bool = False,
) -> Observation:
    """Version 2 has replaced version 1, which is warm; outcomes come in."""
    spec = spec or raw()
    seen = scenes.resting(spec)
    status = seen.status.model_copy(
        update={"stable": CANDIDATE.ref, "previous": scenes.previous(STABLE, warm_minutes), "late": late}
    )
    metric = Metric.model_validate(spec["metrics"][-1])
    judged = (JudgedMetric(metric, CheckResult(metric.name, verdict, REASON, 0.08, 0.02, 0.03, 640)),)
    seen = replace(
        seen,
        rollout=replace(seen.rollout, status=status),
        revisions=(RevisionState(STABLE, 2, ready), RevisionState(CANDIDATE, 2, 2)),
        late=LateEvidence(judged, None if is_complete else NOW + MINUTE, is_complete=is_complete),
    )
    return scenes.with_route(seen)


@table(
    Case("goes-back", promoted(), Action.RETURN, "LateHarm", fails=True, text=REASON),
    Case("no-harm", promoted(verdict=Verdict.CONTINUE), None),
    Case("no-outcomes-awaited", promoted(late=None), None),
    Case("only-warns", promoted(raw(fraud(mode="Warn"))), None),
    Case("the-user-holds", promoted(raw(onFailure="Hold")), None),
    Case("a-person-decides", promoted(raw(automation="Assist")), None),
    Case("previous-is-cold", promoted(warm_minutes=-1), None),
    Case("previous-is-not-ready", promoted(ready=0), None),
    Case("of-another-promotion", promoted(late=LATE.model_copy(update={"against": "rother"})), None),
)
def test_late_harm(case: Case) -> None:
    check(late_harm(as_resting(case.seen)), case)


def test_harm_comes_before_an_invalid_spec_and_whatever_is_to_begin() -> None:
    seen = replace(promoted(), problems=("spec.stages: wrong",), desired=scenes.THIRD)
    assert decide(situation_of(seen)).reason == "LateHarm"


def test_the_way_back_is_told_and_is_not_tried_again() -> None:
    made = plan(promoted())
    assert made.action is Action.RETURN
    assert made.split is not None
    assert made.split.weights == ((STABLE.hash, 100),)
    assert made.status.failed is not None
    assert (made.status.failed.revision, made.status.failed.reason) == (CANDIDATE.hash, "LateHarm")
    assert made.status.late is None
    assert [event.reason for event in made.events] == ["ReturnedToPrevious", "LateHarm"]


def test_harm_that_nobody_acts_on_is_told_once() -> None:
    first = plan(promoted(raw(fraud(mode="Warn"))))
    assert [(event.reason, event.note) for event in first.events] == [("LateHarm", REASON)]
    assert first.status.late is not None
    assert first.status.late.told == ("missed-fraud",)
    assert first.status.late.verdict == REASON
    again = plan(promoted(raw(fraud(mode="Warn")), late=first.status.late))
    assert again.events == ()


@pytest.mark.parametrize(("after_window", "events"), [("Warn", ["LateHarm"]), ("Ignore", [])])
def test_after_the_window_the_user_has_said_what_is_done(after_window: str, events: list[str]) -> None:
    metric = fraud(delayed={"maturity": "1h", "afterWindow": after_window})
    made = plan(promoted(raw(metric), warm_minutes=-1))
    assert made.action is Action.WAIT
    assert [event.reason for event in made.events] == events


def test_one_looks_again_when_more_is_mature_and_not_before() -> None:
    assert plan(promoted(verdict=Verdict.CONTINUE)).wake_at == NOW + MINUTE


def test_what_is_complete_is_forgotten() -> None:
    made = plan(promoted(verdict=Verdict.PASS, is_complete=True))
    assert made.status.late is None
    assert made.wake_at == NOW + 30 * MINUTE


def at_the_end(spec: dict[str, Any]) -> Observation:
    """The last step has passed: the candidate is promoted now."""
    seen = scenes.stepping(5, spec)
    return scenes.with_attempt(seen, live_since=NOW - HOUR, number=2)


def test_a_promotion_remembers_when_both_answered() -> None:
    made = plan(at_the_end(raw()))
    assert made.action is Action.PROMOTE
    late = made.status.late
    assert late is not None
    assert (late.revision, late.against, late.since, late.number) == (CANDIDATE.hash, STABLE.hash, NOW - HOUR, 2)


def test_without_delayed_metrics_nothing_is_remembered() -> None:
    assert plan(at_the_end(scenes.raw_spec())).status.late is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({}, "", id="fits"),
        pytest.param({"rollbackWindow": "1h"}, "make it 1h10m, or say in afterWindow", id="window-too-short"),
        pytest.param(
            {"rollbackWindow": "1h", "metric": fraud(delayed={"maturity": "1h", "afterWindow": "Warn"})}, "", id="said"
        ),
        pytest.param({"rollbackWindow": "1h", "metric": fraud(mode="Warn")}, "", id="stops-nobody"),
        pytest.param(
            {"rollbackWindow": "9h", "metric": fraud(delayed={"maturity": "2h"}, stages=["canary"])},
            "no outcome of a request made in stage canary is mature within its maxDuration of 2h",
            id="stage-too-short",
        ),
        pytest.param({"metric": fraud(stages=["canary"])}, "", id="stage-long-enough"),
    ],
)
def test_outcomes_must_be_known_while_somebody_can_act(changes: dict[str, Any], says: str) -> None:
    metric = changes.pop("metric", None)
    found = list(late_problems(parse_spec(raw(metric, **changes))))
    assert len(found) == bool(says)
    assert all(says in problem for problem in found)


def test_forgets_a_promotion_when_something_new_begins() -> None:
    seen = replace(promoted(verdict=Verdict.PASS), desired=scenes.THIRD)
    seen = replace(seen, revisions=(*seen.revisions, RevisionState(scenes.THIRD, None, 0)))
    made = plan(seen)
    assert made.action is Action.BEGIN
    assert made.status.late is None
