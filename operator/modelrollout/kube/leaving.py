"""Objects that outlive their ModelRollout, and that another one of the same name takes over."""

from __future__ import annotations

from typing import Final

from modelrollout.api.names import ANNOTATION_LEFT_BY
from modelrollout.api.resource import Identified
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.errors import NotFoundError
from modelrollout.kube.resources import (
    AUTOSCALER,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    HTTP_ROUTE,
    SERVICE,
    Object,
    Resource,
)
from modelrollout.kube.views import meta_of

OF_A_REVISION: Final = (AUTOSCALER, DEPLOYMENT, SERVICE, CONTROLLER_REVISION)
OF_THE_ROLLOUT: Final = (SERVICE, HTTP_ROUTE)
"""What bears the ModelRollout's own name."""


async def leave(client: KubeClient, cache: Cache, owner: Identified, resource: Resource, name: str) -> None:
    """Take a ModelRollout out of an object's owners, so that its deletion does not take the object along.

    What is gone, or belongs to somebody else, stays as it is.

    Raises:
        ModelRolloutError: as KubeClient does.
    """
    live = await client.get(resource, owner.key.namespace, name)
    if live is None or not meta_of(live).is_controlled_by(owner.uid):
        return
    metadata = live["metadata"]
    others = [reference for reference in metadata["ownerReferences"] if reference["uid"] != owner.uid]
    patch: Object = {
        "metadata": {
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
            "ownerReferences": others,
            "annotations": {ANNOTATION_LEFT_BY: owner.uid},
        }
    }
    try:
        left = await client.patch(resource, owner.key.namespace, name, patch, PatchType.MERGE)
    except NotFoundError:
        return
    cache.apply_event(resource, None, left)
