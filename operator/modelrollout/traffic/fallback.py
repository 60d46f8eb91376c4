"""Where requests go that no revision gets: a Service of the user's, or one of ours without endpoints.

Every gateway that was measured answers the share of a Service without endpoints with 503 (facts: gateways, 3), and no
filter of the Gateway API answers a share by itself. So a Service of ours that selects nothing is the refusal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from modelrollout.api.fallback import Fallback
from modelrollout.api.names import LABEL_NAME, LABEL_REVISION
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.fallback import fields_of, in_use
from modelrollout.kube.apply import owned
from modelrollout.kube.caches import Cache
from modelrollout.kube.resources import SERVICE, Object
from modelrollout.traffic.render import Address
from modelrollout.traffic.state import Naming

NO_REVISION: Final = "none"


def refusal_name(rollout: ModelRollout) -> str:
    """Name of the Service without endpoints."""
    return f"{rollout.key.name}-fallback"


def refusal(rollout: ModelRollout) -> Object:
    """The Service without endpoints: it selects a revision that no input has.

    A selector, and not none at all, so that nobody can set one unseen.
    """
    selector = {LABEL_NAME: rollout.key.name, LABEL_REVISION: NO_REVISION}
    port = {"name": "http", "port": rollout.spec.service.port, "protocol": "TCP"}
    return owned(rollout, SERVICE, refusal_name(rollout), {"spec": {"selector": selector, "ports": [port]}})


def is_refusal(rollout: ModelRollout) -> bool:
    """Whether the fallback in use is a status code."""
    used = in_use(rollout)
    return used is not None and used.service is None


def address(rollout: ModelRollout) -> Address:
    """Where the fallback is; status names it whenever a split does."""
    used = in_use(rollout)
    if used is not None and used.service is not None:
        return Address(used.service.name, used.service.port)
    return Address(refusal_name(rollout), rollout.spec.service.port)


def naming(rollout: ModelRollout) -> Naming:
    """How the route's references are read."""
    used = in_use(rollout)
    name = None if used is None else address(rollout).name
    return Naming(rollout.key.name, name, frozenset({refusal_name(rollout)}))


def ready_endpoints(rollout: ModelRollout, fallback: Fallback | None, cache: Cache) -> int:
    """Of the fallback's Service; 0 for a status code."""
    if fallback is None or fallback.service is None:
        return 0
    return cache.ready_endpoints(rollout.key.namespace, fallback.service.name)


def service_problems(rollout: ModelRollout, fallback: Fallback, live: Object | None) -> Iterable[str]:
    """What is wrong with the user's Service, as the API server has it."""
    wanted, fields = fallback.service, fields_of(rollout)
    if wanted is None:
        return
    if live is None:
        missing = f'no Service "{wanted.name}" in namespace "{rollout.key.namespace}"'
        yield f"{fields.name}: {missing}; create it or name another"
        return
    if live["spec"].get("type") == "ExternalName":
        yield f'{fields.name}: Service "{wanted.name}" is an ExternalName, whose readiness nobody tells; name another'
        return
    ports: list[Any] = [entry["port"] for entry in live["spec"].get("ports") or ()]
    if wanted.port not in ports:
        have = ", ".join(str(port) for port in ports) or "none"
        yield f'{fields.port}: Service "{wanted.name}" has no port {wanted.port}; set one of: {have}'
