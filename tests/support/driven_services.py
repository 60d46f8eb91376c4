"""The same where somebody else deploys: each version is behind a Service that is there before."""

from __future__ import annotations

from typing import Any

from modelrollout.kube.resources import ENDPOINT_SLICE, SERVICE, Object
from tests.support.behind import NEW, OLD, A, B
from tests.support.driven import Driven

BEHIND = {"1": (A, OLD), "2": (B, NEW)}
"""By version, its Service and the pods behind that."""


class DrivenBetween(Driven):
    """As Driven."""

    def backend(self, version: str) -> str:
        """As in Driven."""
        return BEHIND[version][0]

    def _manifest(self, version: str) -> Object:
        made = super()._manifest(version)
        services = {"stable": A} | ({} if version == "1" else {"candidate": B})
        made["spec"] |= {"workload": {"services": services}, "service": {"port": 80}}
        return made

    async def _deploy(self) -> None:
        for service, pods in BEHIND.values():
            await self.client.create(SERVICE, self._object(SERVICE.kind, "v1", service) | _selects(service))
            body = self._object(ENDPOINT_SLICE.kind, ENDPOINT_SLICE.api_version, f"{service}-x")
            body["metadata"]["labels"] = {"kubernetes.io/service-name": service}
            await self.client.create(ENDPOINT_SLICE, body | _endpoints(pods))

    def _object(self, kind: str, version: str, name: str) -> Object:
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}}


def _selects(service: str) -> dict[str, Any]:
    return {"spec": {"selector": {"app": service}, "ports": [{"port": 80}]}}


def _endpoints(pods: str) -> dict[str, Any]:
    pod = {"kind": "Pod", "name": pods.replace("*", "x7k2b"), "uid": pods}
    endpoint = {"addresses": ["10.3.0.1"], "conditions": {"ready": True}, "targetRef": pod}
    return {
        "addressType": "IPv4",
        "endpoints": [endpoint],
        "ports": [{"name": "", "port": 80, "protocol": "TCP"}],
    }
