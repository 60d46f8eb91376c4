"""What may happen between two Services that somebody else deploys, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.support.behind import A, B
from tests.support.teams import BetweenServices
from tests.support.world import World

Happening = Callable[[World], None]


def _here(happening: Callable[[BetweenServices], None]) -> Happening:
    """In such a world; in any other it is nothing."""

    def happen(world: World) -> None:
        if isinstance(world, BetweenServices):
            happening(world)

    return happen


def _other(service: str) -> str:
    return B if service == A else A


def _new_version(world: BetweenServices) -> None:
    """Its team deploys it behind the Service that is free, and asks for it; of a few, so that they come back."""
    free = _other(world.serving)
    world.deploy(free)
    world.ask(str(world.deployed % 9 + 1), world.serving, free)


def _reverted(world: BetweenServices) -> None:
    world.ask_again(world.stable, world.serving)


def _previous(world: BetweenServices) -> None:
    previous = world.status.previous
    if previous is not None:
        world.ask_again(previous.revision, world.service_of(previous.revision))


def _fitting(world: BetweenServices) -> None:
    """What contradicts what serves is taken back."""
    if world.status.stable is not None and world.observe().problems:
        _reverted(world)


def _swapped(world: BetweenServices) -> None:
    world.ask(str(world.raw["model"]["version"]), _other(world.serving), world.serving)


def _behind_stable(world: BetweenServices) -> None:
    """A version that would have all requests before its first stage."""
    world.ask(str(world.deployed % 9 + 1), world.serving, None)


def _of(who: str, act: Callable[[BetweenServices, str], None]) -> Happening:
    """Something happens behind the Service of one role."""

    def happen(world: BetweenServices) -> None:
        serving = world.serving
        act(world, serving if who == "stable" else _other(serving))

    return _here(happen)


def _lose(whole: bool) -> Callable[[BetweenServices, str], None]:  # noqa: FBT001 - private, two callers
    return lambda world, service: world.lose(service, whole=whole)


def _begin(ready: bool) -> Callable[[BetweenServices, str], None]:  # noqa: FBT001 - private, two callers
    return lambda world, service: world.begin_to_deploy(service, ready=ready)


USUAL: Final[Mapping[str, tuple[int, Happening]]] = {
    "a new version behind the free Service": (3, _here(_new_version)),
    "the manifest of stable": (1, _here(_reverted)),
    "the manifest of the version before": (2, _here(_previous)),
    "a manifest that fits": (3, _here(_fitting)),
}
ODD: Final[Mapping[str, Happening]] = {
    "names swapped": _here(_swapped),
    "a new version behind stable": _here(_behind_stable),
    **{
        f"{who}'s team {what}": _of(who, act)
        for who in ("candidate", "stable")
        for what, act in {
            "deploys": BetweenServices.deploy,
            "begins to deploy": _begin(ready=False),
            "is half way": _begin(ready=True),
            "has nothing ready": _lose(whole=False),
            "removes its Service": _lose(whole=True),
        }.items()
    },
}
