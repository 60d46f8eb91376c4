"""Events of `events.k8s.io/v1`, as `kubectl describe` shows them."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from modelrollout.api.errors import ModelRolloutError
from modelrollout.api.names import API_VERSION, KIND
from modelrollout.api.resource import Identified
from modelrollout.engine.plan import Event
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.errors import NotFoundError
from modelrollout.kube.resources import EVENT, Object

CONTROLLER: Final = "modelrollout.io/operator"
NOTE_MAX_BYTES: Final = 1024
"""Limit of the API server for `note`."""
SERIES_WITHIN: Final = timedelta(minutes=6)
"""How long after its last occurrence an event goes on as a series: client-go's figure."""
REMEMBERED: Final = 1000


class Log(Protocol):
    """The part of a structlog logger that is needed."""

    def warning(self, event: str, *args: Any, **kw: Any) -> Any:
        """Log that something went wrong and nothing stops for it."""
        ...


@dataclass(frozen=True, slots=True)
class _Series:
    name: str
    count: int
    last: datetime


class EventRecorder:
    """Records events, repeats as a series. A failure is logged and counted, and never stops a reconcile."""

    def __init__(
        self,
        client: KubeClient,
        *,
        instance: str,
        log: Log,
        now: Callable[[], datetime],
        on_failure: Callable[[], None] | None = None,
    ) -> None:
        """Record in the name of this process.

        Args:
            instance: which process reports, such as its pod's name; at most 128 characters.
            on_failure: called for each event that could not be recorded.
        """
        self._client = client
        self._instance = instance[:128]
        self._log = log
        self._now = now
        self._on_failure = on_failure
        self._series: OrderedDict[tuple[str, Event], _Series] = OrderedDict()

    async def record(self, rollout: Identified, event: Event, *, action: str) -> None:
        """Record what happened to a ModelRollout.

        Args:
            action: what was done, as one CamelCase word.
        """
        identity = (rollout.uid, event)
        now = self._now()
        try:
            known = self._series.get(identity)
            if known is None or now - known.last > SERIES_WITHIN or not await self._repeat(rollout, identity, now):
                await self._create(rollout, event, action, now)
        except ModelRolloutError as error:
            self._log.warning("event not recorded", reason=event.reason, note=event.note, error=str(error))
            if self._on_failure is not None:
                self._on_failure()

    async def _create(self, rollout: Identified, event: Event, action: str, now: datetime) -> None:
        name = f"{rollout.key.name}.{secrets.token_hex(8)}"
        body: Object = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": name, "namespace": rollout.key.namespace},
            "eventTime": _micro(now),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "action": action[:128],
            "reason": event.reason[:128],
            "type": event.type.value,
            "note": clip(event.note),
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": rollout.key.namespace,
                "name": rollout.key.name,
                "uid": rollout.uid,
            },
        }
        await self._client.create(EVENT, body)
        self._remember((rollout.uid, event), _Series(name, 1, now))

    async def _repeat(self, rollout: Identified, identity: tuple[str, Event], now: datetime) -> bool:
        """Count one more; False if the event is gone, as the API server drops events after an hour."""
        known = self._series[identity]
        body = {"series": {"count": known.count + 1, "lastObservedTime": _micro(now)}}
        try:
            await self._client.patch(EVENT, rollout.key.namespace, known.name, body, PatchType.MERGE)
        except NotFoundError:
            del self._series[identity]
            return False
        self._remember(identity, _Series(known.name, known.count + 1, now))
        return True

    def _remember(self, identity: tuple[str, Event], series: _Series) -> None:
        self._series[identity] = series
        self._series.move_to_end(identity)
        while len(self._series) > REMEMBERED:
            self._series.popitem(last=False)


def clip(note: str) -> str:
    """A note within the limit, which is in bytes, with an ellipsis where text is missing."""
    encoded = note.encode()
    if len(encoded) <= NOTE_MAX_BYTES:
        return note
    return encoded[: NOTE_MAX_BYTES - 3].decode(errors="ignore") + "…"


def _micro(moment: datetime) -> str:
    """RFC 3339 with microseconds in UTC, as MicroTime demands."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
