"""The HTTPRoute, rendered. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelrollout.api.names import ANNOTATION_DECISION, ANNOTATION_SEQUENCE, preview_name
from modelrollout.api.resource import ModelRollout
from modelrollout.api.traffic import RouteRule
from modelrollout.engine.observed import RouteDecision
from modelrollout.engine.preview import Preview
from modelrollout.engine.revisions import canonical
from modelrollout.engine.roles import Roles
from modelrollout.engine.split import FULL, Split, only
from modelrollout.kube.apply import owned
from modelrollout.kube.resources import HTTP_ROUTE, Object
from modelrollout.traffic.role_header import role_filter, with_role, without_role


@dataclass(frozen=True, slots=True)
class Address:
    """A Service and a port of it."""

    name: str
    port: int

    def dump(self) -> dict[str, Any]:
        """As a backendRef has it."""
        return {"name": self.name, "port": self.port}


AddressOf = Callable[[str], Address]
"""Where requests for a revision, given by its hash, are sent."""


def http_route(rollout: ModelRollout, split: Split, address_of: AddressOf, roles: Roles | None = None) -> Object:
    """The route that carries a split out, without the decision behind it.

    All rules split alike. Revisions without weight are left out: some gateways answer a reference to a missing Service
    with errors, whatever its weight.
    """
    gateway_api = rollout.spec.traffic.gateway_api
    spec: dict[str, Any] = {
        "parentRefs": [reference.dump() for reference in gateway_api.parents],
        "rules": [_rule(rule, split, address_of, roles) for rule in gateway_api.rules or (RouteRule(),)],
    }
    if gateway_api.hostnames:
        spec["hostnames"] = list(gateway_api.hostnames)
    return owned(rollout, HTTP_ROUTE, rollout.key.name, {"spec": spec})


def preview_route(rollout: ModelRollout, preview: Preview, address_of: AddressOf, roles: Roles | None = None) -> Object:
    """A route beside the live one, by which the hosts of a preview lead to its revision and nowhere else."""
    gateway_api, split = rollout.spec.traffic.gateway_api, only(preview.revision)
    spec = {
        "parentRefs": [reference.dump() for reference in gateway_api.parents],
        "hostnames": list(preview.hostnames),
        "rules": [_rule(rule, split, address_of, roles) for rule in gateway_api.rules or (RouteRule(),)],
    }
    return owned(rollout, HTTP_ROUTE, preview_name(rollout.key.name), {"spec": spec})


def resplit(
    rollout: ModelRollout, spec: str, split: Split, address_of: AddressOf, roles: Roles | None = None
) -> Object:
    """A route that exists, with another split and everything else as it is.

    Args:
        spec: of the route, as JSON text.
    """
    content: dict[str, Any] = json.loads(spec)
    rules: list[dict[str, Any]] = content.get("rules") or [{}]
    content["rules"] = [_split_rule(rule, _plain_filters(rule), split, address_of, roles) for rule in rules]
    return owned(rollout, HTTP_ROUTE, rollout.key.name, {"spec": content})


def decision_annotations(sequence: int, decision: RouteDecision) -> dict[str, str]:
    """What a route says of the decision that wrote it."""
    content = {
        "action": decision.action,
        "revision": decision.revision,
        "reason": decision.reason,
        "message": decision.message,
        "at": decision.at.isoformat(),
    }
    return {ANNOTATION_SEQUENCE: str(sequence), ANNOTATION_DECISION: canonical(content)}


SEQUENCE_DIGITS = 15
"""More than any rollout decides, and less than what status or a double can hold."""


def parse_sequence(text: str) -> int:
    """The number in the annotation; 0 where somebody removed or broke it, so that it never outranks status."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= SEQUENCE_DIGITS else 0


def parse_decision(text: str) -> RouteDecision | None:
    """The decision in the annotation; None where somebody removed or broke it."""
    try:
        content = json.loads(text)
        return RouteDecision(
            action=str(content["action"]),
            revision=str(content["revision"]),
            reason=str(content["reason"]),
            message=str(content["message"]),
            at=datetime.fromisoformat(content["at"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _rule(rule: RouteRule, split: Split, address_of: AddressOf, roles: Roles | None) -> dict[str, Any]:
    return _split_rule(rule.dump(), list(rule.filters or ()), split, address_of, roles)


def _plain_filters(rule: dict[str, Any]) -> list[Any]:
    return without_role([entry for entry in rule.get("filters") or () if entry["type"] != "RequestMirror"])


def _split_rule(
    rule: dict[str, Any], filters: list[Any], split: Split, address_of: AddressOf, roles: Roles | None
) -> dict[str, Any]:
    """A rule with a split.

    Args:
        filters: those of the rule that are not ours.
    """
    rendered = {key: value for key, value in rule.items() if key != "filters"}
    references = [address_of(revision).dump() | {"weight": weight} for revision, weight in split.weights]
    if roles is not None and len(references) == 1:
        # On the rule: with a filter on a backend, gateways split at random and forget whom a client was sent to.
        filters = with_role(filters, roles.of_all(split))
    elif roles is not None:
        for reference, (revision, _) in zip(references, split.weights, strict=True):
            reference["filters"] = [role_filter(roles.of(revision))]
    rendered["backendRefs"] = references
    if split.mirror is not None:
        mirror: dict[str, Any] = {"backendRef": address_of(split.mirror.revision).dump()}
        # Absent means all requests, which gateways that know no percent understand too.
        if split.mirror.percent < FULL:
            mirror["percent"] = split.mirror.percent
        # On the rule: on a backend, gateways answer its share, or everything, with errors.
        filters = [*filters, {"type": "RequestMirror", "requestMirror": mirror}]
    return rendered | ({"filters": filters} if filters else {})
