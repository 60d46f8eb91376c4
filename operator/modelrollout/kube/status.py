"""The ModelRollout itself: a live read, and the write of its status."""

from __future__ import annotations

from modelrollout.api.names import API_VERSION, KIND
from modelrollout.api.resource import Identified, Key, ModelRollout, parse
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.kube.client import KubeClient
from modelrollout.kube.resources import MODEL_ROLLOUT, Object


async def read_rollout(client: KubeClient, key: Key) -> ModelRollout | None:
    """The ModelRollout, live, or None.

    Raises:
        SpecError: its spec cannot be read.
        ModelRolloutError: as KubeClient does.
    """
    raw = await client.get(MODEL_ROLLOUT, key.namespace, key.name)
    return None if raw is None else parse(raw)


async def is_unchanged(client: KubeClient, rollout: ModelRollout) -> bool:
    """Whether the ModelRollout, live, is still the one that was read. Nothing else of it is looked at.

    Raises:
        ModelRolloutError: as KubeClient does.
    """
    raw = await client.get(MODEL_ROLLOUT, rollout.key.namespace, rollout.key.name)
    if raw is None:
        return False
    return (raw["metadata"]["uid"], raw["metadata"]["resourceVersion"]) == (rollout.uid, rollout.resource_version)


async def write_status(client: KubeClient, rollout: Identified, status: ModelRolloutStatus) -> str:
    """Write the whole status, on condition that the ModelRollout is still as it was read.

    The body has no spec: for the status subresource the API server takes everything but `status` from what is stored.
    A replacement, not a merge patch: a field that became None vanishes without having to be named.

    Returns:
        the new resourceVersion.

    Raises:
        ConflictError: it has changed since.
        ModelRolloutError: as KubeClient does.
    """
    body: Object = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": rollout.key.name,
            "namespace": rollout.key.namespace,
            "uid": rollout.uid,
            "resourceVersion": rollout.resource_version,
        },
        "status": status.dump(),
    }
    written = await client.replace(MODEL_ROLLOUT, body, subresource="status")
    return str(written["metadata"]["resourceVersion"])
