"""Traffic by one rule of an HTTPRoute that somebody else owns: it is patched, and never taken over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from modelrollout.api.names import ANNOTATION_DECISION, ANNOTATION_SEQUENCE, mark
from modelrollout.api.resource import ModelRollout
from modelrollout.api.traffic import HTTPRouteRef
from modelrollout.engine.observed import Acceptance, RevisionState, RouteDecision, RouteState
from modelrollout.engine.preview import Preview
from modelrollout.engine.revisions import object_name
from modelrollout.engine.split import FULL, Split
from modelrollout.kube.apply import Drift
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.errors import ConflictError, RefusedError
from modelrollout.kube.resources import HTTP_ROUTE, Object
from modelrollout.kube.route import ParentRefView, RouteRuleView, RouteView, route_view
from modelrollout.traffic import render
from modelrollout.traffic.checks import FIELD, gateway_problems
from modelrollout.traffic.rule import (
    Names,
    Rule,
    Standing,
    at_rest,
    is_same,
    looks_like_revision,
    mirrors_of,
    moved,
    operations,
    rules_of,
    standing,
)
from modelrollout.traffic.state import Naming, route_state

ATTEMPTS: Final = 3
"""How often a patch is made anew for a route that changed in this moment."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The user's route, and the rule of it that is ours to patch."""

    view: RouteView
    rule: Rule


