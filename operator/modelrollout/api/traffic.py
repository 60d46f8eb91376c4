"""`spec.traffic` and `spec.service`: who carries the requests, and to which port."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from modelrollout.api.metrics import Selector
from modelrollout.api.model import APIModel
from modelrollout.api.scalars import Duration, IntOrString, Port, Preserved


class Service(APIModel):
    """The port that clients and the gateway use; part of the revision."""

    port: Port = Field(description="Port of the Services that the operator makes.")
    target_port: IntOrString | None = Field(
        None, description="Port of the container, by number or name. Default: the same number as port."
    )
    app_protocol: str | None = Field(None, max_length=63, description="For instance kubernetes.io/h2c for gRPC.")


class ParentRef(APIModel):
    """A Gateway that the route attaches to."""

    name: str = Field(min_length=1, max_length=253, description="Name of the Gateway.")
    namespace: str | None = Field(None, max_length=63, description="Its namespace. Default: that of the ModelRollout.")
    section_name: str | None = Field(None, max_length=253, description="One listener of it.")
    port: Port | None = Field(None, description="One port of it.")


class RouteRule(APIModel):
    """A rule of the HTTPRoute; the operator adds backendRefs and the mirror to it."""

    name: str | None = Field(None, max_length=253, description="Name of the rule.")
    matches: tuple[Preserved, ...] | None = Field(
        None, max_length=64, description="As in HTTPRoute. Default: everything."
    )
    filters: tuple[Preserved, ...] | None = Field(
        None, max_length=15, description="As in HTTPRoute, but without RequestMirror, which a shadow stage sets."
    )
    timeouts: Preserved | None = Field(None, description="As in HTTPRoute.")
    retry: Preserved | None = Field(None, description="As in HTTPRoute.")


class GatewayAPI(APIModel):
    """An HTTPRoute that the operator owns."""

    parent_refs: tuple[ParentRef, ...] = Field(min_length=1, max_length=8, description="Gateways that it attaches to.")
    hostnames: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] | None = Field(
        None, max_length=16, description="Hosts that it answers for. Default: those of the Gateway."
    )
    rules: tuple[RouteRule, ...] | None = Field(
        None, min_length=1, max_length=16, description="Rules of the route. Default: one for everything."
    )


class Traffic(APIModel):
    """How requests are split, and how the split is counted."""

    gateway_api: GatewayAPI = Field(alias="gatewayAPI", description="By the Gateway API.")
    requests: Selector | None = Field(
        None,
        description="Counter of requests that shows each revision's share. Default: total of the first ratio metric.",
    )
    settle: Duration = Field(
        timedelta(seconds=10),
        description="After a new weight is accepted: how long the data plane and requests under way may take.",
    )


class Prometheus(APIModel):
    """Where the metrics are read."""

    url: str = Field(
        min_length=8,
        max_length=2048,
        pattern="^https?://.+",
        description="Base address, such as http://prometheus.monitoring:9090.",
    )
