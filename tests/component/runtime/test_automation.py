"""How far the operator goes without a person, through the running operator."""

from __future__ import annotations

import asyncio

import pytest

from modelrollout.api.controls import Control
from tests.support.operators import running
from tests.support.playground import Playground

pytestmark = pytest.mark.component

STAGES = [{"name": "canary", "weight": 20, "duration": "1s"}, {"name": "full", "weight": 100, "duration": "1s"}]


async def annotate(play: Playground, control: Control, value: str) -> None:
    await asyncio.to_thread(
        play.kubectl, "annotate", "mr", play.players.name, "--overwrite", f"{control.annotation}={value}"
    )


async def test_a_person_confirms_each_move_and_the_rollback(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", stages=STAGES, automation="Assist")
        candidate = play.hashes["2"]
        await play.until("it asks whether to begin", waits="ApprovalNeeded")
        assert await play.weights() == {"1": 100}
        await annotate(play, Control.APPROVE, f"{candidate}.0")
        await play.until("the canary is in force", stage="canary", in_force=True)

        play.servers["2"].error_rate = 0.5
        status = await play.until("it recommends a rollback", waits="RollbackRecommended")
        assert "modelrollout.io/approve=" in next(row.message for row in status.conditions if row.type == "Stalled")
        assert await play.weights() == {"1": 80, "2": 20}
        await annotate(play, Control.APPROVE, f"{candidate}.1")
        status = await play.until("it is rolled back", phase="RolledBack")
        assert await play.weights() == {"1": 100}
        assert status.failed is not None
        assert status.failed.reason == "Harm"
        assert len(await play.told("RollbackRecommended")) == 1


async def test_what_fails_all_requests_goes_whoever_would_have_to_be_asked(play: Playground) -> None:
    play.servers["2"].error_rate = 1.0
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", stages=STAGES, automation="HumanOnly")
        await play.until("it waits for a person", waits="PromotionRecommended")
        await annotate(play, Control.PROMOTE, play.hashes["2"])
        status = await play.until("it is rolled back", phase="RolledBack")
        assert status.failed is not None
        assert status.failed.reason == "FailsAll"


async def test_a_degree_is_switched_on_the_way_and_the_dry_run_is_kept(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", stages=STAGES, automation="DryRun")
        await play.until("it says what it would do", waits="PromotionRecommended")
        await annotate(play, Control.PROMOTE, play.hashes["2"])
        await play.until("the canary is in force", stage="canary", in_force=True)
        status = await play.until("it says what it would do", waits="PromotionRecommended", stage="canary")
        assert status.dry_run is not None
        assert (status.dry_run.agreed, status.dry_run.differed) == (1, 0)
        assert [entry.would for entry in status.dry_run.log] == ["Enter canary at 20 %", "Enter full at 100 %"]
        step = status.attempt.step if status.attempt else None

        await play.apply("2", stages=STAGES, automation="Full")
        status = await play.until("it ends by itself", stable="2", phase="Succeeded")
        entered = [entry for entry in status.log if entry.action == "Enter"]
        assert step is not None
        assert [entry.stage for entry in entered] == ["canary", "full"], "no step began again"
        assert status.dry_run is not None
        assert status.dry_run.agreed == 1
