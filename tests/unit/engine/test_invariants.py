"""What must always hold, on random histories of a small world: DESIGN.md, section 5. Many more: tests/machine."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings

from tests.support.history import histories
from tests.support.machine import heal, live, run

pytestmark = pytest.mark.unit

IMPATIENT = ["stages impatient", "version 2", "all metrics open", "all ready", "10 seconds"]
LONG = ["version 2", "all ready", *["10 minutes"] * 30]


@given(histories(60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(LONG)
@example([*LONG[:5], "killed before a write after 1", "all metrics bad", "all metrics away"])
@example([*LONG[:5], "stable unready", "all metrics bad", "good", "all ready"])
@example([*IMPATIENT, "clock 1 hour ahead", "10 seconds", "10 minutes", "10 minutes"])
@example([*IMPATIENT, "onFailure: Hold", "all metrics bad", "10 minutes", "10 minutes", "10 minutes"])
@example([*IMPATIENT, "all metrics away", "10 minutes", "10 minutes", "10 minutes"])
@example(["stages gated", *LONG])
@example(["stages gated", *LONG[:2], "gates fail", *["10 minutes"] * 9])
@example(["a new version", "operator frozen", "all ready", "operator thawed"])
def test_what_must_always_hold(history: list[str]) -> None:
    heal(live(history))


def test_some_long_histories() -> None:
    assert run(range(1000, 1010)).decisions >= 4_000
