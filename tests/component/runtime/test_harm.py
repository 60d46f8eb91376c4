"""What takes a candidate's traffic away, and what only holds it."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from modelrollout.engine.revisions import object_name
from modelrollout.kube.resources import POD
from tests.support.operators import running
from tests.support.playground import Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

BROAD = {"stages": [{"name": "canary", "weight": 20, "duration": "60s"}, {"name": "full", "weight": 100}]}
"""A canary that a test has all the time it needs in."""


async def test_a_version_that_fails_is_rolled_back_on_its_numbers_and_not_tried_again(play: Playground) -> None:
    play.servers["2"].error_rate = 0.5
    async with running(play.server.kubeconfig, play.settings) as operator:
        await play.serving("1")
        await play.apply("2", **BROAD)
        status = await play.until("version 2 is rolled back", phase="RolledBack")
        assert await play.weights() == {"1": 100}
        assert status.failed is not None
        assert (status.failed.version, status.failed.reason, status.failed.stage) == ("2", "Harm", "canary")
        assert "error-rate" in (status.verdict or "")
        assert "0.05" in (status.verdict or "")
        notes = [note for reason, note in await play.events() if reason == "RolledBack"]
        assert len(notes) == 1
        assert notes[0].startswith("Harm: error-rate")

        operator.app.queue.add(play.key)
        status = await play.until("it rests", waits="Harm")
        assert [line for line in play.decisions(status) if line.startswith("Begin")] == ["Begin - 0"]


async def test_a_version_that_answers_nothing_is_rolled_back(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **BROAD)
        await play.until("the canary is in force", stage="canary", in_force=True)
        play.servers["2"].silent = True
        status = await play.until("version 2 is rolled back", phase="RolledBack")
        assert status.failed is not None
        assert status.failed.reason == "NoAnswers"
        assert await play.weights() == {"1": 100}


async def test_without_prometheus_a_step_holds_visibly_and_goes_on_when_it_is_back(play: Playground) -> None:
    short = {"stages": [{"name": "canary", "weight": 20, "duration": "3s"}, {"name": "full", "weight": 100}]}
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **short)
        await play.until("the canary has begun", stage="canary")
        await asyncio.to_thread(play.prometheus.stop)
        held = await play.until("it says that it cannot see", waits="MetricsUnavailable")
        assert held.attempt is not None
        assert held.attempt.step is not None
        began = held.attempt.step.started_at.timestamp()

        async def outlasted() -> bool:
            # Well beyond its duration: time alone promotes nothing.
            return (await play.rollout()).status.attempt is not None and time.time() > began + 8

        await eventually("the stage's duration is over", outlasted)
        held = await play.status()
        assert (held.phase, held.stage) == ("Progressing", "1/2 canary")
        assert await play.weights() == {"1": 80, "2": 20}
        await asyncio.to_thread(play.prometheus.start)
        await play.until("it goes on", stage="full", seconds=90)


async def test_a_candidate_without_endpoints_is_suspended_and_its_step_starts_again(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **BROAD)
        await play.until("the canary is in force", stage="canary", in_force=True)
        play.servers["2"].ready = False
        status = await play.until("it is suspended", phase="Suspended")
        assert await play.weights() == {"1": 100}
        first = status.attempt
        assert first is not None
        assert first.step is not None
        play.servers["2"].ready = True
        status = await play.until("it goes on", phase="Progressing", applied=True)
        assert status.attempt is not None
        assert status.attempt.step is not None
        assert status.attempt.step.started_at > first.step.started_at
        assert await play.weights() == {"1": 80, "2": 20}


async def test_a_candidate_that_crashes_is_rolled_back_while_it_loads(play: Playground) -> None:
    play.servers["2"].ready = False
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2")
        await play.until("version 2 loads", waits="CandidateLoading")
        await make_crashing_pod(play, "2")
        status = await play.until("version 2 is rolled back", phase="RolledBack")
        assert status.failed is not None
        assert status.failed.reason == "Crashing"
        assert "3 restarts" in status.failed.message


async def make_crashing_pod(play: Playground, version: str) -> None:
    name = f"{object_name(play.players.name, play.hashes[version])}-0"
    deployment = play.kubectl(
        "get", "deployment", object_name(play.players.name, play.hashes[version]), "-o", "jsonpath={.spec.template}"
    )
    template = json.loads(deployment)
    labels = template["metadata"]["labels"]
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": play.namespace, "labels": labels},
        "spec": {
            "containers": [{"name": "server", "image": "localhost/digits:2"}],
            "automountServiceAccountToken": False,
        },
    }
    await play.client.create(POD, body)
    container = {
        "name": "server",
        "image": "localhost/digits:2",
        "imageID": "",
        "ready": False,
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }
    await play.mark(POD, name, {"status": {"containerStatuses": [container]}})
