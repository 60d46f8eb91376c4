"""The state machine test: at least 100,000 steps through made-up histories, every decision and every write judged."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.machine import LENGTH, run

pytestmark = pytest.mark.machine

STEPS = 100_000
PARTS = 10
"""Spread over the processors there are."""
ORDINARY = {"Begin", "Enter", "InForce", "Suspend", "RollBack", "Abandon", "Promote", "Return"}


@pytest.mark.parametrize("part", range(PARTS))
def test_what_must_always_hold_holds(part: int, record_property: Callable[[str, object], None]) -> None:
    histories = STEPS // LENGTH // PARTS
    lived = run(range(part * histories, (part + 1) * histories))
    for name, value in lived.counts.items():
        record_property(name, value)
    assert lived.steps == STEPS // PARTS
    # A part in which little happens would show little. What is seen again as it was is not decided again.
    assert lived.decisions >= 1.5 * lived.steps
    assert set(lived.actions) >= ORDINARY
    assert min(lived.ends.values()) >= 10
