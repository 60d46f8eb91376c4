"""Writes what people see: status, events, logs, metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

from modelrollout.api.resource import Key, ModelRollout
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.plan import Action, Event, Plan
from modelrollout.engine.situation import Observation
from modelrollout.kube.client import KubeClient
from modelrollout.kube.events import EventRecorder
from modelrollout.kube.status import write_status
from modelrollout.runtime.complain import Complainer
from modelrollout.runtime.logs import logger
from modelrollout.runtime.rollouts import Rollouts
from modelrollout.runtime.telemetry import Telemetry

QUIET: Final = timedelta(seconds=14)
"""How long numbers alone do not move status again: a little less than 15 s, so that a look every 15 s just may."""
NUMBERS_A_SECOND: Final = 10
"""How many writes of numbers alone all rollouts together make: to an API server, a write costs far more than a read."""


class Recorder:
    """Status when an outcome changed, or every 15 seconds while numbers move; less often where very many move."""

    def __init__(
        self,
        *,
        client: KubeClient,
        rollouts: Rollouts,
        events: EventRecorder,
        telemetry: Telemetry,
        complainer: Complainer,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._rollouts = rollouts
        self._events = events
        self._telemetry = telemetry
        self._complainer = complainer
        self._now = now
        self._written: dict[Key, datetime] = {}
        self._moving: set[Key] = set()

    async def status(self, seen: Observation, plan: Plan) -> ModelRollout:
        """Write status if it is due; the rollout with the status that the API server has now.

        Raises:
            ModelRolloutError: it was not written; the decision is not taken then.
        """
        rollout = seen.rollout
        if plan.action is not Action.WAIT:
            self._telemetry.decisions.labels(plan.action.value, plan.reason).inc()
            logger().info("decided", action=plan.action.value, reason=plan.reason, message=plan.message)
        status = self._complainer.standing(rollout, plan.status)
        self._telemetry.rollout(rollout.key, status)
        (self._moving.discard if status.attempt is None else self._moving.add)(rollout.key)
        if not self._is_due(rollout, status):
            return rollout
        version = await write_status(self._client, rollout, status)
        self._written[rollout.key] = self._now()
        self._rollouts.wrote(rollout.key, status, version)
        return replace(rollout, status=status, resource_version=version)

    def lag(self, key: Key, status: ModelRolloutStatus) -> float | None:
        """Seconds until numbers that were held back may be written; None if nothing was held back."""
        known = self._rollouts.get(key)
        if known is None or known.status == status:
            return None
        since = self._now() - self._written.get(key, self._now())
        return max(0.0, (self._quiet() - since).total_seconds())

    async def event(self, rollout: ModelRollout, event: Event) -> None:
        """Tell the user."""
        logger().info("event", type=event.type.value, reason=event.reason, note=event.note)
        await self._events.record(rollout, event, action=event.reason)

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a rollout that is gone."""
        self._written.pop(key, None)
        self._moving.discard(key)
        self._telemetry.forget(key)

    def _is_due(self, rollout: ModelRollout, status: ModelRolloutStatus) -> bool:
        if essence(rollout.status) != essence(status):
            return True
        if rollout.status == status:
            return False
        # What another process wrote before is as good: after a restart, judging a thousand goes before writing them.
        last = self._written.setdefault(rollout.key, self._now())
        return not timedelta(0) <= self._now() - last < self._quiet()

    def _quiet(self) -> timedelta:
        return max(QUIET, timedelta(seconds=len(self._moving) / NUMBERS_A_SECOND))


_MOVING: Final = frozenset({"next_look", "verdict", "checks", "conditions"})
_LASTING: Final = attrgetter(*(name for name in ModelRolloutStatus.model_fields if name not in _MOVING))


def essence(status: ModelRolloutStatus) -> tuple[object, ...]:
    """A status without what moves at every tick."""
    return (
        *_LASTING(status),
        *((check.name, check.verdict, check.upstream) for check in status.checks),
        *((c.type, c.status, c.reason, c.observed_generation) for c in status.conditions),
    )
