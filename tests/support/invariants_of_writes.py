"""What must always hold of writes, one function each: DESIGN.md, section 5, by the numbers there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from modelrollout.engine.intent import live_weight
from modelrollout.engine.observed import RouteState
from modelrollout.engine.split import Split
from tests.support.stand_ins import RouteWrite, Scaling
from tests.support.truth import step_of
from tests.support.world import World

DRAIN: Final = timedelta(seconds=30)


def a_route_gives_what_status_gives(world: World, write: RouteWrite) -> None:
    """1, 6: whoever is not stable gets, by any write, at most what the stored status says: status comes first."""
    status = world.status
    for revision in write.split.revisions:
        if status.stable is not None and revision == status.stable.revision:
            continue
        attempt, step = status.attempt, step_of(status)
        mine = attempt is not None and step is not None and attempt.revision == revision
        assert write.split.weight_of(revision) <= (live_weight(status) if mine else 0)
        assert write.split.mirror_of(revision) <= (step.mirror_percent if mine and step is not None else 0)


def a_raise_rests_on_a_fresh_read(world: World, write: RouteWrite) -> None:
    """6: whoever is not stable gets more only over the route as it is."""
    old = write.old
    if old is None or world.status.stable is None:
        return
    others = write.split.revisions - {world.status.stable.revision}
    for revision in others:
        if _share(write.split, revision) <= _share(old, revision):
            continue
        assert write.guard is not None, "raised without looking"
        assert write.guard.resource_version == old.resource_version


def _share(split: Split | RouteState, revision: str) -> int:
    """Live requests and copies: either is more."""
    return split.weight_of(revision) + split.mirror_of(revision)


def no_rolled_back_weight_comes_back(world: World, write: RouteWrite) -> None:
    """6: an attempt whose end was written to the route gets nothing by any later write."""
    status = world.status
    if world.truth.attempt in world.truth.ended and status.attempt is not None:
        assert status.attempt.revision not in write.split.revisions


def the_number_never_falls(world: World, write: RouteWrite) -> None:
    """6: no older decision is written over a newer one."""
    if write.old is not None and not world.touched:
        assert write.sequence >= write.old.sequence


def stable_keeps_its_pods(world: World, scaling: Scaling) -> None:
    """5: while a rollout moves, the way back is not made narrower."""
    status = world.status
    if scaling.new < scaling.old and status.stable is not None and status.attempt is not None:
        assert scaling.revision != status.stable.revision, "stable shrinks"


def previous_stays_warm(world: World, scaling: Scaling) -> None:
    """5: within the window the previous revision keeps its pods."""
    previous = world.status.previous
    if scaling.new == 0 and previous is not None:
        assert scaling.revision != previous.revision, "stopped within its window"


def nothing_stops_under_traffic(world: World, scaling: Scaling) -> None:
    """4: traffic first, then drain, then scale down."""
    if scaling.new or "route" in world.lagging:
        return
    assert world.route is None or not world.route.weight_of(scaling.revision), "stopped under traffic"
    gone = world.truth.unrouted.get(scaling.revision)
    assert gone is None or world.prometheus - gone >= DRAIN.total_seconds(), "stopped before it drained"


def the_service_follows_stable(world: World, revision: str) -> None:
    """5: Service `<name>` selects what is stable by the stored status, nothing else."""
    assert world.status.stable is not None
    assert revision == world.status.stable.revision


OF_ROUTES: Final[tuple[Callable[[World, RouteWrite], None], ...]] = (
    a_route_gives_what_status_gives,
    a_raise_rests_on_a_fresh_read,
    no_rolled_back_weight_comes_back,
    the_number_never_falls,
)
OF_SCALINGS: Final[tuple[Callable[[World, Scaling], None], ...]] = (
    stable_keeps_its_pods,
    previous_stays_warm,
    nothing_stops_under_traffic,
)
OF_SELECTIONS: Final[tuple[Callable[[World, str], None], ...]] = (the_service_follows_stable,)
