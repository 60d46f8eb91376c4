"""Complaints: told once, kept while they stand, withdrawn when nothing is in the way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from modelrollout.api.conditions import ConditionStatus, ConditionType, find_condition
from modelrollout.api.errors import TerminalError
from modelrollout.api.resource import Key
from modelrollout.api.status import ModelRolloutStatus, Phase
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Event
from modelrollout.runtime.complain import Complainer, stalled
from modelrollout.runtime.rollouts import Rollouts
from tests.support import scenes
from tests.support.objects import manifest, merged
from tests.support.scenes import NOW

pytestmark = pytest.mark.unit

KEY = Key("demo", "digits")
TAKEN = TerminalError("NameTaken", "Service demo/digits exists and is not ours")


class Bench:
    """A rollout that serves, and what is written about it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = NOW
        self.written: list[ModelRolloutStatus] = []
        self.events: list[str] = []
        self.rollouts = Rollouts()
        status = decide(scenes.resting()).status.dump()
        metadata = {"uid": "uid", "resourceVersion": "1", "generation": 1}
        self.rollouts.put(merged(manifest(), {"metadata": metadata, "status": status}))

        async def write_status(_: object, __: object, status: ModelRolloutStatus) -> str:
            self.written.append(status)
            return str(len(self.written) + 1)

        monkeypatch.setattr("modelrollout.runtime.complain.write_status", write_status)
        self.complainer = Complainer(cast(Any, None), self.rollouts, cast(Any, self), self.now)

    def now(self) -> datetime:
        return self.clock

    async def record(self, _: object, event: Event, *, action: str) -> None:
        self.events.append(f"{action} {event.reason}")

    @property
    def rollout(self) -> Any:
        return self.rollouts.get(KEY)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


async def test_it_is_told_once_however_often_it_is_found(bench: Bench) -> None:
    for _ in range(3):
        bench.clock += timedelta(seconds=30)
        assert await bench.complainer.complain(KEY, TAKEN) == 30
    assert len(bench.written) == 1
    assert bench.events == ["Stalled NameTaken"]
    row = find_condition(bench.written[0].conditions, ConditionType.STALLED)
    assert row is not None
    assert (row.status, row.reason, row.message) == (ConditionStatus.TRUE, TAKEN.reason, TAKEN.message)


async def test_what_is_decided_meanwhile_does_not_take_it_back(bench: Bench) -> None:
    await bench.complainer.complain(KEY, TAKEN)
    stored = bench.rollout.status
    bench.clock += timedelta(minutes=1)
    decided = decide(scenes.resting()).status
    assert find_condition(decided.conditions, ConditionType.STALLED) != find_condition(
        stored.conditions, ConditionType.STALLED
    )
    assert bench.complainer.standing(bench.rollout, decided) == stored


async def test_another_error_or_another_spec_is_news(bench: Bench) -> None:
    await bench.complainer.complain(KEY, TAKEN)
    await bench.complainer.complain(KEY, TerminalError("Forbidden", "grant it"))
    assert bench.events == ["Stalled NameTaken", "Stalled Forbidden"]
    metadata = {"uid": "uid", "resourceVersion": "9", "generation": 2}
    bench.rollouts.put(merged(manifest(), {"metadata": metadata}))
    decided = decide(scenes.resting()).status
    assert bench.complainer.standing(bench.rollout, decided) == decided, "a new spec starts with a clean sheet"


async def test_withdrawn_it_is_gone(bench: Bench) -> None:
    assert not bench.complainer.withdraw(KEY)
    await bench.complainer.complain(KEY, TAKEN)
    assert bench.complainer.withdraw(KEY)
    decided = decide(scenes.resting()).status
    assert bench.complainer.standing(bench.rollout, decided) == decided


async def test_of_a_rollout_that_is_gone_nothing_is_written(bench: Bench) -> None:
    assert await bench.complainer.complain(Key("demo", "gone"), TAKEN) == 30
    assert not bench.written
    assert not bench.events


def test_a_rollout_that_serves_is_still_ready_and_in_its_phase() -> None:
    before = decide(scenes.resting()).status
    after = stalled(before, TAKEN, 2, NOW)
    assert after.phase is before.phase
    ready, was = (find_condition(status.conditions, ConditionType.READY) for status in (after, before))
    assert ready == was


def test_one_that_never_served_is_not_ready_and_says_why() -> None:
    after = stalled(ModelRolloutStatus(), TerminalError("InvalidSpec", "spec.service: needed"), 1, NOW)
    assert after.phase is Phase.INVALID
    rows = {row.type: (row.status, row.reason) for row in after.conditions}
    assert rows == {
        ConditionType.READY: (ConditionStatus.FALSE, "InvalidSpec"),
        ConditionType.RECONCILING: (ConditionStatus.FALSE, "InvalidSpec"),
        ConditionType.STALLED: (ConditionStatus.TRUE, "InvalidSpec"),
    }