class RouteRefTraffic:
    """Rule `httpRouteRef.rule`: every change of weights is one JSON patch of it."""

    def __init__(self, client: KubeClient, cache: Cache) -> None:
        self._client = client
        self._cache = cache

    def observe(self, rollout: ModelRollout) -> RouteState | None:
        """As in TrafficProvider."""
        seen = self._seen(rollout)
        return None if seen is None else self._state(rollout, seen)

    async def read(self, rollout: ModelRollout) -> RouteState | None:
        """As in TrafficProvider."""
        await self._refresh(rollout)
        return self.observe(rollout)

    async def write(
        self, rollout: ModelRollout, split: Split, sequence: int, decision: RouteDecision, *, guard: RouteState | None
    ) -> RouteState:
        """As in TrafficProvider.

        Without `guard` the patch rests on the rule being as it is known: where it is not, the route is read again.
        """
        for attempt in range(ATTEMPTS):
            seen = self._seen(rollout)
            if seen is None:
                raise ConflictError("Conflict", f"HTTPRoute {self._name(rollout)} has no such rule any more")
            if self._standing(rollout, seen.rule) is Standing.FOREIGN:
                return self._state(rollout, seen)
            version = guard.resource_version if guard is not None else None
            try:
                return await self._patch(
                    rollout,
                    seen,
                    self._wanted(rollout, split, seen.rule),
                    version,
                    {
                        ANNOTATION_SEQUENCE: str(sequence),
                        ANNOTATION_DECISION: render.decision_annotations(sequence, decision)[ANNOTATION_DECISION],
                    },
                )
            except RefusedError:
                # A test that fails is answered like an object that is not valid: what is there now tells them apart.
                if not await self._changed(rollout, seen):
                    raise
                if guard is not None or attempt + 1 == ATTEMPTS:
                    text = f"HTTPRoute {self._name(rollout)} changed while it was being patched; looking again"
                    raise ConflictError("Conflict", text) from None
        raise AssertionError("the last attempt returns or raises")

    async def shift(
        self, rollout: ModelRollout, split: Split, sequence: int, decision: RouteDecision, *, guard: RouteState | None
    ) -> RouteState:
        """As in TrafficProvider: all else of the route is its owner's anyway."""
        return await self.write(rollout, split, sequence, decision, guard=guard)

    def fallback(self, rollout: ModelRollout) -> RevisionState | None:
        """As in TrafficProvider: the schema refuses a fallback behind a route that the operator does not own."""
        return None

    async def preview(self, rollout: ModelRollout, preview: Preview | None) -> tuple[Drift, ...]:
        """As in TrafficProvider: there is no Gateway to attach a route to, and a spec that asks for it is refused."""
        return ()

    def has_preview(self, rollout: ModelRollout) -> bool:
        """As in TrafficProvider."""
        return False

    async def sweep(self, rollout: ModelRollout) -> None:
        """As in TrafficProvider: nothing was made."""

    def needs_write(self, rollout: ModelRollout, split: Split, sequence: int) -> bool:
        """As in TrafficProvider. A route that is not there, or that its owner points elsewhere, is not written."""
        seen = self._seen(rollout)
        if seen is None or self._standing(rollout, seen.rule) is Standing.FOREIGN:
            return False
        known = render.parse_sequence(seen.view.text_of(ANNOTATION_SEQUENCE, rollout.key.name))
        return known != sequence or not is_same(seen.rule, self._wanted(rollout, split, seen.rule))

    def lends(self, rollout: ModelRollout, split: Split) -> bool:
        """As in TrafficProvider."""
        seen = self._seen(rollout)
        if seen is None or self._standing(rollout, seen.rule) is Standing.FOREIGN:
            return False
        return not self._may_rest(rollout, split, seen.rule)

    def drift(self, rollout: ModelRollout, split: Split) -> Drift | None:
        """As in TrafficProvider."""
        seen = self._seen(rollout)
        if seen is None or self._standing(rollout, seen.rule) is Standing.FOREIGN:
            return None
        state = self._state(rollout, seen)
        if state.sequence != rollout.status.sequence or state.carries(split):
            return None
        field = f"spec.rules[{seen.rule.name}]"
        return Drift(HTTP_ROUTE.kind, seen.view.meta.name, (field,), seen.view.rules_by)

    def problems(self, rollout: ModelRollout) -> tuple[str, ...]:
        """As in TrafficProvider."""
        ref = _ref(rollout)
        field = f"{FIELD}.httpRouteRef"
        view = self._cache.route(rollout.key.namespace, ref.name)
        if view is None:
            return (
                f'{field}.name: no HTTPRoute "{ref.name}" in namespace "{rollout.key.namespace}"; create it, with a'
                f' rule named "{ref.rule}" whose backendRefs are {self._rest_text(rollout)}',
            )
        if view.meta.controller is not None and view.meta.controller.uid == rollout.uid:
            return (
                f'{field}.name: HTTPRoute "{ref.name}" is the operator\'s own; name one of yours, or use parentRefs',
            )
        named = [rule.name for rule in view.rules]
        if ref.rule not in named:
            have = ", ".join(name for name in named if name) or "it names none"
            return (f'{field}.rule: HTTPRoute "{ref.name}" has no rule named "{ref.rule}" ({have}); name the rule',)
        return (*self._port_problems(rollout), *gateway_problems(rollout, view.parent_refs, self._cache))

    async def review(self, rollout: ModelRollout) -> tuple[str, ...]:
        """As in TrafficProvider: nothing is made, so there is nothing to object to."""
        return ()

    async def delete(self, rollout: ModelRollout) -> None:
        """As in TrafficProvider: the route is its owner's, and stays."""

    def _port_problems(self, rollout: ModelRollout) -> tuple[str, ...]:
        stable = rollout.status.stable
        if stable is None or (port := self._port_of(rollout)(stable.revision)) == rollout.spec.service.port:
            return ()
        return (
            f"spec.service.port: must stay {port} while httpRouteRef is used, as HTTPRoute"
            f' "{_ref(rollout).name}" names it; serve another port under another ModelRollout',
        )

    async def _patch(
        self, rollout: ModelRollout, seen: _Seen, after: Rule, version: str | None, texts: dict[str, str]
    ) -> RouteState:
        view = seen.view
        body: list[Object] = [{"op": "test", "path": "/metadata/uid", "value": view.meta.uid}]
        if version is not None or not view.has_annotations:
            # Where there were no annotations, making the map must not wipe one that somebody has made since.
            value = version or view.meta.resource_version
            body.append({"op": "test", "path": "/metadata/resourceVersion", "value": value})
        if not is_same(seen.rule, after):
            body += operations(seen.rule, after)
        if not view.has_annotations:
            body.append({"op": "add", "path": "/metadata/annotations", "value": {}})
        for annotation, text in texts.items():
            name = mark(annotation, rollout.key.name).replace("/", "~1")
            body.append({"op": "add", "path": f"/metadata/annotations/{name}", "value": text})
        written = await self._client.patch(HTTP_ROUTE, rollout.key.namespace, view.meta.name, body, PatchType.JSON)
        self._cache.apply_event(HTTP_ROUTE, None, written)
        found = _find(route_view(written), seen.rule.name)
        assert found is not None  # noqa: S101 - the patch has tested its name
        return self._state(rollout, found)

    async def _refresh(self, rollout: ModelRollout) -> None:
        name = _ref(rollout).name
        live = await self._client.get(HTTP_ROUTE, rollout.key.namespace, name)
        if live is not None:
            self._cache.apply_event(HTTP_ROUTE, None, live)
        elif (known := self._cache.route(rollout.key.namespace, name)) is not None:
            self._cache.forget_route(known)

    async def _changed(self, rollout: ModelRollout, seen: _Seen) -> bool:
        await self._refresh(rollout)
        now = self._cache.route(rollout.key.namespace, seen.view.meta.name)
        return now is None or now.meta.resource_version != seen.view.meta.resource_version

    def _seen(self, rollout: ModelRollout) -> _Seen | None:
        ref = _ref(rollout)
        view = self._cache.route(rollout.key.namespace, ref.name)
        return None if view is None else _find(view, ref.rule)

    def _names(self, rollout: ModelRollout) -> Names:
        key = rollout.key

        def is_revision(service: str) -> bool:
            known = self._cache.service(key.namespace, service)
            ours = known is None or known.meta.is_controlled_by(rollout.uid)
            return ours and looks_like_revision(service, key.name)

        return Names(key.name, self._rest_port(rollout), is_revision)

    def _rest_port(self, rollout: ModelRollout) -> int:
        """Of Service `<name>`: that of the revision that it follows."""
        stable = rollout.status.stable
        return rollout.spec.service.port if stable is None else self._port_of(rollout)(stable.revision)

    def _standing(self, rollout: ModelRollout, rule: Rule) -> Standing:
        return standing(rule, self._names(rollout))

    def _wanted(self, rollout: ModelRollout, split: Split, rule: Rule) -> Rule:
        names = self._names(rollout)
        if self._may_rest(rollout, split, rule):
            return at_rest(rule, names)
        return moved(rule, names, split, self._port_of(rollout))

    def _may_rest(self, rollout: ModelRollout, split: Split, rule: Rule) -> bool:
        """Whether Service `<name>` does what the split says: it follows the one revision that has all requests.

        After a promotion its endpoints follow a moment later than its selector.
        """
        if len(split.weights) > 1 or split.mirror is not None:
            return False
        (revision, _), *_ = split.weights
        key = rollout.key
        service = self._cache.service(key.namespace, key.name)
        rests = self._standing(rollout, rule) is Standing.REST
        if service is None or service.revision != revision:
            return service is None and rests
        follows = self._cache.ready_names(key.namespace, key.name)
        pods = self._cache.ready_names(key.namespace, object_name(key.name, revision))
        return rests or (bool(follows) and follows == pods)

    def _state(self, rollout: ModelRollout, seen: _Seen) -> RouteState:
        names, view = self._names(rollout), seen.view
        ours = replace(
            view,
            rules=(self._as_ours(rollout, seen, names),),
            sequence=view.text_of(ANNOTATION_SEQUENCE, names.rollout),
            decision=view.text_of(ANNOTATION_DECISION, names.rollout),
        )
        state = route_state(ours, Naming(names.rollout), self._controller_of)
        state = replace(state, edition=f"{view.meta.uid}/{view.meta.generation}", by=view.rules_by)
        if standing(seen.rule, names) is not Standing.FOREIGN:
            return state
        have = ", ".join(backend["name"] for backend in seen.rule.backends or ()) or "nothing"
        text = (
            f'rule "{seen.rule.name}" of HTTPRoute {view.meta.name} sends requests to {have}, and is left as it is:'
            f" write backendRefs: {self._rest_text(rollout)}"
        )
        return replace(state, acceptance=Acceptance.REJECTED, message=text, edition="")

    def _as_ours(self, rollout: ModelRollout, seen: _Seen, names: Names) -> RouteRuleView:
        """The rule as a route of our own would have it: by revision, in percent, without the owner's mirrors."""
        rule = seen.view.rules[seen.rule.index]
        service = self._cache.service(rollout.key.namespace, names.rollout)
        follows = service.revision if service is not None else None
        backends = rule.backends
        if standing(seen.rule, names) is Standing.REST:
            name = object_name(names.rollout, follows) if follows else names.rollout
            backends = (replace(backends[0], name=name, weight=FULL),)
        mine = {entry["requestMirror"]["backendRef"]["name"] for entry in mirrors_of(seen.rule, names)}
        mirrors = tuple(entry for entry in rule.mirrors if entry.plain and entry.name in mine)
        return replace(rule, backends=backends, mirrors=mirrors, has_backend_mirror=False)

    def _rest_text(self, rollout: ModelRollout) -> str:
        return f"[{{name: {rollout.key.name}, port: {self._rest_port(rollout)}}}]"

    def _name(self, rollout: ModelRollout) -> str:
        return f"{rollout.key.namespace}/{_ref(rollout).name}"

    def _port_of(self, rollout: ModelRollout) -> Callable[[str], int]:
        def port_of(revision: str) -> int:
            stored = self._cache.revision(rollout.key.namespace, object_name(rollout.key.name, revision))
            return rollout.spec.service.port if stored is None else stored.port

        return port_of

    def _controller_of(self, parent: ParentRefView) -> str | None:
        gateway = self._cache.gateway(parent.namespace, parent.name)
        gateway_class = None if gateway is None else self._cache.gateway_class(gateway.class_name)
        return None if gateway_class is None else gateway_class.controller_name


def _find(view: RouteView, name: str) -> _Seen | None:
    rule = next((rule for rule in rules_of(view) if rule.name == name), None)
    return None if rule is None else _Seen(view, rule)


def _ref(rollout: ModelRollout) -> HTTPRouteRef:
    ref = rollout.spec.traffic.gateway_api.http_route_ref
    assert ref is not None  # noqa: S101 - the registry has looked
    return ref
