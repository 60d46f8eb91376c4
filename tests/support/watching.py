"""All invariants together, as what a world is watched by."""

from __future__ import annotations

from modelrollout.engine.plan import Plan
from modelrollout.engine.situation import Observation
from tests.support.invariants import OF_DECISIONS
from tests.support.invariants_of_patience import OF_PATIENCE
from tests.support.invariants_of_people import OF_PEOPLE
from tests.support.invariants_of_scale import OF_SCALE
from tests.support.invariants_of_services import OF_SERVICES
from tests.support.invariants_of_writes import OF_ROUTES, OF_SCALINGS, OF_SELECTIONS
from tests.support.made import Made
from tests.support.stand_ins import RouteWrite, Scaling
from tests.support.world import World


class Invariants:
    """As a Watch."""

    def decided(self, world: World, seen: Observation, plan: Plan) -> None:
        """As in Watch."""
        made = Made(world, seen, plan)
        for holds in (*OF_PEOPLE, *OF_DECISIONS, *OF_PATIENCE, *OF_SCALE, *OF_SERVICES):
            holds(made)

    def routed(self, world: World, write: RouteWrite) -> None:
        """As in Watch."""
        for holds in OF_ROUTES:
            holds(world, write)

    def scaled(self, world: World, scaling: Scaling) -> None:
        """As in Watch."""
        for holds in OF_SCALINGS:
            holds(world, scaling)

    def served(self, world: World, revision: str) -> None:
        """As in Watch."""
        for holds in OF_SELECTIONS:
            holds(world, revision)
