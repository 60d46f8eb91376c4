"""One look: what becomes of errors, and when the next one is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.errors import TerminalError
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.engine.situation import Observation
from modelrollout.kube.errors import NameTakenError, UnavailableError
from modelrollout.runtime.reconciler import Reconciler
from modelrollout.runtime.record import QUIET
from modelrollout.runtime.rollouts import Unreadable
from modelrollout.runtime.telemetry import Telemetry
from tests.support import scenes
from tests.support.scenes import NOW

pytestmark = pytest.mark.unit

KEY = Key("demo", "digits")
STEP = replace(scenes.with_evidence(scenes.stepping(), Verdict.CONTINUE), next_evidence_at=NOW + timedelta(seconds=3))


@dataclass
class Parts:
    """Stands in for all that a reconcile calls.

    Attributes:
        seen: what is observed; an exception is raised instead.
        fails: what carrying out raises.
    """

    seen: Observation | Exception
    known: ModelRollout | Unreadable | None = None
    fails: Exception | None = None
    objects_at: datetime | None = None
    held_back: float | None = None
    stood: bool = False
    carried_out: int = 0
    released: int = 0
    complaints: list[str] = field(default_factory=list)
    planned: list[float] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def get(self, _: Key) -> ModelRollout | Unreadable | None:
        return self.known

    def remove(self, _: Key) -> ModelRollout | Unreadable | None:
        return self.known

    async def observe(self, *_: object) -> Observation:
        if isinstance(self.seen, Exception):
            raise self.seen
        return self.seen

    def ask_again_at(self, _: Key) -> datetime | None:
        return self.objects_at

    async def carry_out(self, *_: object) -> None:
        if self.fails is not None:
            raise self.fails
        self.carried_out += 1

    def lag(self, *_: object) -> float | None:
        return self.held_back

    async def complain(self, _: Key, error: TerminalError) -> float:
        self.complaints.append(error.message)
        return 30.0

    def withdraw(self, _: Key) -> bool:
        return self.stood

    def forget(self, key: Key, uid: str = "") -> None:
        self.forgotten.append(uid or str(key))

    def look_after(self, _: Key, seconds: float) -> None:
        self.planned.append(seconds)

    async def release(self, _: object) -> None:
        self.released += 1


def parts(seen: Observation | Exception, **changes: Any) -> Parts:
    return Parts(seen, scenes.stepping().rollout, **changes)


def reconciler(made: Parts) -> Reconciler:
    stand_in = cast(Any, made)
    return Reconciler(
        rollouts=stand_in,
        observer=stand_in,
        carry_out=stand_in,
        recorder=stand_in,
        complainer=stand_in,
        releaser=stand_in,
        telemetry=Telemetry(),
        now=lambda: NOW,
        look_after=made.look_after,
        forget=made.forget,
    )


async def look(made: Parts) -> float | None:
    return await reconciler(made).reconcile(KEY)


async def test_a_rollout_at_rest_is_not_looked_at_again() -> None:
    assert await look(parts(scenes.resting())) is None


async def test_in_a_step_the_next_look_is_when_there_is_more_to_see() -> None:
    assert await look(parts(STEP)) == 3.0


async def test_after_a_decision_it_is_looked_at_again_at_once() -> None:
    assert await look(parts(scenes.stepping())) == 0.0


async def test_of_all_who_want_another_look_the_first_counts() -> None:
    assert await look(parts(scenes.resting(), held_back=12.0)) == 12.0
    assert await look(parts(scenes.resting(), objects_at=NOW + timedelta(seconds=30))) == 30.0


async def test_numbers_that_were_held_back_wait_for_the_next_look_unless_it_is_far_away() -> None:
    soon = await look(parts(STEP))
    assert soon is not None
    assert soon < QUIET.total_seconds()
    assert await look(parts(STEP, held_back=1.0)) == soon
    later = NOW + timedelta(hours=1)
    assert await look(parts(scenes.resting(), objects_at=later, held_back=1.0)) == 1.0 + QUIET.total_seconds()


async def test_when_nothing_stands_in_the_way_any_more_it_is_told_at_once() -> None:
    assert await look(parts(scenes.resting(), stood=True)) == 0.0


@pytest.mark.parametrize("error", [NameTakenError("NameTaken", "taken"), TerminalError("RevisionLost", "lost")])
async def test_a_terminal_error_is_told_and_tried_again_later(error: TerminalError) -> None:
    made = parts(scenes.resting(), fails=error)
    assert await look(made) == 30.0
    assert made.complaints == [error.message]


@pytest.mark.parametrize("error", [NameTakenError("NameTaken", "taken"), UnavailableError("Unavailable", "down")])
async def test_what_cannot_be_written_does_not_delay_the_next_look_at_a_step(error: Exception) -> None:
    made = parts(STEP, fails=error)
    if isinstance(error, UnavailableError):
        with pytest.raises(UnavailableError):
            await look(made)
    else:
        await look(made)
    assert made.planned == [3.0]


async def test_a_spec_that_cannot_be_read_is_told_with_all_its_problems() -> None:
    unreadable = Unreadable(KEY, "uid", "1", 1, scenes.resting().status, ("spec.a: no", "spec.b: no"))
    made = replace(parts(scenes.resting()), known=unreadable)
    assert await look(made) == 30.0
    assert made.complaints == ["spec.a: no; spec.b: no"]


@pytest.mark.parametrize("known", [None, replace(scenes.resting().rollout, deleting=True)])
async def test_one_that_is_gone_or_going_is_left_alone(known: ModelRollout | None) -> None:
    made = replace(parts(scenes.resting()), known=known)
    assert await look(made) is None
    assert made.carried_out == 0
    assert made.released == (known is not None)


async def test_of_a_deleted_one_everybody_forgets() -> None:
    made = parts(scenes.resting())
    reconciler(made).gone(KEY)
    assert set(made.forgotten) == {"demo/digits", "uid"}
