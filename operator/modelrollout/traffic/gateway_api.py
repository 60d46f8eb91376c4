"""Traffic by the Gateway API: one HTTPRoute that the operator owns."""

from __future__ import annotations

import re
from collections.abc import Callable

from modelrollout.api.errors import TakenName
from modelrollout.api.names import ANNOTATION_DECISION, ANNOTATION_SEQUENCE
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.observed import RouteDecision, RouteState
from modelrollout.engine.revisions import object_name, revision_of
from modelrollout.engine.split import Split, only
from modelrollout.kube.apply import Applier, Drift, applied_hash, drift_of, with_metadata
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient
from modelrollout.kube.errors import ConflictError, NameTakenError, RefusedError
from modelrollout.kube.resources import HTTP_ROUTE, Object
from modelrollout.kube.route import ParentRefView, RouteView, route_view
from modelrollout.traffic import render
from modelrollout.traffic.checks import FIELD, traffic_problems
from modelrollout.traffic.state import route_state


class GatewayAPITraffic:
    """HTTPRoute `<name>`: every change of weights is one write of it."""

    def __init__(self, client: KubeClient, cache: Cache, applier: Applier) -> None:
        self._client = client
        self._cache = cache
        self._applier = applier

    def observe(self, rollout: ModelRollout) -> RouteState | None:
        """As in TrafficProvider."""
        view = self._view(rollout)
        return None if view is None else self._state(rollout, view)

    async def read(self, rollout: ModelRollout) -> RouteState | None:
        """As in TrafficProvider.

        Raises:
            NameTakenError: a route of that name exists and is not ours.
        """
        live = await self._client.get(HTTP_ROUTE, rollout.key.namespace, rollout.key.name)
        if live is None:
            return None
        self._cache.apply_event(HTTP_ROUTE, None, live)
        await self._applier.find(rollout, HTTP_ROUTE, rollout.key.name)
        return self._state(rollout, route_view(live))

    async def write(
        self, rollout: ModelRollout, split: Split, sequence: int, decision: RouteDecision, *, guard: RouteState | None
    ) -> RouteState:
        """As in TrafficProvider. Always written: a cache that lags behind must not hide that a write is needed."""
        return await self._put(rollout, self._render(rollout, split), sequence, decision, guard=guard)

    async def shift(
        self, rollout: ModelRollout, split: Split, sequence: int, decision: RouteDecision, *, guard: RouteState | None
    ) -> RouteState:
        """As in TrafficProvider."""
        view = self._view(rollout)
        if view is None:
            return await self.write(rollout, split, sequence, decision, guard=guard)
        body = render.resplit(rollout, view.spec, split, self._port_of(rollout))
        return await self._put(rollout, body, sequence, decision, guard=guard)

    async def _put(
        self, rollout: ModelRollout, body: Object, sequence: int, decision: RouteDecision, *, guard: RouteState | None
    ) -> RouteState:
        body["metadata"]["annotations"] |= render.decision_annotations(sequence, decision)
        known = await self._applier.find(rollout, HTTP_ROUTE, rollout.key.name)
        if known is not None:
            guards = {} if guard is None else {"resourceVersion": guard.resource_version}
            written = await self._applier.apply(HTTP_ROUTE, with_metadata(body, uid=known.uid, **guards))
        elif guard is not None:
            raise ConflictError("Conflict", f"HTTPRoute {rollout.key} is gone since it was read")
        else:
            written = await self._applier.create(rollout, HTTP_ROUTE, body)
        return self._state(rollout, route_view(written))

    def needs_write(self, rollout: ModelRollout, split: Split, sequence: int) -> bool:
        """As in TrafficProvider."""
        view = self._view(rollout)
        if view is None:
            return True
        body = self._render(rollout, split)
        outdated = view.meta.applied_hash != applied_hash(body) or render.parse_sequence(view.sequence) != sequence
        return outdated or self.drift(rollout, split) is not None

    def lends(self, rollout: ModelRollout, split: Split) -> bool:
        """As in TrafficProvider: the route is the operator's own."""
        return False

    def drift(self, rollout: ModelRollout, split: Split) -> Drift | None:
        """As in TrafficProvider."""
        view = self._view(rollout)
        if view is None:
            return self._applier.deleted(rollout.key, HTTP_ROUTE, rollout.key.name)
        body = self._render(rollout, split)
        # Which decision it was does not matter here, only that the annotations are still ours.
        body["metadata"]["annotations"] |= {ANNOTATION_SEQUENCE: view.sequence, ANNOTATION_DECISION: view.decision}
        return drift_of(view.meta, body)

    def problems(self, rollout: ModelRollout) -> tuple[str, ...]:
        """As in TrafficProvider."""
        return tuple(traffic_problems(rollout, self._cache))

    async def review(self, rollout: ModelRollout) -> tuple[str, ...]:
        """As in TrafficProvider."""
        body = self._render(rollout, only(revision_of(rollout.raw_spec).hash))
        try:
            await self._applier.find(rollout, HTTP_ROUTE, rollout.key.name)
            await self._client.apply(HTTP_ROUTE, body, force=True, dry_run=True)
        except NameTakenError as error:
            return (TakenName(error.message),)
        except RefusedError as error:
            return tuple(re.sub(r"^\.?spec\.", f"{FIELD}.", cause) for cause in error.causes)
        return ()

    async def delete(self, rollout: ModelRollout) -> None:
        """As in TrafficProvider."""
        await self._applier.delete(rollout, HTTP_ROUTE, rollout.key.name)

    def _view(self, rollout: ModelRollout) -> RouteView | None:
        view = self._cache.route(rollout.key.namespace, rollout.key.name)
        if view is None or not view.meta.is_controlled_by(rollout.uid):
            return None
        self._applier.remember(rollout.key, HTTP_ROUTE, rollout.key.name)
        return view

    def _state(self, rollout: ModelRollout, view: RouteView) -> RouteState:
        return route_state(view, rollout.key.name, self._controller_of)

    def _render(self, rollout: ModelRollout, split: Split) -> Object:
        return render.http_route(rollout, split, self._port_of(rollout))

    def _port_of(self, rollout: ModelRollout) -> Callable[[str], int]:
        def port_of(revision: str) -> int:
            stored = self._cache.revision(rollout.key.namespace, object_name(rollout.key.name, revision))
            return rollout.spec.service.port if stored is None else stored.port

        return port_of

    def _controller_of(self, parent: ParentRefView) -> str | None:
        gateway = self._cache.gateway(parent.namespace, parent.name)
        gateway_class = None if gateway is None else self._cache.gateway_class(gateway.class_name)
        return None if gateway_class is None else gateway_class.controller_name
