"""A revision that has lost its traffic keeps its pods until requests under way have had time to end.

The time counts from when nothing leads to it any more, and that is stored: a decision is not a write, and a write is
not yet what the gateway does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from modelrollout.api.status import ModelRolloutStatus, Retired
from modelrollout.engine.intent import split_of
from modelrollout.engine.observed import Acceptance
from modelrollout.engine.situation import Observation


def draining(seen: Observation, status: ModelRolloutStatus) -> tuple[Retired, ...]:
    """Those that still drain, each with the time since when nothing leads to it.

    Args:
        status: after the decision; `seen` has the one before it, which is what the route can carry by now.
    """
    if not status.retired:
        return ()
    named = {ref.revision for ref in (status.stable, status.attempt) if ref is not None}
    applied = _is_applied(seen)
    entries = (_looked_at(seen, entry, applied) for entry in status.retired if entry.revision not in named)
    return tuple(entry for entry in entries if (at := ends_at(seen, entry)) is None or at > seen.now)


def ends_at(seen: Observation, entry: Retired) -> datetime | None:
    """When its pods may stop; None while something leads to it: only an event can change that."""
    return None if entry.gone_at is None else entry.gone_at + seen.rollout.spec.workload.drain


def wakes(seen: Observation, status: ModelRolloutStatus) -> Iterator[datetime]:
    """When drains end."""
    for entry in status.retired:
        at = ends_at(seen, entry)
        if at is not None:
            yield at


def is_routed(seen: Observation, revision: str) -> bool:
    """Whether the route sends it requests, or copies of them."""
    return seen.route is not None and (seen.route.weight_of(revision) > 0 or seen.route.mirror_of(revision) > 0)


def _looked_at(seen: Observation, entry: Retired, applied: bool) -> Retired:  # noqa: FBT001 - private, one caller
    if is_routed(seen, entry.revision) or seen.served == entry.revision:
        # Also after a change by hand: what was sent to it then has to end as well.
        gone_at = None
    else:
        gone_at = entry.gone_at or (seen.now if applied else None)
    return entry if gone_at == entry.gone_at else entry.model_copy(update={"gone_at": gone_at})


def _is_applied(seen: Observation) -> bool:
    """Whether the gateway has accepted the split of the last decision: its data plane may go by an older one before."""
    route, split = seen.route, split_of(seen.status)
    if route is None or split is None or route.sequence != seen.status.sequence:
        return False
    return route.acceptance is Acceptance.ACCEPTED and route.carries(split)
