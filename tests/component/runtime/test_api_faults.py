"""Each request of a rollout goes wrong in turn, in every way: the rollout ends the same, and what went wrong is said.

A conflict, a refusal, no answer and no effect in four ways, an effect without an answer.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.driven import Lived
from tests.support.faults import Fault, Wrong
from tests.support.lives import Lives, api, differences, lives, request_of

pytestmark = pytest.mark.component

__all__ = ["api", "lives"]

UNANSWERED = (Wrong.BUSY, Wrong.BROKEN, Wrong.TIMEOUT, Wrong.RESET)
"""A request that is made again meets them one after the other; one that is not, each in a life of its own."""


async def faulty(lives: Lives, wrongs: tuple[Wrong, ...], requests: int) -> list[tuple[Fault, Lived]]:
    """Every request goes wrong in every one of these ways."""
    found: list[tuple[Fault, Lived]] = []
    faults = [Fault(number, wrongs) for number in range(1, requests + 1)]
    while faults:
        lived = list(zip(faults, await lives.all_of(faults), strict=True))
        found += lived
        faults = [Fault(fault.number, fault.wrongs[len(life.met) :]) for fault, life in lived if life.met]
        faults = [fault for fault in faults if fault.wrongs]
    return found


def swallowed(life: Lived) -> list[Wrong]:
    """What went wrong and nobody was told of."""
    return [wrong for wrong in life.met if not any(wrong.words in line for line in life.lines)]


@pytest.mark.parametrize("wrongs", [(Wrong.CONFLICT,), (Wrong.REFUSED,), (Wrong.LOST,), UNANSWERED], ids="/".join)
async def test_each_request_goes_wrong_in_turn(
    lives: Lives, wrongs: tuple[Wrong, ...], record_property: Callable[[str, object], None]
) -> None:
    whole = await lives.live()
    found = await faulty(lives, wrongs, len(whole.requests))
    objections = []
    for fault, life in found:
        name = request_of(whole, fault)
        objections += differences(name, life, whole)
        objections += [f"{name}: nothing went wrong"] if not life.met else []
        objections += [f"{name}: {wrong} swallowed" for wrong in swallowed(life)]
    assert not objections, "\n".join(objections)
    record_property("requests that went wrong", sum(len(life.met) for _, life in found))
