"""A kill after each request in turn: the rollout ends the same, by the same steps.

Every request is a point of its own: between two of them the operator only computes, and what it has computed is lost.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.faults import Fault, Wrong
from tests.support.lives import USUAL, Lives, api, differences, lives, request_of

pytestmark = pytest.mark.component

__all__ = ["api", "lives"]

KILLED = (Wrong.KILLED,)


@pytest.mark.parametrize("lives", [*USUAL, "promote between Services", "rollback between Services"], indirect=True)
async def test_killed_after_each_request_in_turn(lives: Lives, record_property: Callable[[str, object], None]) -> None:
    whole = await lives.live()
    faults = [Fault(number, KILLED) for number in range(1, len(whole.requests) + 1)]
    objections = []
    for fault, life in zip(faults, await lives.all_of(faults), strict=True):
        objections += differences(request_of(whole, fault), life, whole)
        objections += [f"{fault.number}: nobody was killed"] if life.met != KILLED else []
    assert not objections, "\n".join(objections)
    record_property("crash points", len(faults))
