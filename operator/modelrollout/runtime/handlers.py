"""kopf as the informer: every handler takes an object into a cache and enqueues who it concerns. Nothing else."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import kopf

from modelrollout.api.resource import Key
from modelrollout.kube.caches import Cache, Watched, name_of
from modelrollout.kube.client import Listing
from modelrollout.kube.resources import ENDPOINT_SLICE, GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, MODEL_ROLLOUT, Resource
from modelrollout.kube.views import LABEL_SERVICE
from modelrollout.runtime.arrivals import Arrivals
from modelrollout.runtime.rollouts import Rollouts

Enqueue = Callable[[Key], None]
SHARED: Final = (GATEWAY, GATEWAY_CLASS)
"""Kinds that rollouts of any namespace refer to: watched everywhere, whatever namespaces are served."""


class Intake:
    """Takes objects into the caches, whether a watch, a list or nobody told of their end."""

    def __init__(self, rollouts: Rollouts, cache: Cache, enqueue: Enqueue, gone: Enqueue) -> None:
        self._rollouts = rollouts
        self._cache = cache
        self._enqueue = enqueue
        self._gone = gone
        self._arrivals = Arrivals()

    async def arrived(self) -> None:
        """Wait until kopf's own first lists are in: see `Arrivals`."""
        await self._arrivals.are_in()

    def rollout(self, event: str | None, raw: dict[str, Any]) -> None:
        """A ModelRollout was seen, or deleted."""
        self._arrivals.count(event)
        if event == "DELETED":
            self._gone(Key(raw["metadata"]["namespace"], raw["metadata"]["name"]))
            return
        key = self._rollouts.put(raw)
        if key is not None:
            self._enqueue(key)

    def child(self, resource: Resource, event: str | None, raw: dict[str, Any]) -> None:
        """Anything else that is watched was seen, or deleted."""
        self._arrivals.count(event)
        before = self._cache.view(resource, raw)
        for key in self._cache.apply_event(resource, event, raw):
            self._enqueue(key)
        # A Gateway's status counts its routes: it changes with each of them, and nobody has to look for that.
        if resource not in SHARED or self._cache.view(resource, raw) != before:
            self._referring(resource, raw)

    async def list_of_rollouts(self, pages: AsyncIterable[Listing]) -> None:
        """All ModelRollouts there are: what is not among them has gone without an event."""
        listed: set[Key] = set()
        versions: set[int] = set()
        async for page in pages:
            listed |= {Key(*name_of(raw)) for raw in page.items}
            versions.add(int(page.resource_version))
            for raw in page.items:
                self._rollouts.put(raw)
        self._arrivals.expect(MODEL_ROLLOUT, len(listed))
        for key in self._rollouts.known():
            version = self._rollouts.version(key)
            # What is newer than the list was made after it.
            if key not in listed and version is not None and version <= min(versions):
                self._gone(key)
        # Those that move first: after a restart, their candidates have gone unjudged for a while.
        for key in sorted(self._rollouts.known(), key=self._rollouts.moves, reverse=True):
            self._enqueue(key)

    async def list_of_children(self, resource: Resource, pages: AsyncIterable[Listing]) -> None:
        """All objects of a kind."""
        names: set[tuple[str, str]] = set()
        versions: set[str] = set()
        async for page in pages:
            names |= {name_of(raw) for raw in page.items}
            versions.add(page.resource_version)
            for raw in page.items:
                for key in self._cache.apply_event(resource, None, raw):
                    self._enqueue(key)
        self._arrivals.expect(resource, len(names))
        # Of several lists the oldest: what is newer than it may be missing from its part.
        for key in self._cache.retain(resource, frozenset(names), min(versions, key=int)):
            self._enqueue(key)

    def _referring(self, resource: Resource, raw: dict[str, Any]) -> None:
        """What belongs to nobody: look at those whose route attaches to a Gateway, or leads to a Service."""
        metadata = raw["metadata"]
        if resource == ENDPOINT_SLICE:
            service = (metadata.get("labels") or {}).get(LABEL_SERVICE)
            for key in self._rollouts.of_service(metadata["namespace"], service) if service else ():
                self._enqueue(key)
        if resource == HTTP_ROUTE:
            for key in self._rollouts.of_route(metadata["namespace"], metadata["name"]):
                self._enqueue(key)
            # It may take the requests for what stands in, or have done so until now.
            for service in _services_of(raw):
                for key in self._rollouts.of_service(metadata["namespace"], service):
                    self._enqueue(key)
        if resource == GATEWAY_CLASS:
            for key in self._rollouts.known():
                self._enqueue(key)
        if resource == GATEWAY:
            for key in self._attached(metadata["namespace"], metadata["name"]):
                self._enqueue(key)

    def _attached(self, namespace: str, gateway: str) -> frozenset[Key]:
        """Those whose route, or whose rule of somebody else's, attaches to a Gateway."""
        found = set(self._rollouts.of_gateway(namespace, gateway))
        for where, name in self._rollouts.foreign_routes():
            route = self._cache.route(where, name)
            if route is not None and any((p.namespace, p.name) == (namespace, gateway) for p in route.parent_refs):
                found |= self._rollouts.of_route(where, name)
        return frozenset(found)


