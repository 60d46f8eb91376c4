"""How many pods each revision has.

What serves keeps what it has until another revision has proved itself; a candidate has what its weight needs, before it
gets the weight; what has lost its traffic drains and stops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from modelrollout.api.controls import Control
from modelrollout.api.scaling import Autoscaling
from modelrollout.api.status import FloorStatus, ModelRolloutStatus, StepStatus
from modelrollout.engine.clicks import click_of, outcome_of
from modelrollout.engine.drain import is_routed
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.situation import Observation
from modelrollout.engine.steps import FULL, Step, after, find, steps_of

LOOKS_BACK: Final = timedelta(minutes=5)
"""How long an autoscaler looks back by default before it scales down."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which numbers of pods load decides."""

    fewest: int
    most: int


@dataclass(frozen=True, slots=True)
class Scale:
    """How many pods each revision shall have.

    Attributes:
        replicas: pods per revision hash; a revision that is not named is left alone.
        bounds: of the autoscaler of each revision, None for a revision that is to have no autoscaler; one that is not
            named is left as it is.
    """

    replicas: Mapping[str, int]
    bounds: Mapping[str, Bounds | None]


def scale(seen: Observation, status: ModelRolloutStatus, awaited: frozenset[str] = frozenset()) -> Scale:
    """How many pods each revision shall have under a decided status.

    Args:
        awaited: revisions that are about to be rolled out: what runs of them goes on running.
    """
    if status.stable is None and seen.problems:
        return Scale({}, {})
    bounds = {} if seen.problems else {s.revision.hash: _bounds(seen, status, s.revision.hash) for s in seen.revisions}
    keep = {entry.revision for entry in status.retired} | awaited
    replicas: dict[str, int] = {}
    for state in seen.revisions:
        name = state.revision.hash
        size = _size(seen, status, state)
        if size is not None:
            limits = bounds.get(name)
            replicas[name] = max(size, limits.fewest) if limits is not None else size
        elif state.replicas and name not in keep and not is_routed(seen, name):
            replicas[name] = 0
    return Scale(replicas, bounds)


def floor(seen: Observation, before: ModelRolloutStatus, after: ModelRolloutStatus) -> FloorStatus | None:
    """What stable's autoscaler may not go below after a rollback.

    Its recommendations of the last minutes are about the load that stable had beside a candidate.

    Args:
        before, after: status as it was stored, and as it was decided.
    """
    if seen.rollout.spec.workload.autoscaling is None or before.stable != after.stable:
        return None
    ended = before.attempt is not None and after.attempt is None
    if ended and before.attempt is not None and before.attempt.stable_replicas:
        return FloorStatus(replicas=before.attempt.stable_replicas, until=seen.now + LOOKS_BACK)
    return after.floor if after.floor is not None and after.floor.until > seen.now else None


def candidate_size(seen: Observation, status: ModelRolloutStatus) -> int:
    """Pods that the candidate needs now: for its step, and for the one that follows, so that they load meanwhile."""
    full = full_size(seen, status)
    attempt = status.attempt
    if attempt is None or not seen.rollout.spec.workload.scales_with_weight or _is_hurried(seen, status):
        return full
    steps = steps_of(seen.rollout.spec)
    if attempt.step is None:
        return _part(_share(steps[0]), full)
    now, position = step_size(seen, status, attempt.step), find(steps, attempt.step)
    return now if position is None else max(now, next_size(seen, status, after(steps, position)))


def step_size(seen: Observation, status: ModelRolloutStatus, step: StepStatus) -> int:
    """Pods that must be ready to answer what a step gives."""
    position = find(steps_of(seen.rollout.spec), step)
    share = max(step.weight, step.mirror_percent) if position is None else _share(position)
    return _part(share, full_size(seen, status))


def next_size(seen: Observation, status: ModelRolloutStatus, step: Step | None) -> int:
    """Pods that must be ready before a step is entered.

    Args:
        step: None for the promotion: all requests, also those that come past the gateway.
    """
    return _part(FULL if step is None else _share(step), full_size(seen, status))


