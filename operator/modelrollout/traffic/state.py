"""From an HTTPRoute to what the engine knows of traffic. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from modelrollout.engine.observed import Acceptance, RouteState
from modelrollout.engine.revisions import FALLBACK
from modelrollout.engine.split import FULL, Mirror
from modelrollout.kube.route import Backend, ParentRefView, ParentStatus, RouteRuleView, RouteView
from modelrollout.traffic.render import parse_decision, parse_sequence

REVISION: Final = re.compile("[a-z][a-z2-7]{9}")


@dataclass(frozen=True, slots=True)
class Naming:
    """Which revision a Service is.

    Attributes:
        rollout: name of the ModelRollout.
        fallback: name of the Service that is the fallback, if there is one.
        empty: names of Services of ours that have no endpoints, on purpose.
        services: hash of a revision that somebody else deploys, by its Service.
    """

    rollout: str
    fallback: str | None = None
    empty: frozenset[str] = frozenset()
    services: Mapping[str, str] = field(default_factory=dict)

    def revision_of(self, backend: Backend) -> str:
        """Hash of the revision whose Service it is, else the name: `digits-r...` of rollout `digits`."""
        if not backend.plain:
            return backend.name
        if backend.name == self.fallback:
            return FALLBACK
        if backend.name in self.services:
            return self.services[backend.name]
        prefix = f"{self.rollout}-"
        rest = backend.name.removeprefix(prefix)
        return rest if backend.name.startswith(prefix) and REVISION.fullmatch(rest) else backend.name


def route_state(view: RouteView, naming: Naming, controller_of: Callable[[ParentRefView], str | None]) -> RouteState:
    """What a route does.

    Args:
        controller_of: `controllerName` behind a Gateway, or None if it is not known.
    """
    splits = [_split(rule, naming) for rule in view.rules]
    weights, mirror = splits[0] if splits else ((), None)
    alike = all(split == splits[0] for split in splits) and all(_is_plain(rule) for rule in view.rules)
    acceptance, message = _acceptance(view, naming, controller_of)
    return RouteState(
        weights=weights,
        mirror=mirror,
        sequence=parse_sequence(view.sequence),
        decision=parse_decision(view.decision),
        acceptance=acceptance,
        message=message,
        resource_version=view.meta.resource_version,
        uniform=bool(splits) and alike,
    )


def _split(rule: RouteRuleView, naming: Naming) -> tuple[tuple[tuple[str, int], ...], Mirror | None]:
    weights = tuple((naming.revision_of(backend), backend.weight) for backend in rule.backends)
    mirrors = [Mirror(naming.revision_of(entry), min(entry.weight, FULL)) for entry in rule.mirrors]
    return weights, mirrors[0] if mirrors else None


def _is_plain(rule: RouteRuleView) -> bool:
    """Whether the rule can have been written by us."""
    return len(rule.mirrors) <= 1 and not rule.has_backend_mirror


def _acceptance(
    view: RouteView, naming: Naming, controller_of: Callable[[ParentRefView], str | None]
) -> tuple[Acceptance, str]:
    """The worst of what the controllers of the route's own Gateways say of this very version."""
    verdicts = [_verdict(view, naming, parent, controller_of(parent)) for parent in view.parent_refs]
    for kind in (Acceptance.REJECTED, Acceptance.PENDING):
        texts = [text for verdict, text in verdicts if verdict is kind]
        if texts:
            return kind, "; ".join(texts)
    if not verdicts:
        return Acceptance.PENDING, "the route names no Gateway"
    return Acceptance.ACCEPTED, "accepted by " + ", ".join(parent.name for parent in view.parent_refs)


def _verdict(view: RouteView, naming: Naming, parent: ParentRefView, controller: str | None) -> tuple[Acceptance, str]:
    gateway = f"Gateway {parent.namespace}/{parent.name}"
    # A Gateway of that name may have been served by another controller before, whose word stays in the status.
    statuses = [
        status
        for status in view.parents
        if status.parent == parent and (controller is None or status.controller_name == controller)
    ]
    if not statuses:
        return Acceptance.PENDING, f"{gateway} has not looked at the route yet"
    for status in statuses:
        for verdict, text in _complaints(view, naming, status):
            return verdict, f"{gateway}: {text}"
    return Acceptance.ACCEPTED, ""


def _complaints(view: RouteView, naming: Naming, status: ParentStatus) -> Iterator[tuple[Acceptance, str]]:
    idle = any(backend.weight == 0 for rule in view.rules for backend in rule.backends)
    for kind in ("Accepted", "ResolvedRefs"):
        condition = status.condition(kind)
        if condition is None or condition.observed_generation != view.meta.generation or condition.status == "Unknown":
            yield Acceptance.PENDING, f"{kind} is not known for generation {view.meta.generation}"
        elif condition.status != "True" and not (kind == "ResolvedRefs" and idle):
            # A reference with weight 0 may name a missing Service: gateways say so, and requests do not suffer.
            yield Acceptance.REJECTED, f"{kind}={condition.status}, {condition.reason}: {condition.message}"
    # Envoy Gateway alone tells of Services without endpoints; it passes when their pods become ready.
    available = status.condition("BackendsAvailable")
    if any(backend.plain and backend.name in naming.empty for rule in view.rules for backend in rule.backends):
        return  # it tells of one, and cannot tell which
    if available is not None and available.status == "False":
        yield Acceptance.PENDING, f"BackendsAvailable=False, {available.reason}: {available.message}"
