"""What is judged, and its limits, where they have to be found first: presets, and limits that history makes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.metrics import Metric
from modelrollout.api.preset import PresetName
from modelrollout.api.usual import UsualLimit
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action
from modelrollout.engine.presets import Found
from modelrollout.engine.revisions import metric_digest, stage_hash
from modelrollout.engine.situation import Observation
from modelrollout.engine.usual import FoundLimits
from tests.support import scenes
from tests.support.scenes import NOW
from tests.unit.runtime.test_observer import Sources, at_first_step, observe

pytestmark = pytest.mark.unit


@dataclass
class FoundPreset:
    """Stands in for the look for a model server."""

    sources: Sources
    found: Found

    async def find(self, *_: object) -> tuple[Found, datetime]:
        self.sources.asked.append("presets")
        return self.found, NOW


async def test_metrics_of_a_preset_are_found_once_and_then_read_from_status() -> None:
    metrics = tuple(scenes.spec_and_revision(scenes.raw_spec())[0].metrics)
    sources = Sources(at_first_step(scenes.raw_spec(metrics=[])))
    sources.presets = FoundPreset(sources, Found(PresetName.KSERVE, metrics))
    seen = await observe(sources)
    assert seen.rollout.spec.metrics == metrics
    plan = decide(seen)
    assert plan.action is Action.ENTER
    fresh = scenes.spec_and_revision(scenes.raw_spec(metrics=[]))[0]
    known = replace(sources.seen, rollout=replace(sources.seen.rollout, spec=fresh, status=plan.status))
    sources.seen = replace(known, evidence=scenes.stepping().evidence)
    again = await observe(sources)
    assert again.rollout.spec.metrics == metrics
    assert sources.asked.count("presets") == 1


async def test_while_a_preset_is_not_found_it_is_asked_for_at_each_look() -> None:
    sources = Sources(at_first_step(scenes.raw_spec(metrics=[])))
    sources.presets = FoundPreset(sources, Found(None, why="nothing there"))
    seen = await observe(sources)
    assert (seen.no_preset, seen.next_evidence_at) == ("nothing there", NOW)
    assert decide(seen).reason == "NoMetrics"


USUAL = scenes.METRICS[0] | {"check": {"usual": {}}}
WITH_USUAL = scenes.raw_spec(metrics=[USUAL, scenes.METRICS[1]])
CANARY_FIRST = scenes.raw_spec(metrics=[USUAL, scenes.METRICS[1]], stages=scenes.STAGES[1:])
DIGEST = metric_digest(Metric.model_validate(USUAL))
LIMIT = UsualLimit(metric="error-rate", digest=DIGEST, max="0.0061", mean="0.003", sigma="0.001", values=6)


def in_step_with_usual(verdict: Verdict) -> Observation:
    seen = scenes.with_spec(scenes.stepping(1), WITH_USUAL)
    step = seen.status.attempt.step if seen.status.attempt else None
    assert step is not None
    same = step.model_copy(update={"spec_hash": stage_hash(seen.rollout.spec, step.stage)})
    return scenes.with_evidence(scenes.with_attempt(seen, step=same), verdict)


async def test_before_a_step_history_is_asked_first_for_it_says_what_is_allowed() -> None:
    sources = Sources(scenes.loading(2, CANARY_FIRST), history=FoundLimits((LIMIT,)))
    seen = await observe(sources)
    assert sources.asked[0] == "history"
    assert sources.asked.count("history") == 1
    assert str(seen.rollout.spec.metrics[0].check.max) == "0.0061"
    assert any(each.startswith("scrapes") for each in sources.asked)


async def test_without_history_nobody_asks_whether_the_candidate_is_scraped() -> None:
    sources = Sources(scenes.loading(2, CANARY_FIRST), history=FoundLimits(why="error-rate: history is too short"))
    seen = await observe(sources)
    assert not any(each.startswith("scrapes") for each in sources.asked)
    plan = decide(seen)
    assert (plan.action, plan.reason) == (Action.WAIT, "NoHistory")
    assert plan.wake_at == NOW + timedelta(minutes=5)


async def test_harm_does_not_wait_for_history() -> None:
    sources = Sources(in_step_with_usual(Verdict.HARM), history=FoundLimits((LIMIT,)))
    seen = await observe(sources)
    assert sources.asked == ["prometheus"]
    assert decide(seen).action is Action.ROLL_BACK


async def test_what_was_judged_before_its_limit_was_known_passes_nothing() -> None:
    sources = Sources(in_step_with_usual(Verdict.PASS), history=FoundLimits((LIMIT,)))
    seen = await observe(sources)
    assert sources.asked == ["prometheus", "history", "validator"]
    assert seen.evidence is None
    assert decide(seen).reason == "StageEdited"
