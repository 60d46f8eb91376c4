"""`kubectl mr` against the real API server: what it reads, writes, waits for and prints."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime

import pytest
from kubernetes.aio import config

from modelrollout.api.controls import Control, ControlOutcome, ControlStatus
from modelrollout.api.resource import Key
from modelrollout.api.status import AttemptStatus, ModelRolloutStatus, RevisionRef
from modelrollout.cli.arguments import read
from modelrollout.cli.choosing import NothingToDoError
from modelrollout.cli.main import Answer, run
from modelrollout.engine.clicks import clicks_of
from modelrollout.kube.client import KubeClient
from modelrollout.kube.status import read_rollout, write_status
from tests.support.api_server import ApiServer
from tests.support.objects import manifest
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MOVING = ModelRolloutStatus(
    stable=RevisionRef(revision="rstable", version="1"),
    attempt=AttemptStatus(revision="rcandidate", version="2", started_at=NOW),
    verdict="0/2 endpoints of version 2 ready",
)


class Hand:
    """A person at the command line, and an operator that only answers."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self.server, self.key = server, Key(namespace, "digits")
        self.options = f"-n {namespace} --kubeconfig {server.kubeconfig}"

    async def make(self, status: ModelRolloutStatus) -> None:
        body = manifest(self.key.name, self.key.namespace)
        await asyncio.to_thread(self.server.kubectl, "create", "--filename", "-", stdin=json.dumps(body))
        async with await config.new_client_from_config(str(self.server.kubeconfig)) as api:
            await self._set(KubeClient(api), status)

    async def type(self, words: str) -> Answer:
        return await run(read(f"{words} {self.options}".split()))

    async def answer(self, outcome: ControlOutcome, message: str) -> str:
        """Answer the first click that comes; its control and value."""
        async with await config.new_client_from_config(str(self.server.kubeconfig)) as api:
            client = KubeClient(api)

            async def clicked() -> str | None:
                rollout = await read_rollout(client, self.key)
                clicks = clicks_of(rollout.annotations) if rollout is not None else ()
                return clicks[0].control.annotation + "=" + clicks[0].value if clicks else None

            found = await eventually("a click", clicked)
            name, _, value = found.partition("=")
            control = next(each for each in Control if each.annotation == name)
            entry = ControlStatus(control=control, value=value, outcome=outcome, message=message, at=NOW)
            await self._set(client, MOVING.model_copy(update={"controls": (entry,)}))
            return found

    async def _set(self, client: KubeClient, status: ModelRolloutStatus) -> None:
        rollout = await read_rollout(client, self.key)
        assert rollout is not None
        await write_status(client, rollout, status)


@pytest.fixture
def hand(api_server: ApiServer, namespace: str) -> Hand:
    return Hand(api_server, namespace)


@pytest.mark.parametrize(
    ("words", "annotation"),
    [
        ("pause digits", "pause=rcandidate."),
        ("abort digits", "abort=rcandidate."),
        ("promote digits", "promote=rcandidate."),
        ("promote --full digits", "promote-full=rcandidate."),
        ("approve digits", "approve=rcandidate."),
    ],
)
async def test_a_click_is_written_for_the_right_revision_and_the_answer_printed(
    hand: Hand, words: str, annotation: str
) -> None:
    await hand.make(MOVING)
    told, answer = await asyncio.gather(hand.answer(ControlOutcome.CARRIED_OUT, "it is done"), hand.type(words))
    assert told.startswith(f"modelrollout.io/{annotation}")
    assert answer == (True, f"{annotation.partition('=')[0]}: it is done")


async def test_a_refusal_is_printed_as_one(hand: Hand) -> None:
    await hand.make(MOVING)
    _, answer = await asyncio.gather(hand.answer(ControlOutcome.REFUSED, "it is paused"), hand.type("promote digits"))
    assert answer == (False, "promote: refused: it is paused")


async def test_without_an_answer_it_says_what_is_waited_for(hand: Hand) -> None:
    await hand.make(MOVING)
    done, text = await hand.type("promote --full digits --timeout 1")
    assert done
    assert text == "open, and done as soon as it can be: 0/2 endpoints of version 2 ready"


async def test_resume_takes_the_pause_away(hand: Hand) -> None:
    await hand.make(MOVING)
    with pytest.raises(NothingToDoError, match="nothing to resume"):
        await hand.type("resume digits")
    await asyncio.gather(hand.answer(ControlOutcome.CARRIED_OUT, "it holds"), hand.type("pause digits"))
    assert (await hand.type("resume digits"))[0]
    wanted = "jsonpath={.metadata.annotations}"
    shown = hand.server.kubectl("-n", hand.key.namespace, "get", "mr", "digits", "-o", wanted)
    assert "pause" not in shown


async def test_get_and_what_is_not_there(hand: Hand) -> None:
    assert "there is no ModelRollout in namespace" in (await hand.type("get"))[1]
    await hand.make(MOVING)
    assert "digits" in (await hand.type("get"))[1]
    assert hand.key.namespace in (await hand.type("get -A"))[1]
    assert "candidate: version 2, revision rcandidate" in (await hand.type("get digits"))[1]
    with pytest.raises(NothingToDoError, match="there is no ModelRollout nobody"):
        await hand.type("abort nobody")


async def test_watch_follows_until_it_is_gone(hand: Hand, capsys: pytest.CaptureFixture[str]) -> None:
    await hand.make(MOVING)
    watching = asyncio.create_task(hand.type("watch digits"))

    async def shown(text: str) -> bool:
        collected.append(capsys.readouterr().out)
        return text in "".join(collected)

    collected: list[str] = []
    await eventually("the first line", lambda: shown("0/2 endpoints"))
    async with await config.new_client_from_config(str(hand.server.kubeconfig)) as api:
        await hand._set(KubeClient(api), MOVING.model_copy(update={"verdict": "2/2 endpoints"}))
    await eventually("the second line", lambda: shown("2/2 endpoints"))
    await asyncio.to_thread(hand.server.kubectl, "-n", hand.key.namespace, "delete", "mr", "digits")
    assert await watching == (False, "ModelRollout digits is gone")


async def test_the_program_ends_with_a_clear_error_and_a_status(hand: Hand) -> None:
    environment = {**os.environ, "KUBECONFIG": str(hand.server.kubeconfig), "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "modelrollout.cli.main", "-n", hand.key.namespace, "pause", "digits",
        env=environment, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().strip() == f"error: there is no ModelRollout digits in namespace {hand.key.namespace}"
