"""An HTTPRoute that the users of the operator own: as their repository has it, and as their tools apply it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from e2e.support.kube import HTTP_ROUTE, Object
from e2e.support.manifests import GATEWAY_NAME, GATEWAY_NAMESPACE, NAME, host
from e2e.support.scenario import Scenario

ROUTE = "shop"
RULE = "predict"
PORT = 8080
AS_ARGO = ("--server-side", "--field-manager=argocd-controller", "--force-conflicts")
BY_THEIR_ROUTE: dict[str, object] = {
    "traffic.gatewayAPI.parentRefs": None,
    "traffic.gatewayAPI.hostnames": None,
    "traffic.gatewayAPI.httpRouteRef": {"name": ROUTE, "rule": RULE},
}
"""Changes of the ModelRollout: it has one rule of their route."""


class OwnRoute:
    """The route, and who applies it."""

    def __init__(self, scenario: Scenario, backend: str = NAME) -> None:
        self._scenario = scenario
        self._backend = backend

    def apply(self, *options: str, backend: str | None = None) -> None:
        """Apply it as the repository has it, or with the rule to another Service."""
        body = self._manifest(backend or self._backend)
        self._scenario.kubectl("apply", "--filename", "-", *options, stdin=yaml.safe_dump(body))

    @property
    def live(self) -> Object:
        """The route as it is now."""
        found = self._scenario.kube.get(HTTP_ROUTE, ROUTE, self._scenario.namespace)
        assert found is not None
        return found

    @property
    def backends(self) -> list[str]:
        """The Services of the rule."""
        return [entry["name"] for entry in self.live["spec"]["rules"][0]["backendRefs"]]

    @contextmanager
    def kept_by(self, *options: str) -> Iterator[None]:
        """Somebody's tool applies it again whenever it is not as in the repository."""
        stopped = threading.Event()

        def keep() -> None:
            while not stopped.wait(0.5):
                if self.backends != [self._backend]:
                    self.apply(*options)

        thread = threading.Thread(target=keep, name="their tool", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()

    def _manifest(self, backend: str) -> Object:
        namespace = self._scenario.namespace
        header = {"name": "x-shop", "value": "yes"}
        rule = {
            "name": RULE,
            "matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}],
            "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [header]}}],
            "backendRefs": [{"name": backend, "port": PORT}],
        }
        return {
            "apiVersion": HTTP_ROUTE[0],
            "kind": HTTP_ROUTE[1],
            "metadata": {"name": ROUTE, "namespace": namespace},
            "spec": {
                "parentRefs": [{"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE}],
                "hostnames": [host(namespace)],
                "rules": [rule],
            },
        }
