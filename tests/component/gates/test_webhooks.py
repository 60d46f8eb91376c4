"""What a real receiver answers, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from modelrollout.api.gates import Gate, GateWhen
from modelrollout.api.resource import Key
from modelrollout.engine.observed import GateRun, RunState
from modelrollout.engine.rounds import Due
from modelrollout.gates.render import Candidate
from modelrollout.gates.webhooks import WebhookGates
from tests.support import scenes
from tests.support.receiver import Receiver, refusing_url
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

SEEN = scenes.stepping()
KEY = SEEN.rollout.key


def candidate() -> Candidate:
    assert SEEN.status.attempt is not None
    return Candidate(SEEN.rollout, SEEN.status.attempt, 8080, f"digits-{SEEN.status.attempt.revision}")


@dataclass
class Bench:
    """Webhooks that wait no longer than a moment between two tries, and what was told of them."""

    woken: list[Key] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.webhooks = WebhookGates(self.woken.append, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.paused.append(seconds)
        await asyncio.sleep(0.01)

    def ask(self, url: str, run: str = "gaaaaaaaaa", **webhook: Any) -> None:
        gate = Gate.model_validate({"name": "ask", "webhook": {"url": url, **webhook}, "timeout": "10m"})
        assert gate.webhook is not None
        due = Due(gate, "ask", "canary", GateWhen.POST, "spec.stages[1].post[0]", run)
        self.webhooks.start(candidate(), due, gate.webhook)

    async def until(self, state: RunState, text: str = "", run: str = "gaaaaaaaaa") -> GateRun:
        async def reached() -> GateRun | None:
            shown = self.webhooks.observe(KEY, run)
            return shown if shown is not None and shown.state is state and text in shown.message else None

        return await eventually(f"{state}: {text}", reached, 10.0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.webhooks.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


async def test_2xx_is_success_and_the_receiver_is_told_what_it_is_about(bench: Bench, receiver: Receiver) -> None:
    receiver.status, receiver.text = 202, "  change 4711\n approved "
    bench.ask(receiver.url, headers=[{"name": "X-Team", "value": "digits"}])
    assert (await bench.until(RunState.SUCCEEDED)).message == "HTTP 202: change 4711 approved"
    (call,) = receiver.calls
    assert call.headers["Idempotency-Key"] == f"{SEEN.rollout.uid}-gaaaaaaaaa"
    assert (call.headers["X-Team"], call.headers["Content-Type"]) == ("digits", "application/json")
    attempt, stable = SEEN.status.attempt, SEEN.status.stable
    assert attempt is not None
    assert stable is not None
    assert call.body == {
        "namespace": "demo",
        "name": "digits",
        "revision": attempt.revision,
        "version": "2",
        "stableRevision": stable.revision,
        "stableVersion": "1",
        "service": f"digits-{attempt.revision}.demo.svc:8080",
        "stage": "canary",
        "gate": "ask",
        "when": "Post",
        "weight": "5",
    }
    assert bench.woken[-1] == KEY


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 422])
async def test_4xx_is_a_no(bench: Bench, receiver: Receiver, status: int) -> None:
    receiver.status, receiver.text = status, "not on a Friday"
    bench.ask(receiver.url)
    assert (await bench.until(RunState.FAILED)).message == f"HTTP {status}: not on a Friday"
    assert len(receiver.calls) == 1


async def test_a_redirect_is_not_followed(bench: Bench, receiver: Receiver) -> None:
    receiver.status, receiver.location = 307, receiver.url
    bench.ask(receiver.url)
    assert "redirects are not followed" in (await bench.until(RunState.FAILED)).message
    assert len(receiver.calls) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_who_cannot_say_is_asked_again_with_the_same_key(bench: Bench, receiver: Receiver, status: int) -> None:
    receiver.status, receiver.text = status, "later"
    bench.ask(receiver.url)
    assert (await bench.until(RunState.RUNNING, "later")).message == f"answers HTTP {status}: later"
    receiver.status, receiver.text = 200, "now"
    await bench.until(RunState.SUCCEEDED, "now")
    assert len(receiver.calls) >= 2
    assert len({call.headers["Idempotency-Key"] for call in receiver.calls}) == 1
    assert bench.paused[0] < 2


async def test_who_hangs_is_waited_for_and_others_are_not_held_up(bench: Bench, receiver: Receiver) -> None:
    receiver.hangs.set()
    bench.ask(receiver.url)
    await bench.until(RunState.RUNNING, "no answer yet")
    with Receiver() as other:
        bench.ask(other.url, run="gbbbbbbbbb")
        await bench.until(RunState.SUCCEEDED, run="gbbbbbbbbb")
    receiver.hangs.clear()
    await bench.until(RunState.SUCCEEDED)
    assert len(receiver.calls) == 1


async def test_where_nobody_listens_it_waits_and_says_so(bench: Bench) -> None:
    bench.ask(refusing_url())
    found = await bench.until(RunState.WAITING, "cannot be reached")
    assert "Connect call failed" in found.message or "refused" in found.message


async def test_a_name_that_is_none_cannot_be_reached(bench: Bench) -> None:
    bench.ask("http://nobody.invalid/may-it")
    await bench.until(RunState.WAITING, "cannot be reached")


async def test_a_connection_that_ends_is_no_answer(bench: Bench) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        bench.ask(f"http://{host}:{port}/")
        await bench.until(RunState.RUNNING, "no answer: ")


async def test_an_answer_without_end_is_cut(bench: Bench, receiver: Receiver) -> None:
    receiver.text = "x" * 10_000_000
    bench.ask(receiver.url)
    found = await bench.until(RunState.SUCCEEDED)
    assert len(found.message) < 400


async def test_it_is_asked_once_however_often_it_is_started(bench: Bench, receiver: Receiver) -> None:
    for _ in range(3):
        bench.ask(receiver.url)
    await bench.until(RunState.SUCCEEDED)
    bench.ask(receiver.url)
    assert len(receiver.calls) == 1


async def test_what_is_stopped_asks_no_more(bench: Bench, receiver: Receiver) -> None:
    receiver.status = 503
    bench.ask(receiver.url)
    bench.ask(receiver.url, run="gbbbbbbbbb")
    await bench.until(RunState.RUNNING, "503")
    bench.webhooks.stop(KEY, frozenset({"gbbbbbbbbb"}))
    assert bench.webhooks.observe(KEY, "gaaaaaaaaa") is None
    bench.webhooks.stop(KEY)
    seen = len(receiver.calls)
    with Receiver() as other:
        bench.ask(other.url, run="gccccccccc")
        await bench.until(RunState.SUCCEEDED, run="gccccccccc")
    # A request that was under way may still have arrived.
    assert len(receiver.calls) <= seen + 2


async def test_tries_grow_further_apart(bench: Bench, receiver: Receiver) -> None:
    receiver.status = 500
    bench.ask(receiver.url)

    async def tried() -> bool:
        return len(bench.paused) >= 8

    await eventually("it is tried again and again", tried, 10.0)
    assert bench.paused[5] > 2 * bench.paused[0]
    assert max(bench.paused) <= 15 * 1.2
    assert timedelta(seconds=bench.paused[0]) < timedelta(seconds=2)
