"""Projection of an HTTPRoute: who gets which weight, and what the gateways say of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.api.names import ANNOTATION_DECISION, ANNOTATION_SEQUENCE
from modelrollout.kube.views import Meta, meta_of

DEFAULT_WEIGHT = 1


@dataclass(frozen=True, slots=True)
class Backend:
    """A reference to a backend.

    Attributes:
        name: of the Service; for anything else than a Service of the route's namespace, with kind and namespace.
        plain: whether it is a Service of the route's own namespace.
        weight: as written, of the sum of all weights of the rule.
    """

    name: str
    plain: bool
    weight: int


@dataclass(frozen=True, slots=True)
class RouteRuleView:
    """One rule.

    Attributes:
        mirrors: where requests are copied to; the weight is a percent from 1 to 100.
        has_backend_mirror: whether a mirror hangs on a backend, where gateways answer errors (facts: gateways, 11).
    """

    backends: tuple[Backend, ...]
    mirrors: tuple[Backend, ...]
    has_backend_mirror: bool


@dataclass(frozen=True, slots=True)
class ParentRefView:
    """A Gateway that a route attaches to."""

    namespace: str
    name: str
    section_name: str | None
    port: int | None


@dataclass(frozen=True, slots=True)
class RouteCondition:
    """What a gateway says of the route."""

    type: str
    status: str
    reason: str
    message: str
    observed_generation: int


@dataclass(frozen=True, slots=True)
class ParentStatus:
    """What one controller says of the route, seen from one Gateway."""

    parent: ParentRefView
    controller_name: str
    conditions: tuple[RouteCondition, ...]

    def condition(self, kind: str) -> RouteCondition | None:
        """The condition of that type."""
        return next((entry for entry in self.conditions if entry.type == kind), None)


@dataclass(frozen=True, slots=True)
class RouteView:
    """An HTTPRoute.

    Attributes:
        spec: all of it, as JSON text: what is not ours to decide is kept when a split alone is changed.
        sequence: text of the annotation; empty if there is none, or not the one that we wrote.
        decision: the same.
    """

    meta: Meta
    spec: str
    rules: tuple[RouteRuleView, ...]
    parent_refs: tuple[ParentRefView, ...]
    parents: tuple[ParentStatus, ...]
    sequence: str
    decision: str


def route_view(raw: Mapping[str, Any]) -> RouteView:
    """Project an HTTPRoute."""
    meta = meta_of(raw)
    spec, status = raw["spec"], raw.get("status") or {}
    annotations = raw["metadata"].get("annotations") or {}

    def own(annotation: str) -> str:
        # Who changes an annotation becomes its owner: a number by hand must not pass for a decision of ours.
        return str(annotations.get(annotation, "")) if f'"f:{annotation}"' in meta.managed else ""

    return RouteView(
        meta=meta,
        spec=json.dumps(spec),
        rules=tuple(_rule(rule, meta.namespace) for rule in spec.get("rules") or ()),
        parent_refs=tuple(_parent(entry, meta.namespace) for entry in spec.get("parentRefs") or ()),
        parents=tuple(_parent_status(entry, meta.namespace) for entry in status.get("parents") or ()),
        sequence=own(ANNOTATION_SEQUENCE),
        decision=own(ANNOTATION_DECISION),
    )


def _rule(raw: Mapping[str, Any], namespace: str) -> RouteRuleView:
    references = raw.get("backendRefs") or ()
    mirrors = [entry["requestMirror"] for entry in raw.get("filters") or () if entry["type"] == "RequestMirror"]
    on_backends = [entry for reference in references for entry in reference.get("filters") or ()]
    percents = [(mirror["backendRef"], _percent(mirror)) for mirror in mirrors]
    return RouteRuleView(
        backends=tuple(_backend(entry, namespace, entry.get("weight", DEFAULT_WEIGHT)) for entry in references),
        mirrors=tuple(_backend(target, namespace, percent) for target, percent in percents if percent),
        has_backend_mirror=any(entry["type"] == "RequestMirror" for entry in on_backends),
    )


def _percent(mirror: Mapping[str, Any]) -> int:
    """Share of a mirror in percent, rounded up: absent means all requests."""
    if (fraction := mirror.get("fraction")) is not None:
        return -(-100 * int(fraction["numerator"]) // int(fraction.get("denominator", 100)))
    return int(mirror.get("percent", 100))


def _backend(raw: Mapping[str, Any], route_namespace: str, weight: int) -> Backend:
    group, kind = raw.get("group") or "", raw.get("kind") or "Service"
    namespace = raw.get("namespace") or route_namespace
    plain = (group, kind, namespace) == ("", "Service", route_namespace)
    return Backend(name=raw["name"] if plain else f"{kind} {namespace}/{raw['name']}", plain=plain, weight=weight)


def _parent(raw: Mapping[str, Any], namespace: str) -> ParentRefView:
    return ParentRefView(raw.get("namespace") or namespace, raw["name"], raw.get("sectionName"), raw.get("port"))


def _parent_status(raw: Mapping[str, Any], namespace: str) -> ParentStatus:
    conditions = tuple(
        RouteCondition(
            type=entry["type"],
            status=entry["status"],
            reason=entry.get("reason", ""),
            message=entry.get("message", ""),
            observed_generation=entry.get("observedGeneration", 0),
        )
        for entry in raw.get("conditions") or ()
    )
    return ParentStatus(_parent(raw["parentRef"], namespace), raw["controllerName"], conditions)
