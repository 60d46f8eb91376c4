"""A Deployment of the user's that plays stable: what is wrong with it, and the one write that it may get."""

from __future__ import annotations

from typing import Any

from modelrollout.api.names import KIND
from modelrollout.api.resource import ModelRollout
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.resources import DEPLOYMENT, SERVICE
from modelrollout.kube.views import meta_of

FIELD = "spec.workload.deployment.adopt"


async def adoption_problems(client: KubeClient, rollout: ModelRollout) -> tuple[str, ...]:
    """Why what is to be adopted cannot be, one line each; asked only while nothing has served.

    That the Service exists and has the port is the business of who sends requests to it.

    Raises:
        TransientError, ForbiddenError: as KubeClient does.
    """
    wanted, namespace = rollout.spec.workload.adopt, rollout.key.namespace
    if wanted is None or rollout.status.stable is not None:
        return ()
    live = await client.get(DEPLOYMENT, namespace, wanted.deployment)
    if live is None:
        missing = f'no Deployment "{wanted.deployment}" in namespace "{namespace}"'
        return (f"{FIELD}.deployment: {missing}; create it, name another, or leave adopt out",)
    controller = meta_of(live).controller
    if controller is not None and controller.kind == KIND:
        return (f"{FIELD}.deployment: {wanted.deployment} belongs to ModelRollout {controller.name}; name another",)
    service = await client.get(SERVICE, namespace, wanted.service)
    selector: dict[str, Any] = ((service or {}).get("spec") or {}).get("selector") or {}
    labels: dict[str, Any] = (live["spec"]["template"].get("metadata") or {}).get("labels") or {}
    if service is not None and not (selector and selector.items() <= labels.items()):
        return (
            f"{FIELD}.service: Service {wanted.service} does not select the pods of Deployment {wanted.deployment}; "
            "name the one that does",
        )
    return ()


async def stop_adopted(client: KubeClient, rollout: ModelRollout, name: str) -> None:
    """Scale it to 0; nothing if it is so already, or gone.

    Raises:
        ModelRolloutError: as KubeClient does.
    """
    live = await client.get(DEPLOYMENT, rollout.key.namespace, name)
    if live is None or not live["spec"].get("replicas", 1):
        return
    body = {"metadata": {"uid": live["metadata"]["uid"]}, "spec": {"replicas": 0}}
    await client.patch(DEPLOYMENT, rollout.key.namespace, name, body, PatchType.MERGE)
