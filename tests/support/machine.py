"""A machine that lives through made-up histories, judges each step, and shortens a history in which something broke."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from modelrollout.api.status import ModelRolloutStatus, Phase
from modelrollout.engine.decide import decide, decision_on
from modelrollout.engine.plan import Action
from modelrollout.engine.revisions import FALLBACK
from modelrollout.engine.split import only
from modelrollout.runtime.record import essence
from tests.support.beginnings import OF_SERVICES, begin, beginning_of
from tests.support.history import BETWEEN_SERVICES, WITH_PODS, happen, history_of
from tests.support.watching import Invariants
from tests.support.world import World

LENGTH: Final = 200
"""Steps of one history; after them the world is healed."""
TWICE: Final = 8
"""How many decisions there are to one that is made twice."""


@dataclass
class Lived:
    """What came of many histories.

    Attributes:
        steps: things that happened, each followed by a reconcile and judged.
        ends: how often a reconcile was broken off, by how.
    """

    steps: int = 0
    decisions: int = 0
    writes: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> dict[str, int]:
        """What is printed."""
        return {
            "steps": self.steps,
            "decisions": self.decisions,
            "writes": self.writes,
            **{f"times {end}": count for end, count in sorted(self.ends.items())},
        }

    def add(self, world: World, steps: int) -> None:
        """Count a history."""
        self.steps += steps
        self.decisions += world.decisions
        self.writes += world.writes
        lines = [line.split()[1:3] for line in world.told]
        self.actions.update(action for action, _ in lines)
        self.reasons.update(reason.rstrip(":") for _, reason in lines)
        self.ends.update(world.ends)


class BrokenError(AssertionError):
    """Something that must always hold did not."""


def live(history: list[str]) -> World:
    """Live through a history: every decision and every write is judged, and every rest."""
    world, happenings = begin(history, Invariants())
    for name in happenings:
        happen(world, name)
        if not world.lagging:
            at_rest(world)
    return world


def at_rest(world: World) -> None:
    """6, 10: looked at again, there is nothing to do, and the cluster is what status says."""
    seen, plan = world.deciding
    assert world.observe() == seen, "the last look saw something else"
    if world.decisions % TWICE == 0:
        assert decide(seen) == plan, "decided otherwise on the same"
    assert plan.action is Action.WAIT
    assert decision_on(seen).action is plan.action
    assert plan.status == world.status or essence(plan.status) == essence(world.status)
    if plan.split is not None:
        assert world.route is not None
        assert world.route.carries(plan.split)
        assert world.route.sequence == world.status.sequence
    assert world.is_as(plan)
    assert not plan.events, "told again"


HEALTHY: Final = (
    "caches catch up", "stand-in as in the beginning", "gateway accepts", "good", "answering", "share shown",
    "spec checked", "scraped", "resume", "gates succeed", "stages as usual", "metrics usual", "automation",
    "all ready", "a manifest that fits",
)  # fmt: skip


def heal(world: World) -> None:
    """Whatever has happened: in a healthy world, with a spec that can be carried out, a rollout ends."""
    world.trouble = None
    for name in HEALTHY:
        happen(world, name)
    for _ in range(12):
        happen(world, "all ready")
        happen(world, "1 hour")
    status = world.status
    assert status.attempt is None
    assert status.stable is not None
    desired = world.observe().desired.hash
    assert desired in {status.stable.revision, status.failed.revision if status.failed else None}
    assert world.route is not None
    assert world.route.carries(only(status.stable.revision))
    assert status.phase in {Phase.SUCCEEDED, Phase.ROLLED_BACK}
    assert ModelRolloutStatus.model_validate(status.dump()) == status
    assert world.running == {status.stable.revision} - {FALLBACK}


def run(seeds: range, length: int = LENGTH) -> Lived:
    """Live through the histories of some seeds.

    Raises:
        BrokenError: with the shortest history that still breaks the same.
    """
    lived = Lived()
    for seed in seeds:
        beginning = beginning_of(seed)
        among = BETWEEN_SERVICES if set(beginning) & OF_SERVICES else WITH_PODS
        history = [*beginning, *history_of(seed, length, among=among)]
        found = broken_by(history)
        if isinstance(found, AssertionError):
            raise _told(f"seed {seed}", history, found) from found
        lived.add(found, length)
    return lived


def _told(where: str, history: list[str], error: AssertionError) -> BrokenError:
    shortest = shortened(history, lambda shorter: _like(broken_by(shorter), error))
    return BrokenError(f"{where}: in {_line(error)}: {broken_by(shortest)!r} after {shortest}")


def broken_by(history: list[str]) -> World | AssertionError:
    """The world that came of a history, or what did not hold in it."""
    try:
        world = live(history)
        heal(world)
    except AssertionError as error:
        return error
    return world


def _like(found: World | AssertionError, wanted: AssertionError) -> bool:
    """Whether two histories broke in the same line."""
    return isinstance(found, AssertionError) and _line(found) == _line(wanted)


def _line(error: AssertionError) -> str:
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"


def shortened(history: list[str], is_bad: Callable[[list[str]], bool]) -> list[str]:
    """A history that is still bad, and is not any more when any one thing is taken out of it."""
    size = max(1, len(history) // 2)
    while True:
        found = False
        start = 0
        while start < len(history):
            shorter = history[:start] + history[start + size :]
            if is_bad(shorter):
                history, found = shorter, True
            else:
                start += size
        if size == 1 and not found:
            return history
        size = max(1, size // 2)
