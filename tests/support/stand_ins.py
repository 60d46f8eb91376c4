"""What the real `CarryOut` writes to in a small world: stand-ins for the API server and the providers behind it.

Each write may be the last before the operator is killed, may be refused, or may have its effect and lose its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from modelrollout.api.names import API_VERSION, KIND
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.observed import Acceptance, RouteDecision, RouteState
from modelrollout.engine.plan import Action, Event, Plan
from modelrollout.engine.preview import Preview
from modelrollout.engine.revisions import Revision
from modelrollout.engine.scale import Bounds
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import Split
from modelrollout.kube.apply import Drift
from modelrollout.kube.errors import ConflictError, UnavailableError
from modelrollout.kube.resources import Object
from modelrollout.runtime.record import QUIET, essence

if TYPE_CHECKING:
    from tests.support.world import World


class Killed(Exception):  # noqa: N818 - not an error
    """The operator ended between two writes."""


class End(StrEnum):
    """How a reconcile is broken off."""

    KILLED = "killed before a write"
    REFUSED = "a write is refused"
    LOST = "a write has its effect and its answer is lost"


@dataclass
class Trouble:
    """What is going to happen.

    Attributes:
        writes: how many writes go well before.
    """

    end: End
    writes: int


@dataclass
class Pods:
    """One revision's Deployment."""

    replicas: int
    created_at: datetime
    ready: int = 0
    crashing: bool = False


@dataclass(frozen=True, slots=True)
class RouteWrite:
    """A write of the route, before its effect."""

    old: RouteState | None
    split: Split
    sequence: int
    guard: RouteState | None


@dataclass(frozen=True, slots=True)
class Scaling:
    """A change of replicas, before its effect."""

    revision: str
    old: int
    new: int


class GateRuns:
    """As Gates: Jobs, which go on until they are deleted."""

    def __init__(self, world: World, write: Callable[[], AbstractContextManager[None]]) -> None:
        self._world = world
        self._write = write

    async def run(self, _: ModelRollout, plan: Plan, candidate: Revision | None) -> None:
        """What is asked for and does not run is begun."""
        for due in plan.gates:
            assert candidate is not None
            if due.run not in self._world.asked:
                with self._write():
                    self._world.asked |= {due.run}

    def left(self, _: ModelRollout, plan: Plan) -> tuple[str, ...]:
        """What runs and is not asked for."""
        return tuple(sorted(self._world.asked - {due.run for due in plan.gates}))

    async def end(self, _: ModelRollout, name: str) -> None:
        """One of those is deleted."""
        with self._write():
            self._world.asked -= {name}

    async def collect(self, *_: object) -> None:
        """They all have ended by then."""


