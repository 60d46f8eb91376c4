"""Whether a route of the user's takes the requests for what stands in before ours does. Pure.

Of two routes with the same host and match the older one counts. While somebody's own route leads to the adopted
Service, requests pass by ours, and a candidate in it would look silent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from modelrollout.kube.route import RouteView


def hidden_by(view: RouteView, others: Iterable[RouteView], service: str) -> str | None:
    """Name of an older route on one of the same Gateways, for one of the same hosts, that leads to the same Service.

    Only such a route: others for the same host may have other paths, and are nobody's business.
    """
    hiding = (
        other.meta.name
        for other in others
        if _age(other) < _age(view)
        and _leads_to(other, service)
        and _gateways(other) & _gateways(view)
        and _share_a_host(_hosts(other), _hosts(view))
    )
    return min(hiding, default=None)


def _age(view: RouteView) -> tuple[str, str]:
    """As the Gateway API orders routes that match alike."""
    return view.meta.created_at.isoformat(), view.meta.name


def _leads_to(view: RouteView, service: str) -> bool:
    return any(
        backend.plain and backend.name == service and backend.weight for rule in view.rules for backend in rule.backends
    )


def _gateways(view: RouteView) -> frozenset[tuple[str, str]]:
    return frozenset((parent.namespace, parent.name) for parent in view.parent_refs)


def _hosts(view: RouteView) -> tuple[str, ...]:
    return tuple(json.loads(view.spec).get("hostnames") or ())


def _share_a_host(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Whether a request may be for both; a route without hosts is for all of its Gateway's."""
    return not one or not two or any(_matches(first, second) for first in one for second in two)


def _matches(one: str, two: str) -> bool:
    wildcards = [host[1:] for host in (one, two) if host.startswith("*.")]
    return one == two or any(one.endswith(suffix) and two.endswith(suffix) for suffix in wildcards)
