"""The API server as the scenarios use it: typed enough to read well, and what happened in between is not missed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from kubernetes import config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError
from urllib3.exceptions import HTTPError

Object = dict[str, Any]
"""An object as the API server writes it."""
Seen = Callable[[str, Object], None]
"""Is told `ADDED`, `MODIFIED` or `DELETED`, and the object."""

MODEL_ROLLOUT = ("modelrollout.io/v1alpha1", "ModelRollout")
HTTP_ROUTE = ("gateway.networking.k8s.io/v1", "HTTPRoute")
GATEWAY = ("gateway.networking.k8s.io/v1", "Gateway")
DEPLOYMENT = ("apps/v1", "Deployment")
SERVICE = ("v1", "Service")
POD = ("v1", "Pod")
NAMESPACE = ("v1", "Namespace")
NODE = ("v1", "Node")
LEASE = ("coordination.k8s.io/v1", "Lease")
EVENT = ("events.k8s.io/v1", "Event")

Kind = tuple[str, str]
_GONE = 410
_TOO_MANY = 429
_SERVER_ERROR = 500
_WATCH_SECONDS = 20
_PAUSE_SECONDS = 0.5


class Kube:
    """The API server behind a kubeconfig, as its administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = DynamicClient(config.new_client_from_config(str(kubeconfig)))

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """The object, or None."""
        try:
            return cast("Object", self._of(kind).get(name=name, namespace=namespace).to_dict())
        except NotFoundError:
            return None

    def list(self, kind: Kind, namespace: str | None = None, selector: str | None = None) -> list[Object]:
        """All objects with the labels of `selector`."""
        found = self._of(kind).get(namespace=namespace, label_selector=selector).to_dict()
        return cast("list[Object]", found["items"])

    def knows(self, kind: Kind) -> bool:
        """Whether there is such a kind."""
        return bool(self._client.resources.search(api_version=kind[0], kind=kind[1]))

    def create(self, manifest: Object) -> Object:
        """Make an object."""
        kind = (manifest["apiVersion"], manifest["kind"])
        namespace = manifest["metadata"].get("namespace")
        return cast("Object", self._of(kind).create(body=manifest, namespace=namespace).to_dict())

    def merge(self, kind: Kind, name: str, namespace: str, patch: Mapping[str, Any]) -> Object:
        """Change an object by a merge patch, as a person's `kubectl edit` does."""
        patched = self._of(kind).patch(
            body=dict(patch), name=name, namespace=namespace, content_type="application/merge-patch+json"
        )
        return cast("Object", patched.to_dict())

    def delete(self, kind: Kind, name: str, namespace: str | None = None) -> None:
        """Delete an object and what it owns, in the background; one that is gone is no error."""
        try:
            self._of(kind).delete(name=name, namespace=namespace, body={"propagationPolicy": "Background"})
        except NotFoundError:
            return

    def watch(self, kind: Kind, namespace: str, seen: Seen, stopped: threading.Event) -> None:
        """Tell `seen` of every version of every object of a kind, until `stopped`: in order, and none twice."""
        resource = self._of(kind)
        while not stopped.is_set():
            try:
                listing = resource.get(namespace=namespace).to_dict()
                for item in listing["items"]:
                    seen("ADDED", item)
                self._follow(resource, namespace, listing["metadata"]["resourceVersion"], seen, stopped)
            except ApiException as error:
                if error.status != _GONE and not _is_busy(error):
                    raise
                stopped.wait(_PAUSE_SECONDS)
            except HTTPError:
                stopped.wait(_PAUSE_SECONDS)

    def _follow(self, resource: Any, namespace: str, version: str, seen: Seen, stopped: threading.Event) -> None:
        while not stopped.is_set():
            stream = self._client.watch(resource, namespace=namespace, resource_version=version, timeout=_WATCH_SECONDS)
            try:
                for event in stream:
                    version = event["raw_object"]["metadata"]["resourceVersion"]
                    seen(event["type"], event["raw_object"])
            except ApiException as error:
                if not _is_busy(error):
                    raise
                stopped.wait(_PAUSE_SECONDS)
            except HTTPError:
                # The connection broke, as it may on a busy machine: what comes after the last version is told anew.
                stopped.wait(_PAUSE_SECONDS)

    def _of(self, kind: Kind) -> Any:
        return self._client.resources.get(api_version=kind[0], kind=kind[1])


def _is_busy(error: ApiException) -> bool:
    """Whether the API server may answer the same request a moment later."""
    return error.status == _TOO_MANY or (error.status or 0) >= _SERVER_ERROR


__all__ = ["ConflictError", "Kube", "NotFoundError"]
