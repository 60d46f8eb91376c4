"""Whether a route of the user's takes the requests for what stands in before ours does. Pure.

Of two routes with the same host and match the older one counts. While somebody's own route leads to the adopted
Service, requests pass by ours, and a candidate in it would look silent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from modelrollout.kube.route import RouteView


def hidden_by(view: RouteView, others: Iterable[RouteView], service: str) -> str | None:
    """Name of an older route on one of the same Gateways, for one of the same hosts, that leads to the same Service.

    Only such a route: others for the same host are nobody's business. Nor is one that asks for a header or a query
    parameter: that is how a route is let match nothing before it is deleted.
    """
    content, own = _content(view), _gateways(view)
    hiding = (
        other.meta.name
        for other in others
        if _age(other) < _age(view)
        and _takes_for(other, service)
        and _gateways(other) & own
        and _share_a_host(_hosts(_content(other)), _hosts(content))
    )
    return min(hiding, default=None)


def _age(view: RouteView) -> tuple[str, str]:
    """As the Gateway API orders routes that match alike."""
    return view.meta.created_at.isoformat(), view.meta.name


def _takes_for(view: RouteView, service: str) -> bool:
    """Whether it sends ordinary requests to the Service."""
    # Views keep the order of rules.
    return any(
        _is_open(rule)
        and any(backend.plain and backend.name == service and backend.weight for backend in seen.backends)
        for rule, seen in zip(_content(view).get("rules") or (), view.rules, strict=True)
    )


def _is_open(rule: dict[str, Any]) -> bool:
    matches = rule.get("matches") or [{}]
    return any(not match.get("headers") and not match.get("queryParams") for match in matches)


def _content(view: RouteView) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(view.spec)
    return content


def _gateways(view: RouteView) -> frozenset[tuple[str, str]]:
    return frozenset((parent.namespace, parent.name) for parent in view.parent_refs)


def _hosts(content: dict[str, Any]) -> tuple[str, ...]:
    return tuple(content.get("hostnames") or ())


def _share_a_host(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Whether a request may be for both; a route without hosts is for all of its Gateway's."""
    return not one or not two or any(_matches(first, second) for first in one for second in two)


def _matches(one: str, two: str) -> bool:
    wildcards = [host[1:] for host in (one, two) if host.startswith("*.")]
    return one == two or any(one.endswith(suffix) and two.endswith(suffix) for suffix in wildcards)
