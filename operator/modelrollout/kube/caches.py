"""What the watches have shown, as pruned projections, found by ModelRollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import structlog

from modelrollout.api.names import LABEL_MANAGED_BY, LABEL_NAME, MANAGED_BY
from modelrollout.api.resource import Key
from modelrollout.engine.behind import Behind
from modelrollout.kube import resources, views
from modelrollout.kube.resources import Resource
from modelrollout.kube.route import RouteView, route_view
from modelrollout.kube.views import (
    ControllerRevisionView,
    DeploymentView,
    EndpointSliceView,
    GatewayClassView,
    GatewayView,
    JobView,
    Meta,
    PodView,
    ServiceView,
)

OURS: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
PODS: Final = LABEL_NAME


@dataclass(frozen=True, slots=True)
class Watched:
    """A kind to watch.

    Attributes:
        label_selector: which objects of it; None for all.
    """

    resource: Resource
    label_selector: str | None


WATCHED: Final = (
    Watched(resources.CONTROLLER_REVISION, OURS),
    Watched(resources.DEPLOYMENT, OURS),
    Watched(resources.AUTOSCALER, OURS),
    Watched(resources.SERVICE, OURS),
    # All, as every kube-proxy does: traffic also goes to Services that bear no label of ours.
    Watched(resources.ENDPOINT_SLICE, None),
    Watched(resources.POD, PODS),
    Watched(resources.JOB, OURS),
    # All of them: a ModelRollout may name one that somebody else owns, before it bears any mark of ours.
    Watched(resources.HTTP_ROUTE, None),
    Watched(resources.GATEWAY, None),
    Watched(resources.GATEWAY_CLASS, None),
)


class View(Protocol):
    """What a projection has in common with the others."""

    @property
    def meta(self) -> Meta:
        """What all objects have."""
        ...


V = TypeVar("V", bound=View)


class _Store(Generic[V]):
    """All projections of one kind, by name and by what they belong to: a ModelRollout, if nothing else is said."""

    def __init__(
        self,
        project: Callable[[Mapping[str, Any]], V],
        *,
        parents: Callable[[V], tuple[Key, ...]] | None = None,
        concerns: Callable[[V], tuple[Key, ...]] | None = None,
    ) -> None:
        """Keep projections.

        Args:
            parents: what an object is found by; by default the ModelRollout that its label names.
            concerns: which ModelRollouts have to look when it changes; by default the same.
        """
        self._project = project
        self._parents = parents or _labelled
        self._concerns = concerns or _labelled
        self._objects: dict[tuple[str, str], V] = {}
        self._children: dict[Key, dict[str, V]] = {}

    def find(self, namespace: str, name: str) -> V | None:
        return self._objects.get((namespace, name))

    def within(self, namespace: str) -> tuple[V, ...]:
        return tuple(view for (where, _), view in self._objects.items() if where == namespace)

    def children(self, key: Key) -> tuple[V, ...]:
        return tuple(self._children.get(key, {}).values())

    def put(self, raw: Mapping[str, Any]) -> frozenset[Key]:
        try:
            view = self._project(raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # Anybody may put our labels on an object, and the data of a ControllerRevision has no schema. It must not
            # stop the others from being seen; to us it does not exist.
            name = f"{raw['metadata'].get('namespace', '')}/{raw['metadata']['name']}"
            structlog.get_logger(__name__).warning("object ignored: not as we make it", object=name, error=repr(error))
            return self.remove(raw)
        old = self.find(view.meta.namespace, view.meta.name)
        # Answers to our own writes get here before the watch shows what was before them.
        if old is not None and _version(old.meta.resource_version) > _version(view.meta.resource_version):
            return frozenset()
        if old is not None:
            self._forget(old)
        self._objects[view.meta.namespace, view.meta.name] = view
        for parent in self._parents(view):
            self._children.setdefault(parent, {})[view.meta.name] = view
        return frozenset() if old == view else self._keys(old, view)

    def remove(self, raw: Mapping[str, Any]) -> frozenset[Key]:
        metadata = raw["metadata"]
        old = self.find(metadata.get("namespace", ""), metadata["name"])
        if old is None or old.meta.uid != metadata["uid"]:
            return frozenset()
        self._forget(old)
        return self._keys(old)

    def retain(self, names: Set[tuple[str, str]], resource_version: str) -> frozenset[Key]:
        changed: set[Key] = set()
        for name, view in list(self._objects.items()):
            # What is newer than the list was made after it, so the list cannot know it.
            if name not in names and _version(view.meta.resource_version) <= _version(resource_version):
                self._forget(view)
                changed |= self._keys(view)
        return frozenset(changed)

    def _forget(self, view: V) -> None:
        self._objects.pop((view.meta.namespace, view.meta.name), None)
        for parent in self._parents(view):
            siblings = self._children.get(parent, {})
            siblings.pop(view.meta.name, None)
            if not siblings:
                self._children.pop(parent, None)

    def _keys(self, *found: V | None) -> frozenset[Key]:
        return frozenset(key for view in found if view is not None for key in self._concerns(view))


class Cache:
    """Projections of everything that is watched.

    It is filled by one task and read by others of the same event loop, so it needs no lock.
    """

    def __init__(self) -> None:
        self._revisions = _Store(views.controller_revision_view)
        self._deployments = _Store(views.deployment_view)
        self._autoscalers = _Store(views.autoscaler_view)
        self._services = _Store(views.service_view)
        self._slices = _Store(views.endpoint_slice_view, parents=_service_of)
        self._pods = _Store(views.pod_view)
        self._jobs = _Store(views.job_view)
        self._routes = _Store(route_view, parents=_labelled_or_marked, concerns=_labelled_or_marked)
        self._gateways = _Store(views.gateway_view)
        self._gateway_classes = _Store(views.gateway_class_view)
        self._stores: Mapping[Resource, _Store[Any]] = {
            resources.CONTROLLER_REVISION: self._revisions,
            resources.DEPLOYMENT: self._deployments,
            resources.AUTOSCALER: self._autoscalers,
            resources.SERVICE: self._services,
            resources.ENDPOINT_SLICE: self._slices,
            resources.POD: self._pods,
            resources.JOB: self._jobs,
            resources.HTTP_ROUTE: self._routes,
            resources.GATEWAY: self._gateways,
            resources.GATEWAY_CLASS: self._gateway_classes,
        }

    @staticmethod
    def resources() -> tuple[Watched, ...]:
        """What the runtime has to watch."""
        return WATCHED

    def apply_event(self, resource: Resource, event: str | None, raw: Mapping[str, Any]) -> frozenset[Key]:
        """Take in one watch event, or the answer to a write of ours.

        Args:
            event: DELETED; anything else, or None from an initial list, says what exists.

        Returns:
            the ModelRollouts whose projections changed. A change that no projection shows concerns nobody, nor does an
            event that is older than what is known. Gateways and their classes belong to nobody: the caller knows who
            refers to them.
        """
        store = self._stores[resource]
        return store.remove(raw) if event == "DELETED" else store.put(raw)

    def retain(self, resource: Resource, names: Set[tuple[str, str]], resource_version: str) -> frozenset[Key]:
        """Forget what a whole list did not show, so that a deletion that no event told is noticed.

        Args:
            names: namespaces and names of all that it showed, taken in before.
            resource_version: of the list.

        Returns:
            the ModelRollouts concerned.
        """
        return self._stores[resource].retain(names, resource_version)

    def view(self, resource: Resource, raw: Mapping[str, Any]) -> View | None:
        """What is known of the object that this is a version of."""
        return self._stores[resource].find(*name_of(raw))

    def meta(self, resource: Resource, namespace: str, name: str) -> Meta | None:
        """What is known of any watched object."""
        view = self._stores[resource].find(namespace, name)
        return None if view is None else view.meta

    def revisions(self, key: Key) -> tuple[ControllerRevisionView, ...]:
        """The stored revisions of a ModelRollout, oldest first."""
        return tuple(sorted(self._revisions.children(key), key=lambda view: view.number))

    def revision(self, namespace: str, name: str) -> ControllerRevisionView | None:
        """One stored revision."""
        return self._revisions.find(namespace, name)

    def deployment(self, namespace: str, name: str) -> DeploymentView | None:
        """One Deployment."""
        return self._deployments.find(namespace, name)

    def service(self, namespace: str, name: str) -> ServiceView | None:
        """One Service."""
        return self._services.find(namespace, name)

    def ready_endpoints(self, namespace: str, service: str) -> int:
        """How many endpoints of a Service, ours or not, are ready."""
        return len(self.ready_names(namespace, service))

    def ready_names(self, namespace: str, service: str) -> frozenset[str]:
        """Which pods of a Service are ready."""
        return frozenset().union(*(part.ready for part in self._slices.children(Key(namespace, service))))

    def behind(self, namespace: str, service: str) -> Behind:
        """What is behind a Service."""
        parts = self._slices.children(Key(namespace, service))
        ready = frozenset[str]().union(*(part.ready for part in parts))
        return Behind(
            ready=frozenset[str]().union(*(part.ready_groups for part in parts)),
            all=frozenset[str]().union(*(part.groups for part in parts)),
            endpoints=len(ready.union(*(part.unready for part in parts))),
        )

    def pods(self, key: Key, revision: str) -> tuple[PodView, ...]:
        """The pods of one revision."""
        return tuple(view for view in self._pods.children(key) if view.meta.revision == revision)

    def job(self, namespace: str, name: str) -> JobView | None:
        """One Job."""
        return self._jobs.find(namespace, name)

    def jobs(self, key: Key) -> tuple[JobView, ...]:
        """The Jobs of a ModelRollout."""
        return self._jobs.children(key)

    def job_pods(self, key: Key, job: str) -> tuple[PodView, ...]:
        """The pods of one of a ModelRollout's Jobs."""
        return tuple(view for view in self._pods.children(key) if view.job == job)

    def route(self, namespace: str, name: str) -> RouteView | None:
        """One HTTPRoute."""
        return self._routes.find(namespace, name)

    def forget_route(self, view: RouteView) -> None:
        """A live look has shown that a route is gone."""
        self._routes.remove(
            {"metadata": {"namespace": view.meta.namespace, "name": view.meta.name, "uid": view.meta.uid}}
        )

    def marked_routes(self, key: Key) -> tuple[RouteView, ...]:
        """Routes of somebody else that bear marks of a ModelRollout."""
        return tuple(view for view in self._routes.children(key) if key.name in view.marked_for)

    def routes(self, namespace: str) -> tuple[RouteView, ...]:
        """All HTTPRoutes of a namespace."""
        return self._routes.within(namespace)

    def gateway(self, namespace: str, name: str) -> GatewayView | None:
        """One Gateway."""
        return self._gateways.find(namespace, name)

    def gateway_class(self, name: str) -> GatewayClassView | None:
        """One GatewayClass."""
        return self._gateway_classes.find("", name)


def name_of(raw: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace, empty where there is none, and name of an object."""
    metadata = raw["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _service_of(view: EndpointSliceView) -> tuple[Key, ...]:
    return (Key(view.meta.namespace, view.service),) if view.service else ()


def _labelled(view: View) -> tuple[Key, ...]:
    return (view.meta.key,) if view.meta.key is not None else ()


def _labelled_or_marked(view: RouteView) -> tuple[Key, ...]:
    """A route of somebody else concerns those whose marks are on it."""
    return (*_labelled(view), *(Key(view.meta.namespace, name) for name in view.marked_for))


def _version(resource_version: str) -> int:
    """Resource versions of one kind are ordered decimal numbers (KEP-5504); anything else never wins a comparison."""
    return int(resource_version) if resource_version.isdecimal() else 0
