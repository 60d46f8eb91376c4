"""Projection of an HTTPRoute: who gets which weight, and what the gateways say of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from modelrollout.api.names import ANNOTATION_DECISION, ANNOTATION_SEQUENCE, FIELD_MANAGER, mark
from modelrollout.kube.views import Meta, meta_of

DEFAULT_WEIGHT = 1
_MARKS: Final = (mark(ANNOTATION_SEQUENCE, ""), mark(ANNOTATION_DECISION, ""))


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
        name: empty if it has none.
        mirrors: where requests are copied to; the weight is a percent from 1 to 100.
        has_backend_mirror: whether a mirror hangs on a backend, where gateways answer errors (facts: gateways, 11).
    """

    backends: tuple[Backend, ...]
    mirrors: tuple[Backend, ...]
    has_backend_mirror: bool
    name: str = ""


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
        marks: annotations of ours as (name, text), as far as we wrote them: on a route of somebody else.
        rules_by: managers, other than the operator, that own the rules: who wrote them last is among them.
        has_annotations: whether there are any, of whomever.
    """

    meta: Meta
    spec: str
    rules: tuple[RouteRuleView, ...]
    parent_refs: tuple[ParentRefView, ...]
    parents: tuple[ParentStatus, ...]
    sequence: str
    decision: str
    marks: tuple[tuple[str, str], ...] = ()
    rules_by: tuple[str, ...] = ()
    has_annotations: bool = False

    def text_of(self, annotation: str, rollout: str) -> str:
        """Text of an annotation that is ours for one ModelRollout; empty if there is none."""
        return dict(self.marks).get(mark(annotation, rollout), "")

    @property
    def marked_for(self) -> tuple[str, ...]:
        """Names of the ModelRollouts that have, or had, a rule of it."""
        prefix = mark(ANNOTATION_SEQUENCE, "")
        return tuple(name.removeprefix(prefix) for name, _ in self.marks if name.startswith(prefix))


def route_view(raw: Mapping[str, Any]) -> RouteView:
    """Project an HTTPRoute."""
    meta = meta_of(raw)
    spec, status = raw["spec"], raw.get("status") or {}
    annotations = raw["metadata"].get("annotations") or {}
    # Who changes an annotation becomes its owner: a number by hand must not pass for a decision of ours.
    own = {name: str(text) for name, text in annotations.items() if name in _annotations_of_ours(raw)}

    return RouteView(
        meta=meta,
        spec=json.dumps(spec),
        rules=tuple(_rule(rule, meta.namespace) for rule in spec.get("rules") or ()),
        parent_refs=tuple(_parent(entry, meta.namespace) for entry in spec.get("parentRefs") or ()),
        parents=tuple(_parent_status(entry, meta.namespace) for entry in status.get("parents") or ()),
        sequence=own.get(ANNOTATION_SEQUENCE, ""),
        decision=own.get(ANNOTATION_DECISION, ""),
        marks=tuple(sorted((name, text) for name, text in own.items() if name.startswith(_MARKS))),
        rules_by=_owners_of_rules(raw),
        has_annotations=bool(annotations),
    )


def _annotations_of_ours(raw: Mapping[str, Any]) -> frozenset[str]:
    """By apply, on a route of our own, or by patch, on somebody else's."""
    metadata = [
        (entry.get("fieldsV1") or {}).get("f:metadata") or {}
        for entry in raw["metadata"].get("managedFields") or ()
        if entry.get("manager") == FIELD_MANAGER
    ]
    return frozenset(name.removeprefix("f:") for part in metadata for name in part.get("f:annotations") or ())


def _owners_of_rules(raw: Mapping[str, Any]) -> tuple[str, ...]:
    found = {
        str(entry.get("manager", ""))
        for entry in raw["metadata"].get("managedFields") or ()
        if "f:rules" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    }
    return tuple(sorted(found - {FIELD_MANAGER}))


def _rule(raw: Mapping[str, Any], namespace: str) -> RouteRuleView:
    references = raw.get("backendRefs") or ()
    mirrors = [entry["requestMirror"] for entry in raw.get("filters") or () if entry["type"] == "RequestMirror"]
    on_backends = [entry for reference in references for entry in reference.get("filters") or ()]
    percents = [(mirror["backendRef"], _percent(mirror)) for mirror in mirrors]
    return RouteRuleView(
        backends=tuple(_backend(entry, namespace, entry.get("weight", DEFAULT_WEIGHT)) for entry in references),
        mirrors=tuple(_backend(target, namespace, percent) for target, percent in percents if percent),
        has_backend_mirror=any(entry["type"] == "RequestMirror" for entry in on_backends),
        name=raw.get("name", ""),
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
