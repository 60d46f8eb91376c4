"""Why the traffic that a spec asks for cannot be carried. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from modelrollout.api.names import ROLE_HEADER
from modelrollout.api.resource import ModelRollout
from modelrollout.api.traffic import ParentRef
from modelrollout.engine.fallback import in_use
from modelrollout.engine.roles import uses_roles
from modelrollout.engine.split import FULL
from modelrollout.kube.caches import Cache
from modelrollout.kube.route import ParentRefView
from modelrollout.kube.views import GatewayClassView, GatewayView
from modelrollout.traffic.capabilities import REFUSE_SHARES, Mirroring, mirroring, tells_shares_apart
from modelrollout.traffic.role_header import tells_role

FIELD: Final = "spec.traffic.gatewayAPI"


def traffic_problems(rollout: ModelRollout, cache: Cache) -> Iterator[str]:
    """All that shows of a route of our own without asking the API server: one line each."""
    yield from _rule_problems(rollout)
    gateways: list[GatewayView] = []
    for index, reference in enumerate(rollout.spec.traffic.gateway_api.parents):
        field = f"{FIELD}.parentRefs[{index}]"
        namespace = reference.namespace or rollout.key.namespace
        gateway = cache.gateway(namespace, reference.name)
        if gateway is None:
            yield f'{field}.name: no Gateway "{reference.name}" in namespace "{namespace}"; create it or name another'
            continue
        gateways.append(gateway)
        yield from _listener_problems(field, reference, gateway)
    for gateway in dict.fromkeys(gateways):
        yield from _mirror_problems(rollout, gateway, cache)
        yield from _refusal_problems(rollout, gateway, cache)
        yield from _role_problems(rollout, gateway, cache)


def gateway_problems(rollout: ModelRollout, parents: Iterable[ParentRefView], cache: Cache) -> Iterator[str]:
    """What the Gateways of a route that somebody else owns cannot do. What they accept of it they say themselves."""
    found = (cache.gateway(parent.namespace, parent.name) for parent in parents)
    for gateway in dict.fromkeys(gateway for gateway in found if gateway is not None):
        yield from _mirror_problems(rollout, gateway, cache)


def _rule_problems(rollout: ModelRollout) -> Iterator[str]:
    for index, rule in enumerate(rollout.spec.traffic.gateway_api.rules or ()):
        if any(entry.get("type") == "RequestMirror" for entry in rule.filters or ()):
            yield (
                f"{FIELD}.rules[{index}].filters: RequestMirror is set by a shadow stage; remove it,"
                " and add a stage with shadow"
            )
        if uses_roles(rollout.spec) and tells_role(rule.filters or ()):
            yield f"{FIELD}.rules[{index}].filters: {ROLE_HEADER} is set by modelRole of the stages; remove one of them"


def _listener_problems(field: str, reference: ParentRef, gateway: GatewayView) -> Iterator[str]:
    if reference.section_name is not None and reference.section_name not in gateway.listeners:
        have = ", ".join(gateway.listeners)
        yield f'{field}.sectionName: Gateway "{reference.name}" has no "{reference.section_name}"; name one of: {have}'


def _mirror_problems(rollout: ModelRollout, gateway: GatewayView, cache: Cache) -> Iterator[str]:
    stages = [(index, stage.shadow) for index, stage in enumerate(rollout.spec.stages) if stage.shadow is not None]
    if not stages:
        return
    gateway_class = cache.gateway_class(gateway.class_name)
    ability = mirroring(gateway_class.controller_name, gateway_class.features) if gateway_class else None
    name = _name(gateway, gateway_class)
    for index, shadow in stages:
        problem = _explain(ability, shadow.percent)
        if problem is not None:
            yield f"spec.stages[{index}].shadow: {name} {problem}"


def _refusal_problems(rollout: ModelRollout, gateway: GatewayView, cache: Cache) -> Iterator[str]:
    fallback, gateway_class = in_use(rollout), cache.gateway_class(gateway.class_name)
    if fallback is None or fallback.service is not None:
        return
    if gateway_class is None or gateway_class.controller_name not in REFUSE_SHARES:
        yield (
            f"spec.fallback.statusCode: {_name(gateway, gateway_class)} is not known to answer a share that has no "
            f"backend with 503; name a fallback.service instead, or use one of {', '.join(sorted(REFUSE_SHARES))}"
        )


def _role_problems(rollout: ModelRollout, gateway: GatewayView, cache: Cache) -> Iterator[str]:
    gateway_class = cache.gateway_class(gateway.class_name)
    if gateway_class is not None and tells_shares_apart(gateway_class.controller_name, gateway_class.features):
        return
    for index, stage in enumerate(rollout.spec.stages):
        if stage.model_role is not None:
            yield (
                f"spec.stages[{index}].modelRole: {_name(gateway, gateway_class)} is not known to set a request header "
                "for one backend alone, and its GatewayClass does not say so in status.supportedFeatures; remove it or "
                "use another gateway"
            )


def _name(gateway: GatewayView, gateway_class: GatewayClassView | None) -> str:
    controller = gateway_class.controller_name if gateway_class else f"unknown class {gateway.class_name}"
    return f'Gateway "{gateway.meta.name}" ({controller})'


def _explain(ability: Mirroring | None, percent: int) -> str | None:
    remedy = "remove the stage or use another gateway"
    match ability:
        case None:
            return (
                "is not known to mirror requests, and its GatewayClass does not say so in status.supportedFeatures;"
                f" {remedy}"
            )
        case Mirroring.NONE:
            return f"cannot mirror requests; {remedy}"
        case Mirroring.ALL if percent < FULL:
            return f"mirrors all requests or none, not {percent} percent; set percent: 100, or {remedy}"
        case _:
            return None
