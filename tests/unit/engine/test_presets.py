"""Which metrics are judged, from when, and what happens while there are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.metrics import Metric
from modelrollout.api.preset import PresetName
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.presets import Found, is_open, lacking, no_metrics, with_chosen, with_found
from modelrollout.engine.revisions import stage_hash
from modelrollout.engine.situation import Observation
from tests.support.cases import Case, as_loading, as_stepping, check, table
from tests.support.scenes import (
    METRICS,
    STAGES,
    Raw,
    loading,
    raw_spec,
    resting,
    spec_and_revision,
    stepping,
    with_attempt,
    with_evidence,
    with_spec,
    with_status,
)

pytestmark = pytest.mark.unit

AUTO = raw_spec(metrics=[])
BY_HAND = [stage | {"approval": "Manual"} for stage in STAGES[1:]]
PRESET = (
    Metric.model_validate(METRICS[0] | {"name": "errors", "check": {"noWorseThan": {"ratio": "1.5"}}}),
    Metric.model_validate(METRICS[1] | {"name": "queue", "mode": "Hold"}),
)
FOUND = Found(PresetName.KSERVE, PRESET, ("restarts: no series x",))
NOT_FOUND = Found(None, why="Prometheus has no series of a known model server for version 1")


def ready(raw: Raw = AUTO) -> Observation:
    """A candidate whose pods are ready, and whose first step comes next."""
    return replace(loading(2, raw), scraped=True)


def names(seen: Observation) -> list[str]:
    return [metric.name for metric in seen.rollout.spec.metrics]


def chosen_again(seen: Observation) -> Observation:
    """The look after: the spec as the user wrote it, and the status that was written."""
    status = decide(seen).status
    fresh = replace(seen.rollout, spec=spec_and_revision(seen.rollout.raw_spec)[0], status=status)
    return replace(seen, rollout=with_chosen(fresh), chosen=None)


# --- what is judged ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (raw_spec(metrics=[]), PresetName.AUTO),
        (raw_spec(), PresetName.NONE),
        (raw_spec(preset="vllm"), PresetName.VLLM),
        (raw_spec(metrics=[], preset="none"), PresetName.NONE),
    ],
)
def test_auto_is_the_default_where_no_metrics_are_given(raw: Raw, wanted: PresetName) -> None:
    assert spec_and_revision(raw)[0].wanted_preset is wanted


def test_nothing_is_looked_for_before_an_attempt_nor_where_metrics_are_given() -> None:
    assert is_open(ready().rollout)
    assert not is_open(resting(AUTO).rollout)
    assert not is_open(ready(raw_spec()).rollout)


def test_what_was_found_is_judged_and_written_down() -> None:
    seen = with_found(ready(), FOUND)
    assert names(seen) == ["errors", "queue"]
    plan = decide(seen)
    written = plan.status.effective_metrics
    assert plan.action is Action.ENTER
    assert written is not None
    assert (written.asked, written.preset) == (PresetName.AUTO, PresetName.KSERVE)
    assert written.parsed() == PRESET
    assert written.left_out == FOUND.left_out


def test_metrics_of_the_users_own_count_before_those_of_a_preset_with_their_name() -> None:
    own = METRICS[0] | {"name": "errors"}
    seen = with_found(ready(raw_spec(metrics=[own], preset="kserve")), FOUND)
    assert names(seen) == ["errors", "queue"]
    assert seen.rollout.spec.metrics[0] == Metric.model_validate(own)


def test_the_choice_holds_until_the_attempt_ends() -> None:
    """Neither a restart nor another release, which knows other metrics, changes what is judged."""
    first = with_found(ready(), FOUND)
    later = chosen_again(first)
    assert names(later) == ["errors", "queue"]
    assert not is_open(later.rollout)
    step = later.status.attempt.step if later.status.attempt else None
    assert step is not None
    assert stage_hash(later.rollout.spec, step.stage) == step.spec_hash


def test_another_attempt_chooses_anew() -> None:
    again = with_attempt(chosen_again(with_found(ready(), FOUND)), revision="rother")
    fresh = replace(again.rollout, spec=spec_and_revision(AUTO)[0])
    assert is_open(with_chosen(fresh))


def test_another_preset_in_the_spec_is_chosen_anew() -> None:
    later = chosen_again(with_found(ready(), FOUND))
    edited = replace(later.rollout, spec=spec_and_revision(raw_spec(metrics=[], preset="triton"))[0])
    assert is_open(with_chosen(edited))


def test_what_another_release_wrote_and_this_one_cannot_read_is_chosen_anew() -> None:
    later = chosen_again(with_found(ready(), FOUND))
    written = later.status.effective_metrics
    assert written is not None
    odd = written.model_copy(update={"metrics": ({"name": "errors", "oracle": "x"},)})
    seen = with_status(later, effective_metrics=odd)
    assert is_open(with_chosen(replace(seen.rollout, spec=spec_and_revision(AUTO)[0])))


def test_defaults_are_written_too() -> None:
    """So that a later release, which may have others, judges by those of this one."""
    written = decide(with_found(ready(), FOUND)).status.effective_metrics
    assert written is not None
    assert written.metrics[0]["minSamples"] == PRESET[0].min_samples
    assert written.metrics[0]["mode"] == "Enforce"


# --- while there are none ---------------------------------------------------------------------------------------------


@table(
    Case("nothing found", with_found(ready(), NOT_FOUND), Action.WAIT, "NoMetrics",
         text="no series of a known model server for version 1, so nothing judges shadow, canary, ramp, full"),
    Case("not looked yet", ready(), Action.WAIT, "NoMetrics", text="nobody has looked"),
    Case("found", with_found(ready(), FOUND), None),
    Case("people decide", with_found(ready(raw_spec(metrics=[], stages=BY_HAND)), NOT_FOUND), None),
    Case("metrics given", ready(raw_spec()), None),
)  # fmt: skip
def test_no_metrics(case: Case) -> None:
    check(no_metrics(as_loading(case.seen)), case)


def test_it_holds_before_any_traffic_and_nobody_is_asked_to_confirm() -> None:
    seen = with_found(ready(raw_spec(metrics=[], automation="Assist")), NOT_FOUND)
    plan = decide(replace(seen, next_evidence_at=seen.now))
    assert (plan.action, plan.reason) == (Action.WAIT, "NoMetrics")
    assert plan.status.attempt is not None
    assert plan.status.attempt.step is None
    assert plan.status.effective_metrics is None


@pytest.mark.parametrize("on_inconclusive", ["Hold", "Advance"])
def test_a_step_that_has_lost_its_metrics_by_an_edit_passes_by_no_means(on_inconclusive: str) -> None:
    """Not by its time, not by `Advance`, not by evidence of metrics that are gone."""
    stages = [STAGES[0], STAGES[1] | {"onInconclusive": on_inconclusive, "maxDuration": "1m"}, *STAGES[2:]]
    edited = with_spec(stepping(1, raw_spec(stages=stages)), raw_spec(metrics=[], stages=stages))
    seen = replace(edited, evidence=None if edited.evidence is None else replace(edited.evidence, judged=()))
    step = as_stepping(seen).step
    again = with_attempt(seen, step=step.model_copy(update={"spec_hash": stage_hash(seen.rollout.spec, step.stage)}))
    plan = decide(with_found(again, NOT_FOUND))
    assert (plan.action, plan.reason) == (Action.WAIT, "NoMetrics")


def test_metrics_that_are_found_later_start_the_step_again() -> None:
    edited = with_spec(stepping(1), AUTO)
    plan = decide(with_evidence(with_found(edited, FOUND)))
    assert (plan.action, plan.reason) == (Action.ENTER, "StageEdited")
    assert plan.status.attempt is not None
    assert plan.status.attempt.step is not None
    assert plan.status.attempt.step.weight == 5


def test_where_people_decide_nothing_begins_to_judge_in_the_middle() -> None:
    raw: dict[str, Any] = raw_spec(metrics=[], stages=BY_HAND)
    plan = decide(with_found(ready(raw), NOT_FOUND))
    assert plan.action is Action.ENTER
    assert plan.status.effective_metrics is not None
    assert plan.status.effective_metrics.preset is PresetName.NONE
    assert not is_open(chosen_again(with_found(ready(raw), NOT_FOUND)).rollout)


def test_a_shadow_needs_a_count_of_its_copies_and_a_live_stage_a_metric_that_is_enforced() -> None:
    counted = raw_spec(metrics=[], traffic={"requests": "requests_total{$selector}"})
    assert list(lacking(spec_and_revision(AUTO)[0])) == ["shadow", "canary", "ramp", "full"]
    assert list(lacking(spec_and_revision(counted)[0])) == ["canary", "ramp", "full"]
    assert list(lacking(spec_and_revision(raw_spec())[0])) == []
