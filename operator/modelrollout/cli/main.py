"""The entry point of `kubectl mr`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime

from modelrollout.api.controls import Control, ControlOutcome
from modelrollout.api.errors import ModelRolloutError
from modelrollout.api.resource import Key
from modelrollout.cli.arguments import Command, Verb, read
from modelrollout.cli.choosing import NothingToDoError, check_paused, click_for
from modelrollout.cli.connecting import connected
from modelrollout.cli.explaining import told
from modelrollout.cli.foretelling import foretold
from modelrollout.cli.seeing import Seen, seen
from modelrollout.cli.showing import detail, line, table
from modelrollout.cli.suggesting import suggested
from modelrollout.engine.clicks import Click
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.resources import MODEL_ROLLOUT

Answer = tuple[bool, str]
"""Whether it was carried out, and the text."""


def main() -> None:
    """Do what the command line says; exit status 1 when it was refused or could not be done."""
    command = read()
    try:
        done, text = asyncio.run(run(command))
    except (ModelRolloutError, NothingToDoError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    if not done:
        sys.exit(text)
    print(text)


async def run(command: Command) -> Answer:
    """One command.

    Raises:
        NothingToDoError: there is nothing that it could be about.
        ModelRolloutError: the cluster cannot be reached, or refuses.
    """
    if command.verb is Verb.PLAN or command.verb is Verb.BACKTEST or command.verb is Verb.SUGGEST:
        return True, await (suggested if command.verb is Verb.SUGGEST else foretold)(command)
    async with connected(command) as (client, namespace):
        if command.verb is Verb.GET and command.name is None:
            return True, await _listed(client, None if command.everywhere else namespace)
        key = Key(namespace, command.name or "")
        rollout = await _read(client, key)
        match command.verb:
            case Verb.GET | Verb.EXPLAIN as verb:
                return True, detail(rollout, datetime.now(UTC)) if verb is Verb.GET else await told(command, rollout)
            case Verb.WATCH:
                return await _watched(client, rollout)
            case Verb.RESUME:
                check_paused(rollout)
                await _annotate(client, key, Control.PAUSE, None)
                return await _answered(client, rollout, _resumed, command.timeout)
            case control:
                click = click_for(control, rollout, f"{datetime.now(UTC):%Y%m%dT%H%M%S}")
                await _annotate(client, key, control, click.value)
                return await _answered(client, rollout, lambda one: _answer_to(one, click), command.timeout)


async def _read(client: KubeClient, key: Key) -> Seen:
    raw = await client.get(MODEL_ROLLOUT, key.namespace, key.name)
    if raw is None:
        raise NothingToDoError(f"there is no ModelRollout {key.name} in namespace {key.namespace}")
    return seen(raw)


async def _listed(client: KubeClient, namespace: str | None) -> str:
    found = [seen(raw) for raw in (await client.list(MODEL_ROLLOUT, namespace)).items]
    if not found:
        return f"there is no ModelRollout in {f'namespace {namespace}' if namespace else 'any namespace'}"
    return table(found, datetime.now(UTC), with_namespace=namespace is None)


async def _annotate(client: KubeClient, key: Key, control: Control, value: str | None) -> None:
    patch = {"metadata": {"annotations": {control.annotation: value}}}
    await client.patch(MODEL_ROLLOUT, key.namespace, key.name, patch, PatchType.MERGE)


async def _followed(client: KubeClient, key: Key) -> AsyncGenerator[Seen, None]:
    """The rollout as it is, and after each change; ends when it is gone."""
    while True:
        current = await client.get(MODEL_ROLLOUT, key.namespace, key.name)
        if current is None:
            return
        yield seen(current)
        async with aclosing(client.watch(MODEL_ROLLOUT, current)) as changes:
            async for event, raw in changes:
                if event == "DELETED":
                    return
                if event == "MODIFIED":
                    yield seen(raw)


async def _answered(
    client: KubeClient, rollout: Seen, answer: Callable[[Seen], Answer | None], patience: float
) -> Answer:
    """The operator's answer, or why there is none yet."""
    last = rollout
    try:
        async with asyncio.timeout(patience), aclosing(_followed(client, rollout.key)) as states:
            async for last in states:
                found = answer(last)
                if found is not None:
                    return found
    except TimeoutError:
        verdict = last.status.verdict or "nothing is known of it; does the operator run?"
        return True, f"open, and done as soon as it can be: {verdict}"
    return False, f"ModelRollout {rollout.key.name} is gone"


def _answer_to(one: Seen, click: Click) -> Answer | None:
    for entry in one.status.controls:
        if (entry.control, entry.value) == (click.control, click.value):
            carried_out = entry.outcome is ControlOutcome.CARRIED_OUT
            return carried_out, f"{click.control}: {'' if carried_out else 'refused: '}{entry.message}"
    return None


def _resumed(one: Seen) -> Answer | None:
    return None if one.is_paused else (True, f"resume: goes on: {line(one)}")


async def _watched(client: KubeClient, rollout: Seen) -> Answer:
    """Print a line for each change; until the rollout is gone."""
    shown = ""
    async with aclosing(_followed(client, rollout.key)) as states:
        async for state in states:
            text = line(state)
            if text != shown:
                print(f"{datetime.now(UTC):%H:%M:%S}Z {text}", flush=True)
            shown = text
    return False, f"ModelRollout {rollout.key.name} is gone"


if __name__ == "__main__":
    main()
