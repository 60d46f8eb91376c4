"""Namespaces that are to be served and are gone: the rights in a namespace go with it, and nothing is left to serve."""

from __future__ import annotations

from modelrollout.kube.client import KubeClient
from modelrollout.kube.errors import ForbiddenError
from modelrollout.kube.resources import NAMESPACE


async def is_gone(client: KubeClient, namespace: str) -> bool:
    """Whether a namespace does not exist, or is being deleted.

    False where nobody may ask: then whoever lacks a right in it has to say so.

    Raises:
        ModelRolloutError: as KubeClient does.
    """
    try:
        live = await client.get(NAMESPACE, None, namespace)
    except ForbiddenError:
        return False
    return live is None or "deletionTimestamp" in live["metadata"]


async def without_gone(client: KubeClient, namespaces: tuple[str, ...]) -> tuple[str, ...]:
    """Those that can be served, in the same order. One tenant who deletes theirs must not end the operator of others.

    Raises:
        ModelRolloutError: as KubeClient does.
    """
    return tuple([name for name in namespaces if not await is_gone(client, name)])
