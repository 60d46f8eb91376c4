"""Limits that are made from what was usual: looked up once, kept, and waited for."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.metrics import Metric
from modelrollout.api.usual import UsualLimit
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.revisions import metric_digest, stage_hash
from modelrollout.engine.situation import Observation
from modelrollout.engine.usual import FoundLimits, awaiting, is_open, no_history, with_found, with_kept
from tests.support.cases import Case, as_loading, as_stepping, check, table
from tests.support.scenes import (
    METRICS,
    Raw,
    loading,
    raw_spec,
    resting,
    spec_and_revision,
    stepping,
    with_attempt,
    with_evidence,
    with_spec,
)

pytestmark = pytest.mark.unit

ERRORS: dict[str, Any] = METRICS[0] | {"check": {"usual": {}}}
RAW = raw_spec(metrics=[ERRORS, METRICS[1]])
SHORT = FoundLimits(why="error-rate: history is too short: 2 of 6 values in an hour of the week, looking back 2 weeks")


def limit(raw: dict[str, Any] = ERRORS, largest: str = "0.0061") -> UsualLimit:
    digest = metric_digest(Metric.model_validate(raw))
    return UsualLimit(metric=raw["name"], digest=digest, max=largest, mean="0.003", sigma="0.001", values=6)


FOUND = FoundLimits((limit(),))


def ready(raw: Raw = RAW) -> Observation:
    """A candidate whose pods are ready, and whose first step comes next."""
    return replace(loading(2, raw), scraped=True)


def largest(seen: Observation) -> Decimal | None:
    return seen.rollout.spec.metrics[0].check.max


def read_again(seen: Observation) -> Observation:
    """The look after: the spec as the user wrote it, and the status that was written."""
    status = decide(seen).status
    fresh = replace(seen.rollout, spec=spec_and_revision(seen.rollout.raw_spec)[0], status=status)
    return replace(seen, rollout=with_kept(fresh), usual=None, no_usual=None)


def test_nothing_is_looked_up_before_an_attempt_nor_where_limits_are_given() -> None:
    assert is_open(ready().rollout)
    assert not is_open(resting(RAW).rollout)
    assert not is_open(ready(raw_spec()).rollout)


def test_what_was_found_is_the_limit_and_is_written_down() -> None:
    seen = with_found(ready(), FOUND)
    assert largest(seen) == Decimal("0.0061")
    assert awaiting(seen.rollout) == ()
    metric = seen.rollout.spec.metrics[0]
    assert metric_digest(metric) == metric_digest(Metric.model_validate(ERRORS))
    assert metric.check.usual is not None
    plan = decide(seen)
    assert plan.action is Action.ENTER
    assert plan.status.usual is not None
    assert plan.status.usual.limits == FOUND.limits


def test_it_holds_until_the_attempt_ends() -> None:
    later = read_again(with_found(ready(), FOUND))
    assert largest(later) == Decimal("0.0061")
    step = later.status.attempt.step if later.status.attempt else None
    assert step is not None
    assert stage_hash(later.rollout.spec, step.stage) == step.spec_hash
    again = with_attempt(later, revision="rother")
    fresh = replace(again.rollout, spec=spec_and_revision(RAW)[0])
    assert is_open(with_kept(fresh))


def test_an_edited_metric_is_looked_up_anew_and_the_others_keep_theirs() -> None:
    other = ERRORS | {"name": "rejects"}
    raw = raw_spec(metrics=[ERRORS, other])
    later = read_again(with_found(ready(raw), FoundLimits((limit(), limit(other, "0.5")))))
    edited = raw_spec(metrics=[ERRORS | {"check": {"usual": {"sigmas": "5"}}}, other])
    seen = replace(later, rollout=with_kept(replace(later.rollout, spec=spec_and_revision(edited)[0])))
    assert [metric.name for metric in awaiting(seen.rollout)] == ["error-rate"]
    assert seen.rollout.spec.metrics[1].check.max == Decimal("0.5")
    found = with_found(seen, FoundLimits((limit(ERRORS | {"check": {"usual": {"sigmas": "5"}}}, "0.009"),)))
    assert found.usual is not None
    assert [(one.metric, one.max) for one in found.usual.limits] == [("rejects", "0.5"), ("error-rate", "0.009")]


@table(
    Case("too short", with_found(ready(), SHORT), Action.WAIT, "NoHistory", text="2 of 6 values in an hour of the"),
    Case("says what to do", with_found(ready(), SHORT), Action.WAIT, "NoHistory",
         text="set max in the place of usual"),
    Case("not looked yet", ready(), Action.WAIT, "NoHistory", text="nobody has looked yet what is usual"),
    Case("found", with_found(ready(), FOUND), None),
    Case("limits given", ready(raw_spec()), None),
    Case("a metric that stops nothing", ready(raw_spec(metrics=[METRICS[0], ERRORS | {"name": "x", "mode": "Warn"}])),
         None),
)  # fmt: skip
def test_no_history(case: Case) -> None:
    check(no_history(as_loading(case.seen)), case)


def test_it_holds_before_any_traffic() -> None:
    plan = decide(with_found(ready(), SHORT))
    assert (plan.action, plan.reason) == (Action.WAIT, "NoHistory")
    assert plan.status.attempt is not None
    assert plan.status.attempt.step is None
    assert plan.status.usual is None
    assert [event.reason for event in plan.events] == ["NoHistory"]


def test_a_step_whose_limit_is_to_come_does_not_pass_and_harm_acts_all_the_same() -> None:
    edited = with_spec(stepping(1), RAW)
    step = as_stepping(edited).step
    seen = with_attempt(edited, step=step.model_copy(update={"spec_hash": stage_hash(edited.rollout.spec, step.stage)}))
    passing = decide(with_found(with_evidence(seen), SHORT))
    assert (passing.action, passing.reason) == (Action.WAIT, "NoHistory")
    harmful = decide(with_found(with_evidence(seen, Verdict.HARM), SHORT))
    assert (harmful.action, harmful.reason) == (Action.ROLL_BACK, "Harm")