class StandIns:
    """Recorder, registries, providers and client in one: who is asked shows by what is asked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._written_at: datetime | None = None
        self.gates = GateRuns(world, self._write)

    def restart(self) -> None:
        """Forget what a process remembers."""
        self._written_at = None

    @contextmanager
    def _write(self) -> Iterator[None]:
        world = self._world
        trouble = world.trouble
        if trouble is not None:
            trouble.writes -= 1
            if trouble.writes < 0 and trouble.end is End.KILLED:
                raise Killed
            if trouble.writes < 0 and trouble.end is End.REFUSED:
                raise UnavailableError("Unavailable", "a write was refused")
        world.writes += 1
        yield
        if trouble is not None and trouble.writes < 0:
            raise UnavailableError("Unavailable", "an answer was lost")

    def of(self, _: ModelRollout) -> StandIns:
        """As the registries of workloads and of traffic."""
        return self

    # --- the loans of a user's own route, of which there is none here -----------------------------------------------

    async def before(self, seen: Observation, _: Plan) -> Observation:
        """As Loans."""
        return seen

    async def after(self, *_: object) -> None:
        """As Loans."""

    async def sweep(self, _: ModelRollout) -> None:
        """As a TrafficProvider: nothing was made besides the route."""

    # --- the ModelRollout ---------------------------------------------------------------------------------------------

    async def get(self, *_: object) -> Object:
        """The ModelRollout, live: as KubeClient, which is asked for nothing else here."""
        world = self._world
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {
                "namespace": "demo",
                "name": "digits",
                "uid": "uid",
                "resourceVersion": str(world.version),
                "generation": world.generation,
                "annotations": dict(world.annotations),
            },
            "spec": world.raw,
            "status": world.status.dump(),
        }

    async def status(self, seen: Observation, plan: Plan) -> ModelRollout:
        """As the Recorder: where an outcome changed, or numbers did some time ago."""
        world, rollout = self._world, seen.rollout
        if not self._is_due(rollout.status, plan):
            return rollout
        with self._write():
            if rollout.resource_version != str(world.version):
                raise ConflictError("Conflict", "the ModelRollout changed")
            before, world.status = world.status, plan.status
            world.version += 1
            self._written_at = world.clock
            world.truth.status_written(before, plan.status, seen, plan, world.prometheus)
            world.told.append(f"{world.clock:%H:%M:%S} {plan.action} {plan.reason}: {plan.message}")
        return replace(rollout, status=plan.status, resource_version=str(world.version))

    def _is_due(self, known: ModelRolloutStatus, plan: Plan) -> bool:
        if plan.status == known:
            return False
        if plan.action is not Action.WAIT or essence(plan.status) != essence(known):
            return True
        age = None if self._written_at is None else self._world.clock - self._written_at
        return age is None or not timedelta(0) <= age < QUIET

    async def event(self, _: ModelRollout, event: Event) -> None:
        """As the Recorder."""
        with self._write():
            self._world.events.append(event.reason)

    # --- workloads ----------------------------------------------------------------------------------------------------

    async def ensure(self, _: ModelRollout, revision: Revision, replicas: int) -> tuple[Drift, ...]:
        """As a WorkloadProvider: the record first, then the Deployment."""
        world = self._world
        if revision.hash not in world.revisions:
            with self._write():
                world.revisions[revision.hash] = revision
        world.left.discard(revision.hash)
        if revision.hash not in world.pods:
            with self._write():
                world.pods[revision.hash] = Pods(replicas, world.clock, world.new_pods)
            return ()
        return await self.scale(_, revision.hash, replicas)

    async def scale(self, _: ModelRollout, revision: str, replicas: int) -> tuple[Drift, ...]:
        """As a WorkloadProvider: by the caches."""
        pods, seen = self._world.pods.get(revision), self._world.pods_seen().get(revision)
        if seen is not None and seen.replicas == replicas:
            return ()
        if pods is not None and pods.replicas != replicas:
            with self._write():
                self._world.watch.scaled(self._world, Scaling(revision, pods.replicas, replicas))
                pods.replicas = replicas
        return ()

    async def autoscale(self, _: ModelRollout, revision: str, bounds: Bounds | None) -> tuple[Drift, ...]:
        """As a WorkloadProvider."""
        if self._world.autoscaled.get(revision) != bounds:
            with self._write():
                self._world.autoscaled[revision] = bounds
        return ()

    async def serve(self, _: ModelRollout, revision: str) -> tuple[Drift, ...]:
        """As a WorkloadProvider."""
        if self._world.service != revision:
            with self._write():
                self._world.watch.served(self._world, revision)
                self._world.service = revision
        return ()

    async def stop(self, _: ModelRollout, deployment: str) -> None:
        """As a WorkloadProvider: what was adopted."""
        if self._world.fallback_ready:
            with self._write():
                self._world.stopped.append(deployment)
                self._world.fallback_ready = 0

    async def preview(self, _: ModelRollout, what: object) -> tuple[Drift, ...]:
        """As a WorkloadProvider and as a TrafficProvider: the Service and the route of a preview."""
        kind = "route" if isinstance(what, Preview) else "service"
        for changed in (kind,) if what is not None else tuple(self._world.previews):
            if self._world.previews.get(changed) != what:
                with self._write():
                    self._world.previews[changed] = what
                    if what is None:
                        del self._world.previews[changed]
        return ()

    def has_preview(self, _: ModelRollout) -> bool:
        """As a TrafficProvider."""
        return "route" in self._world.previews

    async def collect(self, _: ModelRollout, revision: str) -> None:
        """As a WorkloadProvider: the record last."""
        world = self._world
        if revision in world.pods:
            with self._write():
                world.watch.scaled(world, Scaling(revision, world.pods[revision].replicas, 0))
                del world.pods[revision]
        if revision in world.revisions:
            with self._write():
                del world.revisions[revision]

    # --- the route ----------------------------------------------------------------------------------------------------

    def needs_write(self, _: ModelRollout, split: Split, sequence: int) -> bool:
        """As a TrafficProvider: by the caches."""
        known = self._world.route_seen()
        return known is None or not known.carries(split) or known.sequence != sequence

    def drift(self, _: ModelRollout, split: Split) -> Drift | None:
        """As a TrafficProvider: what the operator had not written itself."""
        known, world = self._world.route_seen(), self._world
        if known is None:
            return Drift("HTTPRoute", "digits", ()) if world.has_routed else None
        by_hand = world.touched and not known.carries(split)
        return Drift("HTTPRoute", "digits", ("spec.rules",), ("kubectl",)) if by_hand else None

    async def read(self, _: ModelRollout) -> RouteState | None:
        """As a TrafficProvider: live, and the cache takes it in."""
        self._world.lagging.pop("route", None)
        return self._world.route_seen()

    async def write(
        self, _: ModelRollout, split: Split, sequence: int, decision: RouteDecision, *, guard: RouteState | None
    ) -> RouteState:
        """As a TrafficProvider."""
        world, old = self._world, self._world.route
        with self._write():
            if guard is not None and (old is None or guard.resource_version != old.resource_version):
                raise ConflictError("Conflict", "the route changed since it was read")
            world.watch.routed(world, RouteWrite(old, split, sequence, guard))
            gone = {name for name, _ in old.weights} if old is not None else set()
            world.truth.route_written(gone, split, world.deciding[0], world.deciding[1], world.prometheus)
            made = RouteState(split.weights, split.mirror, sequence, decision, Acceptance.PENDING, "", "")
            world.put_route(made)
            world.touched, world.has_routed = False, True
        return made

    async def shift(
        self, _: ModelRollout, split: Split, sequence: int, decision: RouteDecision, *, guard: RouteState | None
    ) -> RouteState:
        """As a TrafficProvider."""
        return await self.write(_, split, sequence, decision, guard=guard)
