"""The kinds that the operator reads and writes, as the API server addresses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from modelrollout.api import names

Object: TypeAlias = dict[str, Any]
"""An object as JSON. It lives only at the edge: it is rendered just before a write and projected just after a read."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind.

    Attributes:
        group: empty for the core group.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As in `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """As in RBAC and kubectl: deployments.apps."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """Path below the API server's address.

        Raises:
            ValueError: a namespace is given for a cluster-wide kind, or an object of a namespaced kind has none.
        """
        if namespace is not None and not self.namespaced:
            raise ValueError(f"{self.kind} has no namespace")
        if namespace is None and self.namespaced and name is not None:
            raise ValueError(f"{self.kind} {name} needs a namespace")
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part is not None]
        return "/" + "/".join(parts)


MODEL_ROLLOUT: Final = Resource(names.GROUP, names.VERSION, names.PLURAL, names.KIND)
CONTROLLER_REVISION: Final = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
DEPLOYMENT: Final = Resource("apps", "v1", "deployments", "Deployment")
AUTOSCALER: Final = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SERVICE: Final = Resource("", "v1", "services", "Service")
CONFIG_MAP: Final = Resource("", "v1", "configmaps", "ConfigMap")
SECRET: Final = Resource("", "v1", "secrets", "Secret")
POD: Final = Resource("", "v1", "pods", "Pod")
JOB: Final = Resource("batch", "v1", "jobs", "Job")
ENDPOINT_SLICE: Final = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
HTTP_ROUTE: Final = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")
GATEWAY: Final = Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway")
GATEWAY_CLASS: Final = Resource("gateway.networking.k8s.io", "v1", "gatewayclasses", "GatewayClass", namespaced=False)
EVENT: Final = Resource("events.k8s.io", "v1", "events", "Event")
NAMESPACE: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
LEASE: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
