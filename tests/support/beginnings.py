"""How the life of a ModelRollout begins: with a first version alone, or beside what has served before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from modelrollout.engine.observed import Acceptance, RouteState
from modelrollout.engine.revisions import FALLBACK
from modelrollout.engine.split import only
from tests.support.behind import A, B, asks
from tests.support.scenes import QUEUE, Raw, raw_spec, spec_and_revision
from tests.support.stand_ins import Pods
from tests.support.teams import BetweenServices
from tests.support.world import Watch, World

ADOPT: Final[Raw] = {"deployment": "old", "service": "old", "port": 80, "afterwards": "ScaleDown"}


def ordinary(watch: Watch) -> World:
    """Version 1 serves."""
    world = World(raw_spec("1"), watch)
    world.reconcile()
    for _, pods in world.states():
        pods.ready = pods.replicas
    return _settled(world)


def beside_a_fallback(watch: Watch) -> World:
    """A Service of the user's serves until version 1 has passed its stages."""
    return _standing_in(World(raw_spec("1", fallback=QUEUE.dump()), watch, fallback_ready=2))


def of_an_adoption(watch: Watch) -> World:
    """A Deployment and its Service serve, and are stopped when nothing can go back to them."""
    return _standing_in(World(raw_spec("1", deployment={"adopt": ADOPT}), watch, fallback_ready=2))


def of_what_was_left(watch: Watch) -> World:
    """An earlier ModelRollout of this name has left version 1 serving, and version 2 is asked for."""
    world = World(raw_spec("2"), watch)
    _, revision = spec_and_revision(raw_spec("1"))
    world.revisions[revision.hash] = revision
    world.pods[revision.hash] = Pods(2, world.clock, ready=2)
    world.left.add(revision.hash)
    world.service = revision.hash
    world.put_route(RouteState(only(revision.hash).weights, None, 7, None, Acceptance.ACCEPTED, "", ""))
    world = _settled(world)
    assert world.status.stable is not None
    assert world.status.stable.revision == revision.hash
    return world


def between_services(watch: Watch) -> World:
    """Version 2 is asked for beside a Service that serves, whose version nobody has named."""
    return _settled(BetweenServices(asks("2", A, B), watch))


def behind_one_service(watch: Watch) -> World:
    """Version 1 serves behind a Service of the user's."""
    return _settled(BetweenServices(asks("1", A, None), watch))


BEGINNINGS: Final[Mapping[str, Callable[[Watch], World]]] = {
    "begins beside a fallback": beside_a_fallback,
    "begins with an adoption": of_an_adoption,
    "begins with what was left": of_what_was_left,
    "begins between two Services": between_services,
    "begins behind one Service": behind_one_service,
}
"""By a name that may stand first in a history; a history without one begins with version 1 alone."""
OF_SERVICES: Final = frozenset({"begins between two Services", "begins behind one Service"})
"""In these, others deploy."""


def beginning_of(seed: int) -> tuple[str, ...]:
    """How the life of a seed begins: one in two with version 1 alone."""
    names = tuple(BEGINNINGS)
    return () if seed % 2 == 0 else (names[seed // 2 % len(names)],)


def begin(history: list[str], watch: Watch) -> tuple[World, list[str]]:
    """The world of a history, and what happens in it."""
    if history and history[0] in BEGINNINGS:
        return BEGINNINGS[history[0]](watch), history[1:]
    return ordinary(watch), history


def _standing_in(world: World) -> World:
    world = _settled(world)
    assert world.status.stable is not None
    assert world.status.stable.revision == FALLBACK
    return world


def _settled(world: World) -> World:
    world.reconcile()
    world.pass_time(timedelta(seconds=30))
    assert world.status.stable is not None
    assert world.route is not None
    return world
