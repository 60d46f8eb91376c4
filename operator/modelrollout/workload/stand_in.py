"""Service `<name>` while something of the user's plays stable again: clients inside the cluster follow, too."""

from __future__ import annotations

from typing import Any

from modelrollout.api.resource import ModelRollout
from modelrollout.engine.fallback import in_use
from modelrollout.kube.apply import owned
from modelrollout.kube.client import KubeClient
from modelrollout.kube.resources import SERVICE, Object
from modelrollout.workload.render import PORT_NAME


async def service_of_stand_in(client: KubeClient, rollout: ModelRollout) -> Object | None:
    """Service `<name>` with the pods of the user's Service; None where that selects none, or is gone.

    Raises:
        ModelRolloutError: as KubeClient does.
    """
    used = in_use(rollout)
    wanted = None if used is None else used.service
    live = None if wanted is None else await client.get(SERVICE, rollout.key.namespace, wanted.name)
    if wanted is None or live is None or not live["spec"].get("selector"):
        return None
    ports: list[dict[str, Any]] = [entry for entry in live["spec"].get("ports") or () if entry["port"] == wanted.port]
    target = ports[0].get("targetPort", wanted.port) if ports else wanted.port
    port = {"name": PORT_NAME, "port": rollout.spec.service.port, "targetPort": target, "protocol": "TCP"}
    spec = {"selector": live["spec"]["selector"], "ports": [port]}
    return owned(rollout, SERVICE, rollout.key.name, {"spec": spec})
