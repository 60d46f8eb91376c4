"""Bad clicks, on the real API server: for what does not exist, at the wrong time, twice, by two people at once.

Each is answered once, by one clear event, and has no effect.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets

import pytest
from kubernetes.aio.client import ApiClient

from modelrollout.api.controls import Control, ControlOutcome
from modelrollout.engine.answers import REFUSED
from tests.support.driven import Driven
from tests.support.lives import AT_ONCE, api
from tests.support.ways import SHARE
from tests.support.weather import Weather

pytestmark = pytest.mark.component

__all__ = ["api"]

NOBODY = "rnobody234"
LOOKS = 3
"""More than an answer takes: what comes later than that would be one too many."""
CONTROLS = tuple(Control)


class People:
    """Somebody who looks after one ModelRollout, and clicks."""

    def __init__(self, api: ApiClient) -> None:
        self.here = Driven(api, f"clicks-{secrets.token_hex(5)}")

    async def at_rest(self) -> People:
        """Version 1 serves."""
        await self.here.serve_first()
        return self

    async def in_a_canary(self) -> People:
        """Version 2 is in its canary, and the evidence stays open."""
        await self.here.serve_first()
        self.here.metrics.weather = Weather.OPEN
        await self.here.ask_for("2")
        while not await self._is_in_force():
            await self.here.look()
        return self

    async def _is_in_force(self) -> bool:
        attempt = (await self.here.status()).attempt
        return attempt is not None and attempt.step is not None and attempt.step.in_force_at is not None

    async def click(self, *clicks: tuple[Control, str]) -> None:
        """Write annotations, all at once, and wait until whoever is to answer has answered."""
        await self.here.annotate({control.annotation: value for control, value in clicks})
        for _ in range(LOOKS):
            await self.here.look()

    async def refusals(self, control: Control) -> list[str]:
        """Events that refuse a control."""
        told = await self.here.events()
        return [note for reason, note in told if reason == REFUSED and note.startswith(f"{control}: ")]

    async def state(self) -> tuple[object, ...]:
        """All that a click may move."""
        status = await self.here.status()
        where = (status.phase, status.stage, status.weight, status.sequence)
        return (*where, status.stable, status.attempt, status.failed, status.previous, len(status.log))

    async def outcomes(self) -> dict[Control, ControlOutcome]:
        """The answers that stand."""
        return {entry.control: entry.outcome for entry in (await self.here.status()).controls}


async def refused_once(people: People, control: Control, revision: str, words: str) -> None:
    """One event, whoever repeats it; another one for another click; and nothing moves."""
    before = await people.state()
    await people.click((control, revision))
    (note,) = await people.refusals(control)
    assert words in note
    await people.click((control, revision))
    assert await people.refusals(control) == [note], "the same click again is no other click"
    await people.click((control, f"{revision}.again"))
    count = len(await people.refusals(control))
    # A repeat within some minutes is counted in the same event.
    assert count in {1, 2}
    assert await people.outcomes() == {control: ControlOutcome.REFUSED}
    assert await people.state() == before, control


async def for_each_control(api: ApiClient, *, canary: bool, revision: str | None, words: str) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def try_one(control: Control) -> None:
        async with free:
            people = People(api)
            await (people.in_a_canary() if canary else people.at_rest())
            await refused_once(people, control, revision or people.here.hash_of("1"), words)

    await asyncio.gather(*(try_one(control) for control in CONTROLS))


@pytest.mark.parametrize("canary", [False, True], ids=["at rest", "in a canary"])
async def test_a_control_for_a_revision_that_does_not_exist(api: ApiClient, canary: bool) -> None:  # noqa: FBT001
    await for_each_control(api, canary=canary, revision=NOBODY, words=f"there is no revision {NOBODY} here")


async def test_a_control_while_nothing_is_on_its_way(api: ApiClient) -> None:
    await for_each_control(api, canary=False, revision=None, words=": ")


@pytest.mark.parametrize("control", [Control.PAUSE, Control.ABORT, Control.PROMOTE, Control.PROMOTE_FULL])
async def test_a_click_that_is_repeated_acts_once(api: ApiClient, control: Control) -> None:
    people = await People(api).in_a_canary()
    candidate = people.here.hash_of("2")
    await people.click((control, candidate))
    assert await people.outcomes() == {control: ControlOutcome.CARRIED_OUT}
    before, told = await people.state(), await people.here.events()
    await people.click((control, candidate))
    assert await people.state() == before
    assert await people.here.events() == told


def expected(pair: frozenset[Control]) -> tuple[str, int]:
    """Phase and weight after two clicks for a candidate in its canary: the safer of them wins."""
    if Control.ABORT in pair:
        return "RolledBack", 0
    forward = {Control.PROMOTE, Control.PROMOTE_FULL}
    # Who asks for the way back is not overruled, although a candidate has none but abort.
    if pair & {Control.PAUSE, Control.ROLLBACK} or not pair & forward:
        return "Progressing", SHARE
    return ("Progressing" if Control.PROMOTE in pair else "Succeeded"), 100


async def test_two_people_click_at_once(api: ApiClient) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def try_two(pair: tuple[Control, Control]) -> None:
        async with free:
            people = await People(api).in_a_canary()
            candidate = people.here.hash_of("2")
            await people.click(*((control, candidate) for control in pair))
            status, outcomes = await people.here.status(), await people.outcomes()
            assert (pair, status.phase, status.weight) == (pair, *expected(frozenset(pair)))
            assert set(outcomes) == set(pair)
            for control, outcome in outcomes.items():
                count = len(await people.refusals(control))
                assert (pair, control, count) == (pair, control, int(outcome is ControlOutcome.REFUSED))
            moved = [c for c, outcome in outcomes.items() if outcome is ControlOutcome.CARRIED_OUT]
            assert len([control for control in moved if control is not Control.PAUSE]) <= 1, pair

    await asyncio.gather(*(try_two(pair) for pair in itertools.combinations(CONTROLS, 2)))
