"""Limits that are made from what was usual: looked up once for each attempt, and kept in status.

A metric whose limit is there has it as its `max`, so whatever judges it need not know where it comes from. While one is
still to come, nothing goes on by itself: no history is no limit, and never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.api.usual import UsualLimit, UsualLimits
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.revisions import metric_digest
from modelrollout.engine.situation import Loading, Observation, Stepping


@dataclass(frozen=True, slots=True)
class FoundLimits:
    """What a look at history gave.

    Attributes:
        limits: of the metrics that have enough of it.
        why: in words, why the others have none; empty where all have one.
    """

    limits: tuple[UsualLimit, ...] = ()
    why: str = ""


def awaiting(rollout: ModelRollout) -> tuple[Metric, ...]:
    """The metrics whose limit is still to come."""
    return tuple(metric for metric in rollout.spec.metrics if metric.check.awaits_history)


def is_open(rollout: ModelRollout) -> bool:
    """Whether an attempt has begun, and a limit of it is still to come."""
    return rollout.status.attempt is not None and bool(awaiting(rollout))


def with_kept(rollout: ModelRollout) -> ModelRollout:
    """The rollout with the limits that its attempt has; as it is where it has none."""
    kept, attempt = rollout.status.usual, rollout.status.attempt
    if kept is None or attempt is None or (kept.revision, kept.since) != (attempt.revision, attempt.started_at):
        return rollout
    return with_limits(rollout, kept.limits)


def with_limits(rollout: ModelRollout, limits: tuple[UsualLimit, ...]) -> ModelRollout:
    """The rollout with these as the largest good values of the metrics that await them."""
    known = {(limit.metric, limit.digest): limit for limit in limits}
    metrics = tuple(
        metric
        if not metric.check.awaits_history or (found := known.get((metric.name, metric_digest(metric)))) is None
        else _limited(metric, found)
        for metric in rollout.spec.metrics
    )
    if metrics == rollout.spec.metrics:
        return rollout
    return replace(rollout, spec=rollout.spec.model_copy(update={"metrics": metrics}))


def with_found(seen: Observation, found: FoundLimits) -> Observation:
    """The observation with what a look has just given: the limits, or why there are none."""
    attempt = seen.status.attempt
    if attempt is None:
        return seen
    rollout = with_limits(seen.rollout, found.limits)
    kept = seen.status.usual
    same = kept is not None and (kept.revision, kept.since) == (attempt.revision, attempt.started_at)
    before = kept.limits if kept is not None and same else ()
    names = {limit.metric for limit in found.limits}
    limits = (*(limit for limit in before if limit.metric not in names), *found.limits)
    usual = UsualLimits(revision=attempt.revision, since=attempt.started_at, limits=limits) if found.limits else None
    return replace(seen, rollout=rollout, usual=usual, no_usual=found.why or None)


def settled(seen: Observation, status: ModelRolloutStatus) -> ModelRolloutStatus:
    """Status with the limits that this look has found."""
    return status if seen.usual is None else status.model_copy(update={"usual": seen.usual})


def no_history(s: Stepping | Loading) -> Decision | None:
    """A limit that is made from history takes enough of it: without, nothing goes on by itself."""
    names = [metric.name for metric in awaiting(s.seen.rollout) if metric.is_enforced]
    if not names:
        return None
    why = s.seen.no_usual or f"nobody has looked yet what is usual for {', '.join(names)}"
    text = f"{why}; wait for more history, or set max in the place of usual"
    return Decision(Action.WAIT, "NoHistory", text, until=s.seen.next_evidence_at)


def _limited(metric: Metric, limit: UsualLimit) -> Metric:
    check = metric.check.model_copy(update={"max": Decimal(limit.max)})
    return metric.model_copy(update={"check": check})
