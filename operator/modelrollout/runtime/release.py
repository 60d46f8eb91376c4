"""The end of a ModelRollout: what it holds of others is given back, and nobody waits longer than that takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from modelrollout.api.errors import ModelRolloutError, TransientError
from modelrollout.api.names import FINALIZER
from modelrollout.api.resource import ModelRollout
from modelrollout.kube.client import KubeClient
from modelrollout.kube.errors import NotFoundError
from modelrollout.kube.finalizer import write_finalizers
from modelrollout.runtime.logs import logger
from modelrollout.runtime.rollouts import Rollouts, Unreadable
from modelrollout.traffic.registry import Traffics

PATIENCE: Final = timedelta(seconds=30)
"""How long a deletion waits for writes that fail. A namespace that is deleted must not hang on us."""


class Releaser:
    """Gives back, and takes the finalizer off."""

    def __init__(self, client: KubeClient, rollouts: Rollouts, traffics: Traffics, now: Callable[[], datetime]) -> None:
        self._client = client
        self._rollouts = rollouts
        self._traffics = traffics
        self._now = now

    async def release(self, rollout: ModelRollout | Unreadable) -> None:
        """Let a ModelRollout go whose deletion was asked for.

        Raises:
            TransientError: something did not answer; to be tried again.
        """
        if FINALIZER not in rollout.finalizers:
            return
        try:
            await self._traffics.lent.give_back(rollout)
        except ModelRolloutError as error:
            if isinstance(error, TransientError) and not self._is_late(rollout):
                raise
            logger().error("deleted without having been given back", error=str(error))
        left = tuple(name for name in rollout.finalizers if name != FINALIZER)
        try:
            raw = await write_finalizers(self._client, rollout, left)
        except NotFoundError:
            return
        # Without finalizers it is gone, and an answer that still shows it would outlive it here.
        if left:
            self._rollouts.put(raw)

    def _is_late(self, rollout: ModelRollout | Unreadable) -> bool:
        return rollout.deleted_at is not None and self._now() > rollout.deleted_at + PATIENCE
