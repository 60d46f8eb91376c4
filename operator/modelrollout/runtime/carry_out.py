"""Carries a plan out: every write of the operator, in the order that makes a crash between any two of them safe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from modelrollout.api.resource import ModelRollout
from modelrollout.engine.observed import RouteDecision, RouteState
from modelrollout.engine.plan import LOWERING, Action, Event, EventType, Plan
from modelrollout.engine.situation import Observation
from modelrollout.gates.gates import Gates
from modelrollout.kube.apply import Drift
from modelrollout.kube.client import KubeClient
from modelrollout.kube.errors import ConflictError
from modelrollout.kube.status import is_unchanged
from modelrollout.runtime.loans import Loans
from modelrollout.runtime.logs import logger
from modelrollout.runtime.preview import Previews
from modelrollout.runtime.record import Recorder
from modelrollout.traffic.registry import Traffics
from modelrollout.workload.registry import Workloads


class CarryOut:
    """Writes what a plan says, and nothing that is so already."""

    def __init__(
        self,
        client: KubeClient,
        workloads: Workloads,
        traffics: Traffics,
        recorder: Recorder,
        *,
        loans: Loans,
        gates: Gates,
    ) -> None:
        self._client = client
        self._loans = loans
        self._previews = Previews(workloads, traffics)
        self._gates = gates
        self._workloads = workloads
        self._traffics = traffics
        self._recorder = recorder

    async def carry_out(self, seen: Observation, plan: Plan) -> None:
        """Make it so.

        Down: the route first, then status; a crash between them loses nothing, as the route carries the decision.
        Up, or level: status first, then the route; a crash between them leaves less traffic on the candidate than
        decided, and the next look goes on from there.

        Raises:
            ModelRolloutError: a write failed; what came before it stands, and carrying out again completes it.
        """
        if plan.action in LOWERING:
            await self._route(seen, plan)
            rollout = await self._recorder.status(seen, plan)
            await self._events(rollout, plan.events)
            return
        seen = await self._loans.before(seen, plan)
        if plan.stop is not None:
            # Before status remembers it: once it does, nobody will.
            await self._unchanged(seen.rollout)
            await self._workloads.of(seen.rollout).stop(seen.rollout, plan.stop)
        rollout = await self._recorder.status(seen, plan)
        await self._events(rollout, plan.events)
        drifts: list[Drift] = []
        try:
            await self._make_so(seen, rollout, plan, drifts)
        finally:
            # Also of what was restored before a write that failed: the next look finds nothing to restore any more.
            await self._events(rollout, (Event(EventType.WARNING, "DriftRestored", drift.text) for drift in drifts))

    async def _make_so(self, seen: Observation, rollout: ModelRollout, plan: Plan, drifts: list[Drift]) -> None:
        """Write what differs, pods before traffic and traffic before what ends.

        Args:
            drifts: gets what is restored on the way.
        """
        drifts += await self._serving(seen, rollout, plan)
        drifts += await self._route(seen, plan, rollout)
        if plan.serve is not None:
            drifts += await self._workloads.of(rollout).serve(rollout, plan.serve)
        drifts += await self._previews.carry_out(seen, rollout, plan)
        await self._run_gates(seen, rollout, plan)
        drifts += await self._stopped(rollout, plan)
        await self._traffics.of(rollout).sweep(rollout)
        await self._loans.after(rollout, seen, plan)

    async def _serving(self, seen: Observation, rollout: ModelRollout, plan: Plan) -> Iterable[Drift]:
        """Make what serves serve, with the pods that it needs. An autoscaler comes after its pods, and goes before."""
        drifts: list[Drift] = []
        workload = self._workloads.of(rollout)
        for revision, bounds in plan.bounds.items():
            if bounds is None:
                await workload.autoscale(rollout, revision, None)
        for revision, replicas in plan.replicas.items():
            state, bounds = seen.state_of(revision), plan.bounds.get(revision)
            if replicas and state is not None:
                drifts += await workload.ensure(rollout, state.revision, replicas)
                drifts += await workload.autoscale(rollout, revision, bounds) if bounds is not None else ()
        return drifts

    async def _run_gates(self, seen: Observation, rollout: ModelRollout, plan: Plan) -> None:
        """After the route: what is asked of a gate never delays a weight.

        Raises:
            ConflictError: the ModelRollout has changed: a Job that nobody asks for may be somebody's by now.
        """
        attempt = rollout.status.attempt
        state = seen.state_of(attempt.revision) if attempt is not None else None
        await self._gates.run(rollout, plan, state.revision if state is not None else None)
        left = self._gates.left(rollout, plan)
        if left:
            await self._unchanged(rollout)
        for name in left:
            await self._gates.end(rollout, name)

    async def _stopped(self, rollout: ModelRollout, plan: Plan) -> Iterable[Drift]:
        """Stop and collect; last, after the route has been written without them.

        Raises:
            ConflictError: the ModelRollout has changed: what was to be stopped may be somebody's candidate by now.
        """
        stopped = [revision for revision, replicas in plan.replicas.items() if not replicas]
        if not stopped and not plan.collect:
            return ()
        await self._unchanged(rollout)
        drifts: list[Drift] = []
        for revision in stopped:
            drifts += await self._workloads.of(rollout).scale(rollout, revision, 0)
        for revision in plan.collect:
            await self._gates.collect(rollout, revision)
            await self._workloads.of(rollout).collect(rollout, revision)
        return drifts

    async def _route(self, seen: Observation, plan: Plan, rollout: ModelRollout | None = None) -> Iterable[Drift]:
        """Write the route if it differs.

        Args:
            rollout: with the status that was just written; needed to raise, and absent when lowering.
        """
        split, route = plan.split, seen.route
        if split is None:
            return ()
        target = rollout or seen.rollout
        traffic = self._traffics.of(target)
        # A spec that is invalid, or not known to be valid, changes nothing of a route but the split.
        keeps = route is not None and (bool(seen.problems) or plan.action in LOWERING)
        if keeps and route is not None:
            needed = not route.carries(split) or route.sequence != plan.status.sequence
        else:
            needed = traffic.needs_write(target, split, plan.status.sequence)
        if not needed:
            return ()
        drift = traffic.drift(target, split)
        put = partial(traffic.shift if keeps else traffic.write, target, split, plan.status.sequence)
        if rollout is None or plan.action is Action.RETURN:
            await self._lower(seen, plan, put)
        else:
            await put(_decision(seen, plan), guard=await self._fresh(rollout, plan, route))
        return (drift,) if drift is not None else ()

    async def _lower(self, seen: Observation, plan: Plan, put: Callable[..., Awaitable[RouteState]]) -> None:
        """Over the route as the cache has it, or over whatever is there: nothing stands in the way of a lowering.

        But for a later decision, which an operator that was frozen has not seen: the revision that it would give all
        traffic to may be gone.

        Raises:
            ConflictError: somebody decided later.
        """
        try:
            await put(_decision(seen, plan), guard=seen.route)
        except ConflictError as error:
            logger().info("the route has changed; taking the traffic away all the same", error=error.message)
            live = await self._traffics.of(seen.rollout).read(seen.rollout)
            if live is not None and live.sequence >= plan.status.sequence:
                raise
            await put(_decision(seen, plan), guard=None)

    async def _fresh(self, rollout: ModelRollout, plan: Plan, seen: RouteState | None) -> RouteState | None:
        """Read live what a raise rests on: a stale cache, or an operator that was frozen, raises nothing.

        Args:
            seen: the route that was decided on.

        Raises:
            ConflictError: the ModelRollout is no longer the one that was decided on, or somebody decided later.
        """
        await self._unchanged(rollout)
        route = await self._traffics.of(rollout).read(rollout)
        if route is not None and route.sequence > plan.status.sequence:
            raise ConflictError("Conflict", "the route carries a later decision; deciding again")
        known = seen.resource_version if seen is not None else None
        if route is not None and route.sequence == plan.status.sequence and route.resource_version != known:
            # Somebody may have come to a decision of the same number at the same time.
            raise ConflictError("Conflict", "the route carries a decision of the same number; deciding again")
        return route

    async def _unchanged(self, rollout: ModelRollout) -> None:
        if not await is_unchanged(self._client, rollout):
            raise ConflictError("Conflict", "the ModelRollout changed after the decision; deciding again")

    async def _events(self, rollout: ModelRollout, events: Iterable[Event]) -> None:
        for event in events:
            await self._recorder.event(rollout, event)


def _decision(seen: Observation, plan: Plan) -> RouteDecision:
    attempt = seen.status.attempt
    return RouteDecision(
        action=plan.action.value,
        revision=attempt.revision if attempt is not None else seen.desired.hash,
        reason=plan.reason,
        message=plan.message,
        at=seen.now,
    )
