"""People's clicks, as `kubectl annotate` makes them, through the running operator."""

from __future__ import annotations

import asyncio

import pytest

from modelrollout.api.conditions import ConditionType, find_condition
from modelrollout.api.controls import Control, ControlOutcome
from modelrollout.api.status import ModelRolloutStatus
from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

PATIENT = {
    "stages": [
        {"name": "canary", "weight": 20, "duration": "600s"},
        {"name": "half", "weight": 50, "duration": "600s"},
        {"name": "full", "weight": 100, "duration": "600s"},
    ]
}
"""Nothing goes on by itself in the time of a test."""


async def annotate(play: Playground, control: Control, value: str | None) -> None:
    written = f"{control.annotation}-" if value is None else f"{control.annotation}={value}"
    await asyncio.to_thread(play.kubectl, "annotate", "mr", play.players.name, "--overwrite", written)


async def answer(play: Playground, control: Control) -> tuple[ControlOutcome, str]:
    async def given() -> tuple[ControlOutcome, str] | None:
        entries = (await play.status()).controls
        return next(((entry.outcome, entry.message) for entry in entries if entry.control is control), None)

    return await eventually(f"an answer to {control}", given)


async def told(play: Playground, reason: str, words: str) -> list[str]:
    return [note for name, note in await play.events() if name == reason and words in note]


def is_paused(status: ModelRolloutStatus) -> bool:
    found = find_condition(status.conditions, ConditionType.PAUSED)
    return found is not None and found.status == "True"


async def test_promote_stage_by_stage_then_rollback_then_retry(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **PATIENT)
        candidate = play.hashes["2"]
        await play.until("the canary is in force", stage="canary", in_force=True)

        await annotate(play, Control.PROMOTE, candidate)
        await play.until("it is in the next stage", stage="half", applied=True)
        assert await play.weights() == {"1": 50, "2": 50}
        await annotate(play, Control.PROMOTE_FULL, candidate)
        await play.until("it is stable", stable="2", phase="Succeeded", applied=True)
        assert await play.weights() == {"2": 100}
        assert [note for note in await told(play, "Promoted", "PromotedByHand") if "full at 100 %" in note]

        await annotate(play, Control.ROLLBACK, candidate)
        status = await play.until("it is back", stable="1", phase="RolledBack", applied=True)
        assert await play.weights() == {"1": 100}
        assert status.failed is not None
        assert (status.failed.version, status.failed.reason) == ("2", "RolledBackByHand")

        await annotate(play, Control.RETRY, candidate)
        status = await play.until("it has begun again", stage="canary")
        assert status.failed is None


async def test_pause_holds_and_abort_takes_the_weight(play: Playground) -> None:
    quick = {"stages": [{"name": "canary", "weight": 20, "duration": "2s"}, {"name": "full", "weight": 100}]}
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        candidate = play.hashes["2"]
        await annotate(play, Control.PAUSE, candidate)
        assert (await answer(play, Control.PAUSE))[0] is ControlOutcome.REFUSED
        await play.apply("2", **quick)
        # Given before anybody asked for that revision: refused, and no hold. Another value is another click.
        await play.until("the canary has begun", stage="canary")
        await annotate(play, Control.PAUSE, f"{candidate}.now")
        await play.until("it is paused", waits="Paused")

        async def would_pass() -> bool:
            status = await play.status()
            return bool(status.checks) and all(check.verdict == "Pass" for check in status.checks)

        await eventually("its evidence is complete", would_pass)
        status = await play.status()
        assert is_paused(status)
        assert status.attempt is not None
        assert status.attempt.step is not None
        assert status.attempt.step.stage == "canary"

        await annotate(play, Control.PROMOTE, candidate)
        outcome, message = await answer(play, Control.PROMOTE)
        assert outcome is ControlOutcome.REFUSED
        assert "it is paused" in message

        await annotate(play, Control.ABORT, candidate)
        status = await play.until("it is aborted", phase="RolledBack")
        assert await play.weights() == {"1": 100}
        assert status.failed is not None
        assert status.failed.reason == "Aborted"
        assert not is_paused(status)
        assert len(await told(play, "RolledBack", "Aborted")) == 1
        assert len(await told(play, "ControlRefused", "promote:")) == 1


async def test_promote_needs_neither_prometheus_nor_a_gateway_that_answers(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **PATIENT)
        await play.until("the canary has begun", stage="canary", applied=True)
        await asyncio.to_thread(play.prometheus.stop)
        play.players.gateway_answers = False
        await annotate(play, Control.PROMOTE, play.hashes["2"])
        await play.until("it is in the next stage", stage="half")

        async def split() -> bool:
            return await play.weights() == {"1": 50, "2": 50}

        await eventually("the route says so", split)
        await annotate(play, Control.ABORT, play.hashes["2"])
        await play.until("it is aborted", phase="RolledBack")
        assert await play.weights() == {"1": 100}


async def test_resume_goes_on(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2")
        await play.until("it has begun", candidate="2")
        await annotate(play, Control.PAUSE, play.hashes["2"])
        await play.until("it is paused", waits="Paused")
        assert await told(play, "ControlCarriedOut", "pause:")
        await annotate(play, Control.PAUSE, None)
        await play.until("it ends well", stable="2", phase="Succeeded")
        assert await told(play, "ControlCarriedOut", "resume:")
