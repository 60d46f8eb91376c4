"""`spec.traffic` and `spec.service`: who carries the requests, and to which port."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import Duration, IntOrString, Port, Preserved, Selector

ROUTE_OR_PARENTS = (
    "set exactly one of parentRefs, for an HTTPRoute that the operator makes, and httpRouteRef, for one that exists"
)
ROUTE_KEEPS_ITS_OWN = "hostnames and rules belong to parentRefs: with httpRouteRef write them in the HTTPRoute itself"


class Service(APIModel):
    """The port that clients and the gateway use; part of the revision."""

    port: Port = Field(description="Port of the Services, whoever makes them.")
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


class HTTPRouteRef(APIModel):
    """One rule of an HTTPRoute that somebody else owns, in the namespace of the ModelRollout."""

    name: str = Field(min_length=1, max_length=253, description="Name of the HTTPRoute.")
    rule: str = Field(
        min_length=1,
        max_length=253,
        description="Name of the rule. At rest its backendRefs name the Service of the ModelRollout's name, alone.",
    )


class GatewayAPI(APIModel):
    """An HTTPRoute that the operator owns, or one rule of the user's."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("has(self.parentRefs) != has(self.httpRouteRef)", ROUTE_OR_PARENTS),
            ("!has(self.httpRouteRef) || (!has(self.hostnames) && !has(self.rules))", ROUTE_KEEPS_ITS_OWN),
        )
    )

    parent_refs: tuple[ParentRef, ...] | None = Field(
        None, min_length=1, max_length=8, description="Gateways that a route of the operator's own attaches to."
    )
    http_route_ref: HTTPRouteRef | None = Field(
        None, alias="httpRouteRef", description="A rule of an HTTPRoute that exists, instead of a route of its own."
    )
    hostnames: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] | None = Field(
        None, max_length=16, description="Hosts that it answers for. Default: those of the Gateway."
    )
    rules: tuple[RouteRule, ...] | None = Field(
        None, min_length=1, max_length=16, description="Rules of the route. Default: one for everything."
    )

    @property
    def parents(self) -> tuple[ParentRef, ...]:
        """Gateways of a route of the operator's own; none where the user's route names them."""
        return self.parent_refs or ()

    @model_validator(mode="after")
    def _one_route(self) -> GatewayAPI:
        if (self.parent_refs is None) == (self.http_route_ref is None):
            raise ValueError(ROUTE_OR_PARENTS)
        if self.http_route_ref is not None and (self.hostnames is not None or self.rules is not None):
            raise ValueError(ROUTE_KEEPS_ITS_OWN)
        return self


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
