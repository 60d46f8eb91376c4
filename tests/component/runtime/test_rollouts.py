"""Whole rollouts: a real API server, a real Prometheus, and requests that follow the route."""

from __future__ import annotations

import pytest

from tests.support.operators import running
from tests.support.playground import Playground

pytestmark = pytest.mark.component


async def test_the_first_revision_is_adopted_when_ready_and_runs_no_stages(play: Playground) -> None:
    play.servers["1"].ready = False
    async with running(play.server.kubeconfig, play.settings):
        await play.apply("1")
        await play.until("the first version loads", waits="FirstRevisionLoading", phase="Pending")
        assert not play.players.routes
        play.servers["1"].ready = True
        status = await play.until("the first version serves", stable="1", phase="Succeeded", applied=True)
        assert play.decisions(status) == ["Adopt - 0"]
        assert await play.weights() == {"1": 100}
        assert "FirstRevisionServing" in [reason for reason, _ in await play.events()]


async def test_a_good_version_goes_through_all_stages_and_is_promoted(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2")
        status = await play.until("version 2 is promoted", stable="2", phase="Succeeded", seconds=90)
    entered = [line for line in play.decisions(status) if line.startswith(("Enter", "Promote"))]
    assert entered == ["Enter shadow 0", "Enter canary 20", "Enter full 100", "Promote full 0"]
    in_force = [entry.stage for entry in status.log if entry.action == "InForce"]
    assert in_force == ["shadow", "canary", "full"]
    assert play.servers["2"].mirrored > 0
    assert await play.weights() == {"2": 100}
    assert status.previous is not None
    assert status.previous.version == "1"
