"""What would have been decided on a history: by the code that decides live."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelrollout.api.automation import Automation
from modelrollout.api.pipeline import Upstream
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import RevisionRef
from modelrollout.engine.plan import Action
from modelrollout.runtime.replay import Moment, Past, Trial, replayed
from modelrollout.runtime.settings import Settings
from tests.support.objects import rollout
from tests.support.past import History, Pod

pytestmark = pytest.mark.unit

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE = 120.0
SETTINGS = Settings(scrape_interval=timedelta(seconds=5), scrape_timeout=timedelta(seconds=1))
STABLE, CANDIDATE = RevisionRef(revision="rstable", version="1"), RevisionRef(revision="rcandidate", version="2")
STAGES = [
    {"name": "canary", "weight": 10, "duration": "2m", "approval": "Manual"},
    {"name": "full", "weight": 100, "duration": "1m"},
]


def history(*, bad_from: float | None = None, seconds: float = 1200.0) -> History:
    """Ten requests a second for each revision; the candidate begins to fail half of them at some time, if at all."""

    def requests(at: float) -> float:
        return 10 * at

    def errors(at: float) -> float:
        return 0.0 if bad_from is None else max(0.0, 5 * (at - BEFORE - bad_from))

    pods = (
        Pod("digits-rstable-1", {"requests": requests, "errors": lambda _: 0.0}),
        Pod("digits-rcandidate-1", {"requests": requests, "errors": errors}),
    )
    return History(pods, BEGIN.timestamp() - BEFORE, seconds + BEFORE)


def spec(**changes: Any) -> ModelRollout:
    return rollout(**({"stages": STAGES} | changes))


async def play(past: History, given: ModelRollout | None = None, seconds: float = 1200.0) -> list[Moment]:
    trial = Trial(STABLE, CANDIDATE, BEGIN, BEGIN + timedelta(seconds=seconds))
    return [moment async for moment in replayed(given or spec(), trial, past, SETTINGS)]


def after(moment: Moment) -> float:
    return (moment.at - BEGIN).total_seconds()


async def test_a_good_candidate_would_have_been_promoted_when_its_stages_had_lasted() -> None:
    moments = await play(history())
    assert [moment.plan.action for moment in moments if moment.plan.action is not Action.ACCEPT] == [
        Action.BEGIN,
        Action.ENTER,
        Action.IN_FORCE,
        Action.ENTER,
        Action.IN_FORCE,
        Action.PROMOTE,
    ]
    assert 180 <= after(moments[-1]) <= 240
    assert [moment.weight for moment in moments if moment.plan.action is Action.ENTER] == [10, 100]


async def test_a_bad_one_would_have_been_rolled_back_soon_after_it_went_bad() -> None:
    moments = await play(history(bad_from=60.0))
    assert moments[-1].plan.action is Action.ROLL_BACK
    assert moments[-1].is_end
    assert moments[-1].plan.reason == "Harm"
    assert 60 < after(moments[-1]) <= 75


async def test_what_happens_later_changes_nothing_of_what_would_have_been_decided_before() -> None:
    good, bad = await play(history()), await play(history(bad_from=150.0))
    until = BEGIN + timedelta(seconds=150)
    assert [m for m in good if m.at < until] == [m for m in bad if m.at < until]
    assert bad[-1].plan.action is Action.ROLL_BACK


async def test_a_history_that_ends_too_soon_leaves_it_open() -> None:
    moments = await play(history(), seconds=60.0)
    assert moments[-1].plan.action is Action.WAIT
    assert not moments[-1].is_end
    assert after(moments[-1]) <= 60


async def test_without_the_candidates_history_nothing_passes() -> None:
    past = History(history().pods[:1], BEGIN.timestamp() - BEFORE, 1320.0)
    moments = await play(past, seconds=600.0)
    assert moments[-1].plan.action is Action.WAIT
    assert moments[-1].weight == 10


async def test_nobody_is_asked() -> None:
    moments = await play(history(), spec(automation=Automation.HUMAN_ONLY.value))
    assert moments[-1].plan.action is Action.PROMOTE


async def test_other_models_of_a_pipeline_are_taken_to_rest_and_to_do_well() -> None:
    alone = spec()
    guardrail = alone.spec.metrics[0].model_copy(update={"name": "ranker-errors", "of": "ranker"})
    changes = {"depends_on": (Upstream(name="embedder"),), "metrics": (*alone.spec.metrics, guardrail)}
    piped = replace(alone, spec=alone.spec.model_copy(update=changes))
    assert (await play(history(), piped))[-1].plan.action is Action.PROMOTE


async def test_nothing_after_the_clock_is_seen() -> None:
    past = Past(history(), BEGIN)
    late = await past.raw('requests{pod=~"digits-rstable-.*"}', BEGIN.timestamp() + 60, 90)
    assert isinstance(late, tuple)
    assert [sample[0] for sample in late[0].samples][-1] == BEGIN.timestamp()
    assert await past.raw('requests{pod=~"digits-rstable-.*"}', BEGIN.timestamp() + 60, 30) == ()
    assert await past.now() == BEGIN.timestamp()
