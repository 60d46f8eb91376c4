"""kopf as the informer: every handler takes an object into a cache and enqueues who it concerns. Nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kopf

from modelrollout.api.names import GROUP, PLURAL, VERSION
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.kube.caches import Cache, Watched
from modelrollout.kube.resources import GATEWAY, GATEWAY_CLASS, Resource
from modelrollout.runtime.rollouts import Rollouts

Enqueue = Callable[[Key], None]


class Intake:
    """Takes objects into the caches, whether a watch, a list or nobody told of their end."""

    def __init__(self, rollouts: Rollouts, cache: Cache, enqueue: Enqueue, gone: Enqueue) -> None:
        self._rollouts = rollouts
        self._cache = cache
        self._enqueue = enqueue
        self._gone = gone

    def rollout(self, event: str | None, raw: dict[str, Any]) -> None:
        """A ModelRollout was seen, or deleted."""
        if event == "DELETED":
            self._gone(Key(raw["metadata"]["namespace"], raw["metadata"]["name"]))
            return
        key = self._rollouts.put(raw)
        if key is not None:
            self._enqueue(key)

    def child(self, resource: Resource, event: str | None, raw: dict[str, Any]) -> None:
        """Anything else that is watched was seen, or deleted."""
        for key in self._cache.apply_event(resource, event, raw):
            self._enqueue(key)
        self._referring(resource, raw["metadata"])

    def list_of_rollouts(self, items: tuple[dict[str, Any], ...]) -> None:
        """All ModelRollouts there are: what is not among them has gone without an event."""
        listed = {Key(raw["metadata"]["namespace"], raw["metadata"]["name"]) for raw in items}
        for key in self._rollouts.known():
            if key not in listed:
                self._gone(key)
        for raw in items:
            self._rollouts.put(raw)
        for key in self._rollouts.known():
            self._enqueue(key)

    def list_of_children(self, resource: Resource, items: tuple[dict[str, Any], ...], version: str) -> None:
        """All objects of a kind."""
        for key in self._cache.replace(resource, items, version):
            self._enqueue(key)

    def _referring(self, resource: Resource, metadata: dict[str, Any]) -> None:
        """A Gateway belongs to nobody: look at those whose route attaches to it."""
        if resource not in (GATEWAY, GATEWAY_CLASS):
            return
        for key in self._rollouts.known():
            rollout = self._rollouts.get(key)
            if isinstance(rollout, ModelRollout) and (resource == GATEWAY_CLASS or _refers(rollout, metadata)):
                self._enqueue(key)


def _refers(rollout: ModelRollout, metadata: dict[str, Any]) -> bool:
    return any(
        (parent.namespace or rollout.key.namespace, parent.name) == (metadata["namespace"], metadata["name"])
        for parent in rollout.spec.traffic.gateway_api.parent_refs
    )


def register(registry: kopf.OperatorRegistry, watched: tuple[Watched, ...], intake: Intake) -> None:
    """Make kopf watch what the operator looks at."""

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def on_rollout(event: Any, **_: Any) -> None:
        intake.rollout(event["type"], event["object"])

    for entry in watched:
        _register_child(registry, entry.resource, intake)


def _register_child(registry: kopf.OperatorRegistry, resource: Resource, intake: Intake) -> None:
    @kopf.on.event(resource.group, resource.version, resource.plural, id=f"on-{resource.plural}", registry=registry)
    async def on_child(event: Any, **_: Any) -> None:
        intake.child(resource, event["type"], event["object"])


def configure(settings: kopf.OperatorSettings, watched: tuple[Watched, ...]) -> None:
    """kopf's settings: an informer that writes nothing."""
    settings.peering.standalone = True
    settings.posting.enabled = False  # our own recorder counts repeats
    settings.scanning.disabled = True  # we check for our CRD ourselves; saves two cluster-wide rights
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = (0.5, 1, 2, 4, 8, 16)
    settings.watching.server_timeout = 290
    settings.watching.chunk_size = 500
    for entry in watched:
        if entry.label_selector is not None:
            resource = entry.resource
            settings.watching.label_selectors[resource.group, resource.version, resource.plural] = entry.label_selector
