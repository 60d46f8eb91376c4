"""Before the operator is uninstalled: nothing of it stays that only the operator could remove.

`python -m modelrollout.runtime.uninstall`, a pre-delete hook of the chart. The operator is stopped first, for it would
put its finalizers back. Then what it has of other people's routes is given back, and the finalizers are taken off.
Everything that serves goes on serving.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from kubernetes.aio import client as kubernetes_client

from modelrollout.api.errors import ModelRolloutError, TerminalError, TransientError
from modelrollout.api.names import FINALIZER
from modelrollout.api.resource import Key
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.errors import ConflictError, ForbiddenError, NotFoundError
from modelrollout.kube.finalizer import write_finalizers
from modelrollout.kube.resources import DEPLOYMENT, HTTP_ROUTE, MODEL_ROLLOUT, POD, Object, Resource
from modelrollout.runtime.app import connect
from modelrollout.runtime.logs import configure
from modelrollout.runtime.namespaces import is_gone
from modelrollout.traffic.lent import Lent

ATTEMPTS: Final = 10
PAUSE_SECONDS: Final = 1.0
STOP_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Installation:
    """What is uninstalled.

    Attributes:
        deployment: the operator's own; None if there is none to stop.
        namespaces: that it served; empty for all.
    """

    deployment: Key | None
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Held:
    """A ModelRollout as far as its finalizers go: its spec need not be readable."""

    key: Key
    uid: str
    resource_version: str
    finalizers: tuple[str, ...]


async def uninstall(client: KubeClient, installation: Installation) -> tuple[Key, ...]:
    """Stop the operator and take its finalizers off.

    Returns:
        those whose finalizer could not be taken off.

    Raises:
        ModelRolloutError: the operator could not be stopped, or ModelRollouts cannot be listed.
    """
    if installation.deployment is not None:
        await _stop(client, installation.deployment)
    cache = Cache()
    left: list[Key] = []
    for namespace in installation.namespaces or (None,):
        for raw in await _all(client, HTTP_ROUTE, namespace):
            cache.apply_event(HTTP_ROUTE, None, raw)
        for raw in await _all(client, MODEL_ROLLOUT, namespace):
            held = _held(raw)
            if FINALIZER in held.finalizers and not await _released(client, cache, held):
                left.append(held.key)
    return tuple(left)


async def _all(client: KubeClient, resource: Resource, namespace: str | None) -> tuple[Object, ...]:
    """All objects of a kind; none where its CRD is gone, or the namespace, and with it the right to look."""
    try:
        return (await client.list(resource, namespace)).items
    except NotFoundError:
        return ()
    except ForbiddenError:
        if namespace is None or not await is_gone(client, namespace):
            raise
        return ()


async def _stop(client: KubeClient, deployment: Key) -> None:
    body: Object = {"spec": {"replicas": 0}}
    try:
        stopped = await client.patch(DEPLOYMENT, deployment.namespace, deployment.name, body, PatchType.MERGE)
    except NotFoundError:
        return
    labels: Mapping[str, str] = stopped["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    for _ in range(STOP_SECONDS):
        if not (await client.list(POD, deployment.namespace, label_selector=selector)).items:
            return
        await asyncio.sleep(PAUSE_SECONDS)
    raise TerminalError("StillRunning", f"pods of Deployment {deployment} have not ended within {STOP_SECONDS} s")


async def _released(client: KubeClient, cache: Cache, held: _Held) -> bool:
    log = structlog.get_logger(__name__).bind(rollout=str(held.key))
    for _ in range(ATTEMPTS):
        try:
            await Lent(client, cache).give_back(held)
            left = tuple(name for name in held.finalizers if name != FINALIZER)
            await write_finalizers(client, held, left)
        except NotFoundError:
            return True
        except TransientError as error:
            log.info("not released yet", error=str(error))
            if isinstance(error, ConflictError):
                live = await client.get(MODEL_ROLLOUT, held.key.namespace, held.key.name)
                if live is None or FINALIZER not in _held(live).finalizers:
                    return True
                held = _held(live)
            await asyncio.sleep(PAUSE_SECONDS)
        except TerminalError as error:
            log.warning("cannot be released", error=str(error))
            return False
        else:
            log.info("released")
            return True
    return False


def _held(raw: Object) -> _Held:
    metadata = raw["metadata"]
    key = Key(metadata["namespace"], metadata["name"])
    return _Held(key, metadata["uid"], metadata["resourceVersion"], tuple(metadata.get("finalizers", ())))


def installation_of(environment: Mapping[str, str]) -> Installation:
    """What the chart's hook says of the installation."""
    name, namespace = environment.get("DEPLOYMENT", ""), environment.get("NAMESPACE", "")
    served = tuple(part for part in environment.get("WATCH_NAMESPACES", "").split(",") if part)
    return Installation(Key(namespace, name) if name and namespace else None, served)


async def _run() -> tuple[Key, ...]:
    await connect()
    async with kubernetes_client.ApiClient() as api:
        return await uninstall(KubeClient(api), installation_of(os.environ))


def main() -> None:
    """Exit status 1 when a finalizer is left: then the chart stays installed, and it can be tried again."""
    configure("console", "info")
    try:
        left = asyncio.run(_run())
    except ModelRolloutError as error:
        sys.exit(f"{error.reason}: {error.message}")
    if left:
        sys.exit(f"finalizer {FINALIZER} is left on {', '.join(map(str, left))}")


if __name__ == "__main__":
    main()
