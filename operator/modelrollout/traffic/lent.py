"""Rules of other people's HTTPRoutes that carry more than their owner wrote: found, and given back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from modelrollout.api.names import ANNOTATION_DECISION, ANNOTATION_SEQUENCE, mark
from modelrollout.api.resource import Key
from modelrollout.api.traffic import HTTPRouteRef
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.errors import ConflictError, NotFoundError, RefusedError
from modelrollout.kube.resources import HTTP_ROUTE, Object
from modelrollout.kube.route import RouteView, route_view
from modelrollout.traffic.rule import (
    Names,
    Rule,
    Standing,
    at_rest,
    looks_like_revision,
    mirrors_of,
    operations,
    rules_of,
    standing,
)

ATTEMPTS: Final = 3


class Named(Protocol):
    """A ModelRollout as far as its name goes: also one whose spec cannot be read."""

    @property
    def key(self) -> Key:
        """Which it is."""
        ...


@dataclass(frozen=True, slots=True)
class Lent:
    """What a ModelRollout has of routes that somebody else owns.

    The marks on the routes are the record: it survives any change of the spec, and the operator itself.
    """

    client: KubeClient
    cache: Cache

    def anything(self, rollout: Named) -> bool:
        """Whether any rule of any of them is not at rest."""
        return any(_moved(view, rollout.key.name) for view in self.cache.marked_routes(rollout.key))

    def besides(self, rollout: Named, keep: HTTPRouteRef | None) -> bool:
        """Whether there are marks on other routes, or other rules moved, than the one that the spec names."""
        return any(
            keep is None or view.meta.name != keep.name or any(rule.name != keep.rule for rule in moved)
            for view in self.cache.marked_routes(rollout.key)
            for moved in [_moved(view, rollout.key.name)]
        )

    async def give_back(self, rollout: Named, keep: HTTPRouteRef | None = None) -> None:
        """Give all rules but one their rest state again. Stable gets all requests by it, so it needs no fresh read.

        Args:
            keep: the rule that stays as it is.

        Raises:
            ModelRolloutError: a route could not be patched.
        """
        for view in self.cache.marked_routes(rollout.key):
            await self._give_back(view, rollout.key.name, keep if keep and view.meta.name == keep.name else None)

    async def _give_back(self, view: RouteView, rollout: str, keep: HTTPRouteRef | None) -> None:
        namespace, name = view.meta.namespace, view.meta.name
        for attempt in range(ATTEMPTS):
            body = _patch(view, rollout, keep)
            if not body:
                return
            try:
                written = await self.client.patch(HTTP_ROUTE, namespace, name, body, PatchType.JSON)
            except NotFoundError:
                self.cache.forget_route(view)
                return
            except RefusedError:
                live = await self.client.get(HTTP_ROUTE, namespace, name)
                if live is None:
                    self.cache.forget_route(view)
                    return
                now = route_view(live)
                if now.meta.resource_version == view.meta.resource_version:
                    raise
                if attempt + 1 == ATTEMPTS:
                    text = f"HTTPRoute {namespace}/{name} changed while it was being given back; trying again"
                    raise ConflictError("Conflict", text) from None
                self.cache.apply_event(HTTP_ROUTE, None, live)
                view = now
            else:
                self.cache.apply_event(HTTP_ROUTE, None, written)
                return


def _names(rollout: str, rule: Rule) -> Names:
    """Ports of all revisions are the same behind a route of somebody else: that of the rule as it is."""
    port = int((rule.backends or ({},))[0].get("port", 0))
    return Names(rollout, port, lambda service: looks_like_revision(service, rollout))


def _moved(view: RouteView, rollout: str) -> tuple[Rule, ...]:
    """The rules that name revisions of a ModelRollout."""
    return tuple(rule for rule in rules_of(view) if _is_moved(rule, _names(rollout, rule)))


def _is_moved(rule: Rule, names: Names) -> bool:
    return standing(rule, names) is Standing.MOVED or bool(mirrors_of(rule, names))


def _rested(rule: Rule, names: Names) -> Rule:
    rested = at_rest(rule, names)
    if standing(rule, names) is Standing.FOREIGN:
        # Its owner points it elsewhere: only our mirror goes.
        return Rule(rule.index, rule.name, rule.backends, rested.filters)
    return rested


def _patch(view: RouteView, rollout: str, keep: HTTPRouteRef | None) -> list[Object]:
    body: list[Object] = []
    for rule in _moved(view, rollout):
        if keep is None or rule.name != keep.rule:
            body += operations(rule, _rested(rule, _names(rollout, rule)))
    if keep is None:
        marks = dict(view.marks)
        for annotation in (ANNOTATION_SEQUENCE, ANNOTATION_DECISION):
            if (name := mark(annotation, rollout)) in marks:
                body.append({"op": "remove", "path": f"/metadata/annotations/{name.replace('/', '~1')}"})
    version = {"op": "test", "path": "/metadata/resourceVersion", "value": view.meta.resource_version}
    return [version, *body] if body else []
