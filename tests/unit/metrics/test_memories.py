"""What is remembered of a rollout goes with it, and with no other."""

from __future__ import annotations

import pytest

from modelrollout.metrics.memories import Memories

pytestmark = pytest.mark.unit


def test_a_rollout_is_forgotten_with_all_of_its_metrics_and_no_other() -> None:
    memories = Memories[int]()
    memories["one", "errors"] = 1
    memories["one", "latency"] = 2
    memories["other", "errors"] = 3
    memories["one", "errors"] = 4
    assert memories.get(("one", "errors")) == 4
    memories.forget("one")
    memories.forget("nobody")
    assert memories.get(("one", "errors")) is None
    assert memories.get(("one", "latency")) is None
    assert memories.get(("other", "errors")) == 3


def test_what_is_asked_for_is_not_remembered() -> None:
    memories = Memories[int]()
    assert memories.get(("one", "errors")) is None
    assert memories.get(("one", "errors")) is None
