"""Decisions and plans: values that can be printed, compared, stored and replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from modelrollout.api.gates import GateStatus
from modelrollout.api.status import ModelRolloutStatus, RevisionRef
from modelrollout.engine.clicks import Click
from modelrollout.engine.preview import Preview
from modelrollout.engine.rounds import Due
from modelrollout.engine.scale import Bounds
from modelrollout.engine.split import Split
from modelrollout.engine.steps import Step


class Action(StrEnum):
    """What a decision does."""

    WAIT = "Wait"
    STAND_IN = "StandIn"
    ADOPT = "Adopt"
    BEGIN = "Begin"
    ENTER = "Enter"
    ACCEPT = "Accept"
    IN_FORCE = "InForce"
    SUSPEND = "Suspend"
    HOLD_BACK = "HoldBack"
    ROLL_BACK = "RollBack"
    ABANDON = "Abandon"
    PROMOTE = "Promote"
    RETURN = "Return"
    DECLINE = "Decline"
    BEGIN_GATE = "BeginGate"
    END_GATE = "EndGate"
    APPROVE = "Approve"


LOWERING = frozenset({Action.SUSPEND, Action.HOLD_BACK, Action.ROLL_BACK, Action.ABANDON})
"""Actions that only take traffic from the candidate: they move the route before status, and need no fresh read."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What the candidate did wrong."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What a policy says: what to do and why.

    Attributes:
        reason: one CamelCase word; conditions and events carry it.
        message: the numbers and the limit, for people.
        step: the step to enter, for `Action.ENTER`.
        fails: whether the candidate is at fault, so that it is not tried again by itself.
        until: when to look again at the latest.
        of: the revision that it is about, for `Action.ADOPT`; None for the one that the spec asks for.
        latch: a fault to remember although it cannot be acted on yet.
        clicks: what people asked for and this carries out.
        gates: what status is to say of the gates of this round, for `Action.BEGIN_GATE` and `Action.END_GATE`.
    """

    action: Action
    reason: str
    message: str
    step: Step | None = None
    fails: bool = False
    until: datetime | None = None
    latch: Fault | None = None
    of: RevisionRef | None = None
    clicks: tuple[Click, ...] = ()
    gates: tuple[GateStatus, ...] = ()


class EventType(StrEnum):
    """Severity of a Kubernetes event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True, slots=True)
class Event:
    """Something a user will want to read in `kubectl describe`."""

    type: EventType
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall be, and when to look again. Carrying it out twice does no more than once.

    Attributes:
        split: how traffic shall flow; None while no revision can take it.
        replicas, bounds: as in `Scale`.
        serve: revision that Service `<name>` shall select; None to leave it.
        collect: revision hashes whose objects shall be deleted.
        preview: what smoke tests reach beside the live route; None for nothing.
        wake_at: when to look again; None when only an event can change anything.
        gates: gates that shall run; all other runs that are under way shall end.
        stop: name of an adopted Deployment that shall be scaled to 0, before status remembers that; None for none.
    """

    action: Action
    reason: str
    message: str
    status: ModelRolloutStatus
    split: Split | None
    replicas: Mapping[str, int]
    bounds: Mapping[str, Bounds | None]
    serve: str | None
    collect: tuple[str, ...]
    preview: Preview | None
    events: tuple[Event, ...]
    wake_at: datetime | None
    gates: tuple[Due, ...] = ()
    stop: str | None = None