def full_size(seen: Observation, status: ModelRolloutStatus) -> int:
    """Pods that answer all requests: as the spec says, or with autoscaling as many as load has made of stable.

    Where others deploy: as many as they have deployed.
    """
    workload = seen.rollout.spec.workload
    if workload.services is not None and status.attempt is not None:
        candidate = seen.state_of(status.attempt.revision)
        return max(1, candidate.behind.endpoints) if candidate is not None and candidate.behind is not None else 1
    if workload.autoscaling is None or status.attempt is None or status.stable is None:
        return workload.replicas
    stable = seen.state_of(status.stable.revision)
    known = (workload.replicas, status.attempt.stable_replicas or 0, (stable.replicas if stable else None) or 0)
    return min(max(known), workload.autoscaling.max_replicas)


def _size(seen: Observation, status: ModelRolloutStatus, state: RevisionState) -> int | None:
    """Pods of a revision that is to have some; None for one that is not."""
    name, now = state.revision.hash, state.replicas or 0
    if status.attempt is not None and status.attempt.revision == name:
        return _candidate(seen, status, now)
    if status.stable is not None and status.stable.revision == name:
        return _stable(seen, status, now)
    if status.previous is not None and status.previous.revision == name and now:
        return _warm(seen, status, now)
    if status.stable is None and status.attempt is None and seen.desired.hash == name:
        return seen.rollout.spec.workload.replicas
    return None


def _candidate(seen: Observation, status: ModelRolloutStatus, now: int) -> int:
    if seen.problems:
        return now or full_size(seen, status)
    size = candidate_size(seen, status)
    return size if _may_shrink(seen, status) else max(size, now)


def _may_shrink(seen: Observation, status: ModelRolloutStatus) -> bool:
    """A step may need fewer pods than the one before: a canary after a shadow. Those that go have drained by then."""
    step, workload = status.attempt.step if status.attempt else None, seen.rollout.spec.workload
    if workload.autoscaling is not None:
        return False  # its autoscaler takes away what is too many
    if step is None or not workload.scales_with_weight:
        return True
    at = shrinks_at(step, workload.drain)
    return at is not None and seen.now >= at


def shrinks_at(step: StepStatus, drain: timedelta) -> datetime | None:
    """When requests of the step before have had time to end; None until the gateway has accepted this one."""
    return None if step.accepted_at is None else max(step.started_at, step.accepted_at) + drain


def _stable(seen: Observation, status: ModelRolloutStatus, now: int) -> int:
    want = seen.rollout.spec.workload.replicas
    if seen.problems or seen.rollout.spec.workload.autoscaling is not None:
        want = now or want
    if status.attempt is None:
        return want
    # While a rollout moves, the way back is never made narrower than it was.
    return max(want, now, status.attempt.stable_replicas or 0)


def _warm(seen: Observation, status: ModelRolloutStatus, now: int) -> int:
    """The previous revision: wide enough to take all requests back at once."""
    if seen.problems:
        return now
    if seen.rollout.spec.workload.autoscaling is None:
        return seen.rollout.spec.workload.replicas
    return (status.previous.replicas if status.previous else None) or now


def _bounds(seen: Observation, status: ModelRolloutStatus, revision: str) -> Bounds | None:
    """Only what serves, or is to, has an autoscaler: one whose pods drain or stop would fight for them."""
    scaler = seen.rollout.spec.workload.autoscaling
    if scaler is None:
        return None
    attempt = status.attempt
    if attempt is not None and attempt.revision == revision:
        return _limits(scaler, candidate_size(seen, status))
    if status.stable is not None and status.stable.revision == revision:
        kept = attempt.stable_replicas if attempt is not None else status.floor and status.floor.replicas
        return _limits(scaler, max(scaler.min_replicas, kept or 0))
    if status.stable is None and attempt is None and seen.desired.hash == revision:
        return _limits(scaler, seen.rollout.spec.workload.replicas)
    return None


def _limits(scaler: Autoscaling, fewest: int) -> Bounds:
    return Bounds(fewest, max(scaler.max_replicas, fewest))


def _is_hurried(seen: Observation, status: ModelRolloutStatus) -> bool:
    """Whether somebody wants the candidate promoted by hand, which waits for its pods."""
    clicks = (click_of(seen.rollout.annotations, control) for control in (Control.PROMOTE, Control.PROMOTE_FULL))
    return any(
        click is not None
        and status.attempt is not None
        and click.revision == status.attempt.revision
        and outcome_of(status, click) is None
        for click in clicks
    )


def _share(step: Step) -> int:
    # A preview shows what will answer everything.
    return FULL if step.is_preview else max(step.weight, step.mirror_percent)


def _part(percent: int, of: int) -> int:
    return max(1, -(-percent * of // FULL))