def _services_of(route: dict[str, Any]) -> frozenset[str]:
    rules = (route.get("spec") or {}).get("rules") or ()
    return frozenset(backend["name"] for rule in rules for backend in rule.get("backendRefs") or ())


@dataclass(frozen=True, slots=True)
class Watch:
    """Kinds that are watched in the same namespaces; none means everywhere."""

    entries: tuple[Watched, ...]
    namespaces: tuple[str, ...]


def watches(watched: Iterable[Watched], namespaces: tuple[str, ...]) -> tuple[Watch, ...]:
    """What to watch where, ModelRollouts among it, when these namespaces are served; none means all."""
    entries = (Watched(MODEL_ROLLOUT, None), *watched)
    if not namespaces:
        return (Watch(entries, ()),)
    served = tuple(entry for entry in entries if entry.resource not in SHARED)
    shared = tuple(entry for entry in entries if entry.resource in SHARED)
    return Watch(served, namespaces), Watch(shared, ())


async def follow(watch: Watch, intake: Intake, on_end: Callable[[], None]) -> None:
    """Take in what a watch tells, until a signal.

    Args:
        on_end: called when a signal came and nothing is watched any more. kopf itself returns only seconds later: it
            waits for tasks that are not its own.
    """
    registry = kopf.OperatorRegistry()
    settings = kopf.OperatorSettings()
    configure(settings, watch.entries)
    register(registry, watch.entries, intake)

    @kopf.on.cleanup(registry=registry)
    async def cleanup(**_: Any) -> None:
        on_end()

    await kopf.operator(
        registry=registry,
        settings=settings,
        standalone=True,
        clusterwide=not watch.namespaces,
        namespaces=watch.namespaces,
    )


def register(registry: kopf.OperatorRegistry, watched: tuple[Watched, ...], intake: Intake) -> None:
    """Make kopf watch what the operator looks at."""

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    for entry in watched:
        _register(registry, entry.resource, intake)


def _register(registry: kopf.OperatorRegistry, resource: Resource, intake: Intake) -> None:
    @kopf.on.event(resource.group, resource.version, resource.plural, id=f"on-{resource.plural}", registry=registry)
    async def on_event(event: Any, **_: Any) -> None:
        if resource == MODEL_ROLLOUT:
            intake.rollout(event["type"], event["object"])
        else:
            intake.child(resource, event["type"], event["object"])


def patience() -> Iterator[float]:
    """Seconds between tries while the API server is away: without an end, and none so long that we are late."""
    return itertools.chain((0.5, 1.0, 2.0, 4.0), itertools.repeat(8.0))


class Backoffs:
    """`patience`, for each request of kopf's anew.

    After the last of a finite number kopf ends, and the process with it: an outage of half a minute would cost the
    caches.
    """

    def __iter__(self) -> Iterator[float]:
        return patience()


class NoDiffs(kopf.DiffBaseStorage):
    """What kopf compares an object with what it was by: nothing, as no handler of ours asks for differences.

    By default it makes two deep copies of each object at each event.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        """An object's essence."""
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        """The essence that was stored last."""
        return None

    def store(self, **_: Any) -> None:
        """kopf stores what a change handler was done with; there is none."""


def configure(settings: kopf.OperatorSettings, watched: tuple[Watched, ...]) -> None:
    """kopf's settings: an informer that writes nothing."""
    settings.peering.standalone = True
    settings.posting.enabled = False  # our own recorder counts repeats
    settings.scanning.disabled = True  # we check for our CRD ourselves; saves two cluster-wide rights
    settings.persistence.diffbase_storage = NoDiffs()
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = Backoffs()
    settings.watching.server_timeout = 290
    settings.watching.chunk_size = 500
    for entry in watched:
        if entry.label_selector is not None:
            resource = entry.resource
            settings.watching.label_selectors[resource.group, resource.version, resource.plural] = entry.label_selector
