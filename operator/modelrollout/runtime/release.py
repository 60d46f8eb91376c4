"""The end of a ModelRollout: what it has of others is given back, what shall stay is let go, nobody waits for long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from modelrollout.api.errors import ModelRolloutError, TransientError
from modelrollout.api.names import FINALIZER
from modelrollout.api.resource import ModelRollout
from modelrollout.api.spec import DeletionPolicy
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.fallback import is_fallback
from modelrollout.engine.observed import Acceptance, RouteDecision
from modelrollout.engine.plan import Action
from modelrollout.engine.revisions import object_name
from modelrollout.engine.split import only
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient
from modelrollout.kube.errors import NotFoundError
from modelrollout.kube.finalizer import write_finalizers
from modelrollout.kube.leaving import OF_A_REVISION, OF_THE_ROLLOUT, leave
from modelrollout.kube.resources import HTTP_ROUTE
from modelrollout.runtime.logs import logger
from modelrollout.runtime.rollouts import Rollouts, Unreadable
from modelrollout.traffic.registry import Traffics
from modelrollout.workload.registry import Workloads

PATIENCE: Final = timedelta(seconds=30)
"""How long a deletion waits for what fails or does not answer. A namespace that is deleted must not hang on us."""
LOOK_AGAIN_SECONDS: Final = 1.0


class Releaser:
    """Gives back, lets go, and takes the finalizer off."""

    def __init__(
        self,
        *,
        client: KubeClient,
        cache: Cache,
        rollouts: Rollouts,
        workloads: Workloads,
        traffics: Traffics,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._cache = cache
        self._rollouts = rollouts
        self._workloads = workloads
        self._traffics = traffics
        self._now = now

    async def release(self, rollout: ModelRollout | Unreadable) -> float | None:
        """Let a ModelRollout go whose deletion was asked for.

        Returns:
            after how many seconds to look again; None when nothing is left to do.

        Raises:
            TransientError: something did not answer; to be tried again.
        """
        if FINALIZER not in rollout.finalizers:
            return None
        late = rollout.deleted_at is not None and self._now() > rollout.deleted_at + PATIENCE
        try:
            await self._traffics.lent.give_back(rollout)
            if _orphans(rollout) and not await self._left(rollout, late=late):
                return LOOK_AGAIN_SECONDS
        except ModelRolloutError as error:
            if isinstance(error, TransientError) and not late:
                raise
            logger().error("deleted without all of it having been given back", error=str(error))
        remaining = tuple(name for name in rollout.finalizers if name != FINALIZER)
        try:
            raw = await write_finalizers(self._client, rollout, remaining)
        except NotFoundError:
            return None
        # Without finalizers it is gone, and an answer that still shows it would outlive it here.
        if remaining:
            self._rollouts.put(raw)
        return None

    async def _left(self, rollout: ModelRollout | Unreadable, *, late: bool) -> bool:
        """Whether what serves has been left behind; False while it has to get all requests first."""
        status = rollout.status
        if status.stable is None:
            return True
        stays = {status.stable.revision}
        if is_fallback(status.stable):
            await leave(self._client, self._cache, rollout, HTTP_ROUTE, rollout.key.name)
            return True
        if isinstance(rollout, ModelRollout):
            if not await self._lowered(rollout, status.stable.revision) and not late:
                return False
            await self._workloads.of(rollout).serve(rollout, status.stable.revision)
        else:
            # Nobody knows how to move its traffic: all that has some stays.
            stays |= {ref.revision for ref in (status.attempt, status.previous) if ref is not None}
        for revision in sorted(stays):
            for resource in OF_A_REVISION:
                await leave(self._client, self._cache, rollout, resource, object_name(rollout.key.name, revision))
        for resource in OF_THE_ROLLOUT:
            await leave(self._client, self._cache, rollout, resource, rollout.key.name)
        return True

    async def _lowered(self, rollout: ModelRollout, stable: str) -> bool:
        """Whether the gateway sends all requests to stable, and has had time to."""
        traffic, split = self._traffics.of(rollout), only(stable)
        route = await traffic.read(rollout)
        if route is None:
            return True
        if not route.carries(split):
            sequence = max(route.sequence, rollout.status.sequence) + 1
            await traffic.shift(rollout, split, sequence, _deleted(rollout, self._now()), guard=None)
            return False
        settled = (rollout.deleted_at or self._now()) + rollout.spec.traffic.settle
        was_shared = _was_shared(rollout.status)
        return not was_shared or (route.acceptance is Acceptance.ACCEPTED and self._now() >= settled)


def _orphans(rollout: ModelRollout | Unreadable) -> bool:
    if isinstance(rollout, Unreadable):
        return rollout.orphans
    return rollout.spec.deletion_policy is DeletionPolicy.ORPHAN


def _was_shared(status: ModelRolloutStatus) -> bool:
    """Whether another revision than stable may still be answering."""
    return status.attempt is not None or bool(status.retired)


def _deleted(rollout: ModelRollout, now: datetime) -> RouteDecision:
    attempt = rollout.status.attempt
    return RouteDecision(
        action=Action.ABANDON.value,
        revision=attempt.revision if attempt is not None else "",
        reason="Deleted",
        message="the ModelRollout is being deleted, and leaves its stable version serving",
        at=now,
    )
