"""The one place where a terminal error becomes conditions, an event and the next look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from modelrollout.api.conditions import Condition, ConditionStatus, ConditionType, find_condition, set_condition
from modelrollout.api.errors import TerminalError
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.api.status import TEXT_MAX, ModelRolloutStatus, Phase
from modelrollout.engine.plan import Event, EventType
from modelrollout.kube.client import KubeClient
from modelrollout.kube.events import EventRecorder
from modelrollout.kube.status import write_status
from modelrollout.runtime.logs import logger
from modelrollout.runtime.rollouts import Rollouts

LOOK_AGAIN_SECONDS: Final = 30.0
"""A name that is taken or a right that is missing may be mended without any event that we watch."""


@dataclass(frozen=True, slots=True)
class _Complaint:
    uid: str
    generation: int
    reason: str
    message: str


class Complainer:
    """Tells the user what cannot be done, once, and leaves everything that works as it is."""

    def __init__(
        self, client: KubeClient, rollouts: Rollouts, events: EventRecorder, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._rollouts = rollouts
        self._events = events
        self._now = now
        self._standing: dict[Key, _Complaint] = {}

    async def complain(self, key: Key, error: TerminalError) -> float:
        """Write conditions and an event; seconds until it is tried again.

        Raises:
            TransientError: the complaint could not be written.
        """
        rollout = self._rollouts.get(key)
        if rollout is None:
            return LOOK_AGAIN_SECONDS
        complaint = _Complaint(rollout.uid, rollout.generation, error.reason, error.message)
        is_news = self._standing.get(key) != complaint
        self._standing[key] = complaint
        status = stalled(rollout.status, error, rollout.generation, self._now())
        if status != rollout.status:
            version = await write_status(self._client, rollout, status)
            self._rollouts.wrote(key, status, version)
        if is_news:
            logger().warning("stalled", reason=error.reason, message=error.message)
            await self._events.record(rollout, Event(EventType.WARNING, error.reason, error.message), action="Stalled")
        return LOOK_AGAIN_SECONDS

    def standing(self, rollout: ModelRollout, status: ModelRolloutStatus) -> ModelRolloutStatus:
        """A decided status with the complaint that stands: what was decided may well fail at the same write again."""
        complaint = self._standing.get(rollout.key)
        if complaint is None or (complaint.uid, complaint.generation) != (rollout.uid, rollout.generation):
            return status
        error = TerminalError(complaint.reason, complaint.message)
        told = stalled(status, error, rollout.generation, self._now())
        # Their times are those of the conditions as the user has them, not of what lies between two complaints.
        kept = {(condition.type, condition.status): condition for condition in rollout.status.conditions}
        times = {pair: condition.last_transition_time for pair, condition in kept.items()}
        conditions = tuple(
            entry.model_copy(
                update={"last_transition_time": times.get((entry.type, entry.status), entry.last_transition_time)}
            )
            for entry in told.conditions
        )
        return told.model_copy(update={"conditions": conditions})

    def withdraw(self, key: Key) -> bool:
        """Nothing stands in the way any more; whether something did."""
        return self._standing.pop(key, None) is not None


def stalled(status: ModelRolloutStatus, error: TerminalError, generation: int, now: datetime) -> ModelRolloutStatus:
    """A status that says why nothing goes on; where the rollout is stays as it was."""
    conditions = status.conditions
    rows = [(ConditionType.STALLED, ConditionStatus.TRUE), (ConditionType.RECONCILING, ConditionStatus.FALSE)]
    if status.stable is None:
        rows.append((ConditionType.READY, ConditionStatus.FALSE))
    for kind, value in rows:
        known = find_condition(conditions, kind)
        # What the policies wait for stays: by its reason they know what they have told.
        keeps = kind is ConditionType.RECONCILING and known is not None
        condition = Condition(
            type=kind,
            status=value,
            observed_generation=generation,
            last_transition_time=now,
            reason=known.reason if keeps and known else error.reason,
            message=known.message if keeps and known else error.message[:TEXT_MAX],
        )
        conditions = set_condition(conditions, condition)
    changes: dict[str, object] = {
        "observed_generation": generation,
        "conditions": conditions,
        "verdict": error.message[:TEXT_MAX],
    }
    if status.attempt is None and error.reason == "InvalidSpec":
        changes["phase"] = Phase.INVALID
    return status.model_copy(update=changes)
