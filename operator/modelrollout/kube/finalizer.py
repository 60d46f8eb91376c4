"""The finalizers of a ModelRollout."""

from __future__ import annotations

from modelrollout.api.resource import Identified
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.resources import MODEL_ROLLOUT, Object


async def write_finalizers(client: KubeClient, rollout: Identified, finalizers: tuple[str, ...]) -> Object:
    """Replace them, on condition that the ModelRollout is still as it was read.

    Returns:
        the ModelRollout as it is now.

    Raises:
        ConflictError: it has changed since.
        NotFoundError: it is gone.
        ModelRolloutError: as KubeClient does.
    """
    metadata = {
        "uid": rollout.uid,
        "resourceVersion": rollout.resource_version,
        "finalizers": list(finalizers),
    }
    body: Object = {"metadata": metadata}
    return await client.patch(MODEL_ROLLOUT, rollout.key.namespace, rollout.key.name, body, PatchType.MERGE)
