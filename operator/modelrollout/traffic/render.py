"""The HTTPRoute, rendered. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from modelrollout.api.names import ANNOTATION_DECISION, ANNOTATION_SEQUENCE
from modelrollout.api.resource import ModelRollout
from modelrollout.api.traffic import RouteRule
from modelrollout.engine.observed import RouteDecision
from modelrollout.engine.revisions import canonical, object_name
from modelrollout.engine.split import FULL, Split
from modelrollout.kube.apply import owned
from modelrollout.kube.resources import HTTP_ROUTE, Object


def http_route(rollout: ModelRollout, split: Split, port_of: Callable[[str], int]) -> Object:
    """The route that carries a split out, without the decision behind it.

    All rules split alike. Revisions without weight are left out: some gateways answer a reference to a missing Service
    with errors, whatever its weight.

    Args:
        port_of: port of a revision's Service, by hash.
    """
    gateway_api = rollout.spec.traffic.gateway_api
    spec: dict[str, Any] = {
        "parentRefs": [reference.dump() for reference in gateway_api.parents],
        "rules": [_rule(rollout, rule, split, port_of) for rule in gateway_api.rules or (RouteRule(),)],
    }
    if gateway_api.hostnames:
        spec["hostnames"] = list(gateway_api.hostnames)
    return owned(rollout, HTTP_ROUTE, rollout.key.name, {"spec": spec})


def resplit(rollout: ModelRollout, spec: str, split: Split, port_of: Callable[[str], int]) -> Object:
    """A route that exists, with another split and everything else as it is.

    Args:
        spec: of the route, as JSON text.
        port_of: as in `http_route`.
    """
    content: dict[str, Any] = json.loads(spec)
    rules: list[dict[str, Any]] = content.get("rules") or [{}]
    content["rules"] = [_split_rule(rollout, rule, _plain_filters(rule), split, port_of) for rule in rules]
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


def _rule(rollout: ModelRollout, rule: RouteRule, split: Split, port_of: Callable[[str], int]) -> dict[str, Any]:
    return _split_rule(rollout, rule.dump(), list(rule.filters or ()), split, port_of)


def _plain_filters(rule: dict[str, Any]) -> list[Any]:
    return [entry for entry in rule.get("filters") or () if entry["type"] != "RequestMirror"]


def _split_rule(
    rollout: ModelRollout, rule: dict[str, Any], filters: list[Any], split: Split, port_of: Callable[[str], int]
) -> dict[str, Any]:
    """A rule with a split.

    Args:
        filters: those of the rule that mirror nothing.
    """

    def reference(revision: str) -> dict[str, Any]:
        return {"name": object_name(rollout.key.name, revision), "port": port_of(revision)}

    rendered = {key: value for key, value in rule.items() if key != "filters"}
    rendered["backendRefs"] = [reference(revision) | {"weight": weight} for revision, weight in split.weights]
    if split.mirror is not None:
        mirror: dict[str, Any] = {"backendRef": reference(split.mirror.revision)}
        # Absent means all requests, which gateways that know no percent understand too.
        if split.mirror.percent < FULL:
            mirror["percent"] = split.mirror.percent
        # On the rule: on a backend, gateways answer its share, or everything, with errors.
        filters = [*filters, {"type": "RequestMirror", "requestMirror": mirror}]
    return rendered | ({"filters": filters} if filters else {})
