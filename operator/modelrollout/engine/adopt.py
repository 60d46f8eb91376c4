"""An adopted Deployment: it stands in like a fallback, and may be stopped when nothing can go back to it.

See docs/design/0007-adopt.md. Nothing of it is made, drained or collected, and it is written at most once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelrollout.api.adopt import Afterwards
from modelrollout.api.status import AdoptedStatus, ModelRolloutStatus
from modelrollout.engine.drain import is_routed
from modelrollout.engine.fallback import is_fallback, names_fallback
from modelrollout.engine.plan import LOWERING, Action, Decision, Event, EventType
from modelrollout.engine.revisions import FALLBACK
from modelrollout.engine.shared import wait
from modelrollout.engine.situation import Loading, Observation

STOPPED: Final = "AdoptedStopped"
"""Event."""


def remembered(status: ModelRolloutStatus, seen: Observation, stopped: str | None) -> ModelRolloutStatus:
    """Status with the Deployment that plays stable, and with when it was stopped.

    Stored, because only what has once been adopted may be stopped, and only once: whoever starts it again is right.

    Args:
        stopped: what the plan stops.
    """
    wanted = seen.rollout.spec.workload.adopt
    if is_fallback(status.stable) and wanted is not None and not seen.problems:
        known = status.adopted
        if known is None or known.deployment != wanted.deployment:
            return status.model_copy(update={"adopted": AdoptedStatus(deployment=wanted.deployment)})
    if status.adopted is not None and stopped is not None:
        return status.model_copy(update={"adopted": status.adopted.model_copy(update={"stopped_at": seen.now})})
    return status


def to_stop(status: ModelRolloutStatus, seen: Observation, action: Action) -> str | None:
    """Name of the adopted Deployment, if it is to be scaled to 0 now; never beside a lowering: nothing may delay it."""
    if action in LOWERING:
        return None
    known, wanted = status.adopted, seen.rollout.spec.workload.adopt
    if known is None or known.stopped_at is not None or wanted is None or seen.problems:
        return None
    if wanted.deployment != known.deployment or wanted.afterwards is not Afterwards.SCALE_DOWN:
        return None
    drains = any(entry.revision == FALLBACK for entry in status.retired)
    if status.stable is None or names_fallback(status) or drains or is_routed(seen, FALLBACK):
        return None
    stable = seen.state_of(status.stable.revision)
    # While nothing of ours can answer, it is all that somebody could go back to by hand.
    return known.deployment if stable is not None and stable.is_ready else None


def events(stopped: str | None) -> Iterator[Event]:
    """Tell that it is stopped."""
    if stopped is not None:
        note = f"Deployment {stopped} is scaled to 0: nothing goes back to it any more; delete it and its Service"
        yield Event(EventType.NORMAL, STOPPED, note)


def hidden(s: Loading) -> Decision | None:
    """No rollout begins beside a route that takes the requests before ours does."""
    route = s.seen.route
    service = s.stable.revision.service
    if route is None or route.hidden_by is None or not (service or is_fallback(s.seen.status.stable)):
        return None
    where = service or s.stable.revision.version
    text = (
        f"HTTPRoute {route.hidden_by} is older and leads to {where} for the same host: let it match"
        f" nothing, so that requests come by HTTPRoute {s.seen.rollout.key.name} to the same pods, then delete it"
    )
    return wait("RouteHidden", text)
