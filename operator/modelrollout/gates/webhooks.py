"""Gates as webhooks: asked apart from any reconcile, so that one who does not answer delays no rollback."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import aiohttp

from modelrollout.api.gates import Webhook
from modelrollout.api.resource import Key
from modelrollout.engine.observed import GateRun, RunState
from modelrollout.engine.rounds import Due
from modelrollout.gates.render import Candidate, facts

CONNECT_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 15.0
BODY_BYTES: Final = 2000
BODY_CHARACTERS: Final = 300
USER_AGENT: Final = "modelrollout"
TRY_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Codes below 500 that say nothing about the question."""

Sleep = Callable[[float], Awaitable[None]]
Wake = Callable[[Key], None]


@dataclass
class _Asking:
    task: asyncio.Task[None]
    shown: GateRun


class WebhookGates:
    """Asks until there is an answer. Who ends it is the gate's timeout, which the engine keeps.

    What it remembers is lost with the process; then it asks again, with the same idempotency key.
    """

    def __init__(self, wake: Wake, sleep: Sleep = asyncio.sleep) -> None:
        """Ask.

        Args:
            wake: told of a rollout whenever there is something new.
            sleep: waits between two tries.
        """
        self._wake = wake
        self._sleep = sleep
        self._asked: dict[tuple[Key, str], _Asking] = {}

    def observe(self, key: Key, run: str) -> GateRun | None:
        """What is known of a run."""
        known = self._asked.get((key, run))
        return None if known is None else known.shown

    def start(self, candidate: Candidate, due: Due, webhook: Webhook) -> None:
        """Ask, unless that is under way or has been answered."""
        where = (candidate.rollout.key, due.run)
        if where in self._asked:
            return
        request = _Request(webhook, _body(candidate, due), f"{candidate.rollout.uid}-{due.run}", due)
        task = asyncio.create_task(self._ask(where, request), name=f"webhook-{due.run}")
        self._asked[where] = _Asking(task, GateRun(due.run, RunState.WAITING, ""))

    def stop(self, key: Key, but: frozenset[str] = frozenset()) -> None:
        """End all runs of a rollout, but for some."""
        for where in [where for where in self._asked if where[0] == key and where[1] not in but]:
            self._asked.pop(where).task.cancel()

    async def close(self) -> None:
        """End all."""
        tasks = [known.task for known in self._asked.values()]
        self._asked.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, where: tuple[Key, str], request: _Request) -> None:
        pause = PAUSE_SECONDS
        while True:
            self._show(where, await self._once(where, request))
            known = self._asked.get(where)
            if known is None or known.shown.state in {RunState.SUCCEEDED, RunState.FAILED}:
                return
            await self._sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _once(self, where: tuple[Key, str], request: _Request) -> GateRun:
        """One try. A receiver may take all the time of the gate for its answer; connecting takes a moment."""
        _, run = where
        timeout = aiohttp.ClientTimeout(total=request.due.timeout.total_seconds(), sock_connect=CONNECT_SECONDS)
        try:
            # A session of its own: no connection and no cookie is shared between tenants.
            async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
                self._show(where, GateRun(run, RunState.RUNNING, "no answer yet"))
                async with session.post(
                    request.webhook.url, data=request.body, headers=request.headers, allow_redirects=False
                ) as answer:
                    body = await answer.content.read(BODY_BYTES)
                    return GateRun(run, *_outcome(answer.status, body.decode(errors="replace")))
        except aiohttp.ClientConnectorError as error:
            return GateRun(run, RunState.WAITING, f"cannot be reached: {error}")
        except aiohttp.ConnectionTimeoutError:
            return GateRun(run, RunState.WAITING, f"cannot be reached: no connection within {CONNECT_SECONDS:g} s")
        except TimeoutError:
            return GateRun(run, RunState.RUNNING, "no answer")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return GateRun(run, RunState.RUNNING, f"no answer: {error or type(error).__name__}")

    def _show(self, where: tuple[Key, str], run: GateRun) -> None:
        known = self._asked.get(where)
        if known is None or known.shown == run:
            return
        known.shown = run
        self._wake(where[0])


@dataclass(frozen=True, slots=True)
class _Request:
    webhook: Webhook
    body: bytes
    key: str
    due: Due

    @property
    def headers(self) -> dict[str, str]:
        """The user's, and ours after them."""
        return {header.name: header.value for header in self.webhook.headers} | {
            "Content-Type": "application/json",
            "Idempotency-Key": self.key,
            "User-Agent": USER_AGENT,
        }


def _body(candidate: Candidate, due: Due) -> bytes:
    return json.dumps(facts(candidate, due), sort_keys=True).encode()


def _outcome(status: int, body: str) -> tuple[RunState, str]:
    """What an answer says: yes, no, or nothing."""
    said = " ".join(body.split())
    said = said if len(said) <= BODY_CHARACTERS else f"{said[:BODY_CHARACTERS]}…"
    text = f"HTTP {status}{f': {said}' if said else ''}"
    if 200 <= status < 300:
        return RunState.SUCCEEDED, text
    if 300 <= status < 400:
        return RunState.FAILED, f"HTTP {status}: redirects are not followed; set url to where it leads"
    if status < 500 and status not in TRY_AGAIN:
        return RunState.FAILED, text
    return RunState.RUNNING, f"answers {text}"
