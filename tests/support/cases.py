"""Rows of tables: an observation, and what a policy or a chain says of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from modelrollout.engine.plan import Action, Decision, Fault
from modelrollout.engine.situation import Empty, Loading, Observation, Resting, Stepping, situation_of


@dataclass(frozen=True)
class Case:
    """What a policy says of an observation; None when it has nothing to say."""

    id: str
    seen: Observation
    action: Action | None
    reason: str = ""
    step: str | None = None
    fails: bool = False
    text: str = ""
    latch: Fault | None = None


def check(decision: Decision | None, case: Case) -> None:
    if case.action is None:
        assert decision is None
        return
    assert decision is not None
    assert (decision.action, decision.reason, decision.fails) == (case.action, case.reason, case.fails)
    assert (decision.step.label if decision.step else None) == case.step
    assert case.text in decision.message
    assert decision.latch == case.latch


def table(*cases: Case) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.id for case in cases])


def as_stepping(seen: Observation) -> Stepping:
    found = situation_of(seen)
    assert isinstance(found, Stepping)
    return found


def as_loading(seen: Observation) -> Loading:
    found = situation_of(seen)
    assert isinstance(found, Loading)
    return found


def as_resting(seen: Observation) -> Resting:
    found = situation_of(seen)
    assert isinstance(found, Resting)
    return found


def as_empty(seen: Observation) -> Empty:
    found = situation_of(seen)
    assert isinstance(found, Empty)
    return found
