"""Traffic by the Gateway API: one HTTPRoute that the operator owns."""

from __future__ import annotations

import re
from dataclasses import replace

from modelrollout.api.errors import TakenName
from modelrollout.api.names import ANNOTATION_DECISION, ANNOTATION_SEQUENCE, preview_name
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.fallback import fallback_problems, in_use, is_fallback, names_fallback, state_of_fallback
from modelrollout.engine.intent import split_of
from modelrollout.engine.observed import Acceptance, RevisionState, RouteDecision, RouteState
from modelrollout.engine.preview import Preview
from modelrollout.engine.revisions import FALLBACK, revision_of
from modelrollout.engine.roles import Roles, roles_of
from modelrollout.engine.split import Split, only
from modelrollout.kube.apply import Applier, Drift, applied_hash, drift_of, with_metadata
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient
from modelrollout.kube.errors import ConflictError, NameTakenError, RefusedError
from modelrollout.kube.resources import HTTP_ROUTE, SERVICE, Object
from modelrollout.kube.route import ParentRefView, RouteView, route_view
from modelrollout.traffic import fallback, render, services
from modelrollout.traffic.checks import FIELD, traffic_problems
from modelrollout.traffic.hidden import hidden_by
from modelrollout.traffic.render import Address, AddressOf
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
        if FALLBACK in split.revisions:
            await self._refusal(rollout)
        return await self._put(rollout, self._render(rollout, split), sequence, decision, guard=guard)

    async def shift(
        self, rollout: ModelRollout, split: Split, sequence: int, decision: RouteDecision, *, guard: RouteState | None
    ) -> RouteState:
        """As in TrafficProvider."""
        view = self._view(rollout)
        if view is None:
            return await self.write(rollout, split, sequence, decision, guard=guard)
        body = render.resplit(rollout, view.spec, split, self._addresses(rollout), _roles(rollout))
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
        if FALLBACK in split.revisions and self._lacks_refusal(rollout):
            return True
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
        if FALLBACK in split.revisions and self._lacks_refusal(rollout):
            return self._applier.deleted(rollout.key, SERVICE, fallback.refusal_name(rollout))
        body = self._render(rollout, split)
        # Which decision it was does not matter here, only that the annotations are still ours.
        body["metadata"]["annotations"] |= {ANNOTATION_SEQUENCE: view.sequence, ANNOTATION_DECISION: view.decision}
        return drift_of(view.meta, body)

    def problems(self, rollout: ModelRollout) -> tuple[str, ...]:
        """As in TrafficProvider."""
        return (
            *traffic_problems(rollout, self._cache),
            *fallback_problems(rollout, fallback.ready_endpoints(rollout, rollout.spec.stand_in, self._cache)),
        )

    async def review(self, rollout: ModelRollout) -> tuple[str, ...]:
        """As in TrafficProvider."""
        problems = await self._fallback_problems(rollout)
        try:
            await self._applier.find(rollout, HTTP_ROUTE, rollout.key.name)
            if any(stage.preview is not None and stage.preview.hostnames for stage in rollout.spec.stages):
                await self._applier.find(rollout, HTTP_ROUTE, preview_name(rollout.key.name))
            if not self._is_accepted(rollout):
                body = self._render(rollout, only(revision_of(rollout.raw_spec).hash))
                await self._client.apply(HTTP_ROUTE, body, force=True, dry_run=True)
        except NameTakenError as error:
            problems.append(TakenName(error.message))
        except RefusedError as error:
            problems += [re.sub(r"^\.?spec\.", f"{FIELD}.", cause) for cause in error.causes]
        return tuple(problems)

    def _is_accepted(self, rollout: ModelRollout) -> bool:
        """Whether the route is what the spec and status ask for: the API server has taken it, and is asked no more.

        After a restart thousands of rollouts are looked at, and next to none of them has changed.
        """
        view, split = self._view(rollout), split_of(rollout.status)
        if view is None or split is None:
            return False
        return view.meta.applied_hash == applied_hash(self._render(rollout, split))

    def fallback(self, rollout: ModelRollout) -> RevisionState | None:
        """As in TrafficProvider."""
        used = in_use(rollout)
        if used is None:
            return None
        return state_of_fallback(used, fallback.ready_endpoints(rollout, used, self._cache))

    async def preview(self, rollout: ModelRollout, preview: Preview | None) -> tuple[Drift, ...]:
        """As in TrafficProvider."""
        if preview is None or not preview.hostnames:
            if self.has_preview(rollout):
                await self._applier.delete(rollout, HTTP_ROUTE, preview_name(rollout.key.name))
            return ()
        body = render.preview_route(rollout, preview, self._addresses(rollout), _roles(rollout))
        drift = await self._applier.write(rollout, HTTP_ROUTE, body)
        return () if drift is None else (drift,)

    def has_preview(self, rollout: ModelRollout) -> bool:
        """As in TrafficProvider."""
        view = self._cache.route(rollout.key.namespace, preview_name(rollout.key.name))
        return view is not None and view.meta.is_controlled_by(rollout.uid)

    async def sweep(self, rollout: ModelRollout) -> None:
        """As in TrafficProvider."""
        view, name = self._view(rollout), fallback.refusal_name(rollout)
        if names_fallback(rollout.status) or self._cache.service(rollout.key.namespace, name) is None or view is None:
            return
        state = self._state(rollout, view)
        if state.acceptance is Acceptance.ACCEPTED and not state.weight_of(FALLBACK) and not state.weight_of(name):
            await self._applier.delete(rollout, SERVICE, name)

    async def delete(self, rollout: ModelRollout) -> None:
        """As in TrafficProvider."""
        await self._applier.delete(rollout, HTTP_ROUTE, rollout.key.name)

    async def _fallback_problems(self, rollout: ModelRollout) -> list[str]:
        wanted, status = rollout.spec.stand_in, rollout.status
        if wanted is None or (status.stable is not None and not names_fallback(status)):
            # Once a revision is stable it stands in for nobody, and may go.
            return []
        if wanted.service is not None:
            live = await self._client.get(SERVICE, rollout.key.namespace, wanted.service.name)
            return list(fallback.service_problems(rollout, wanted, live))
        try:
            await self._applier.find(rollout, SERVICE, fallback.refusal_name(rollout))
        except NameTakenError as error:
            return [TakenName(error.message)]
        return []

    async def _refusal(self, rollout: ModelRollout) -> None:
        """The Service without endpoints, before a route names it: some gateways answer 500 where it is missing."""
        if self._lacks_refusal(rollout):
            await self._applier.write(rollout, SERVICE, fallback.refusal(rollout))

    def _lacks_refusal(self, rollout: ModelRollout) -> bool:
        if not fallback.is_refusal(rollout):
            return False
        body = fallback.refusal(rollout)
        known = self._cache.service(rollout.key.namespace, fallback.refusal_name(rollout))
        return known is None or known.meta.applied_hash != applied_hash(body) or drift_of(known.meta, body) is not None

    def _view(self, rollout: ModelRollout) -> RouteView | None:
        view = self._cache.route(rollout.key.namespace, rollout.key.name)
        if view is None or not view.meta.belongs_to(rollout.key.name, rollout.uid):
            return None
        self._applier.remember(rollout.key, HTTP_ROUTE, rollout.key.name)
        return view

    def _state(self, rollout: ModelRollout, view: RouteView) -> RouteState:
        by_service = services.revisions_by_service(rollout, self._cache)
        state = route_state(view, replace(fallback.naming(rollout), services=by_service), self._controller_of)
        service = self._service_of_the_user(rollout)
        if service is None:
            return state
        others = self._cache.routes(rollout.key.namespace)
        return replace(state, hidden_by=hidden_by(view, others, service))

    def _service_of_the_user(self, rollout: ModelRollout) -> str | None:
        """The Service that serves, if it is the user's: a route of the user's may lead to it as well."""
        stable = rollout.status.stable
        if stable is None or (is_fallback(stable) and fallback.is_refusal(rollout)):
            return None
        if is_fallback(stable):
            return fallback.address(rollout).name
        known = rollout.status.service_of(stable.revision)
        return None if known is None else known.service

    def _render(self, rollout: ModelRollout, split: Split) -> Object:
        return render.http_route(rollout, split, self._addresses(rollout), _roles(rollout))

    def _addresses(self, rollout: ModelRollout) -> AddressOf:
        def address_of(revision: str) -> Address:
            if revision == FALLBACK:
                return fallback.address(rollout)
            return services.address_of(rollout, revision, self._cache)

        return address_of

    def _controller_of(self, parent: ParentRefView) -> str | None:
        gateway = self._cache.gateway(parent.namespace, parent.name)
        gateway_class = None if gateway is None else self._cache.gateway_class(gateway.class_name)
        return None if gateway_class is None else gateway_class.controller_name


def _roles(rollout: ModelRollout) -> Roles | None:
    return roles_of(rollout.spec, rollout.status)
