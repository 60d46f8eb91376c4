"""What really happened in a small world, kept apart from what its operator knows: invariants are judged by it."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelrollout.api.status import ModelRolloutStatus, StepStatus
from modelrollout.engine.plan import Action, Plan
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import Split


@dataclass
class Truth:
    """What really happened to the attempt that status tells of.

    Attributes:
        attempt: counts attempts.
        step: (attempt, number of the step) that the two times below are of.
        accepted, in_force: when status first said so, on Prometheus's clock.
        earned: the highest weight that evidence has opened to this attempt.
        ended: attempts that were rolled back or abandoned by a route that was written.
        failed: the revision that was rolled back last for its own fault, until another one became stable.
        unrouted: when the operator took a revision out of the route, on Prometheus's clock; forgotten when the other
            clock jumps, because a drain is timed by that one.
        served: revisions that have been stable.
    """

    attempt: int = 0
    step: tuple[int, int] = (0, 0)
    accepted: float | None = None
    in_force: float | None = None
    earned: int = 0
    ended: set[int] = field(default_factory=set)
    failed: str | None = None
    unrouted: dict[str, float] = field(default_factory=dict)
    served: set[str] = field(default_factory=set)

    def status_written(
        self, before: ModelRolloutStatus, after: ModelRolloutStatus, seen: Observation, plan: Plan, instant: float
    ) -> None:
        """Take in a status.

        Args:
            instant: on Prometheus's clock.
        """
        attempt, step = after.attempt, step_of(after)
        if plan.action is Action.BEGIN:
            self.attempt += 1
            self.earned = 0
            self.unrouted.pop(seen.desired.hash, None)
            self.failed = None if plan.reason == "Retried" else self.failed
        if after.stable is not None and after.stable != before.stable:
            self.served.add(after.stable.revision)
            self.failed = None
        if plan.reason in {"Aborted", "RolledBackByHand"} and plan.action is not Action.ROLL_BACK:
            self.failed = after.failed.revision if after.failed else None
        if attempt is not None and step is not None:
            if self.step != (self.attempt, step.number):
                self.step, self.accepted, self.in_force = (self.attempt, step.number), None, None
                self.earned = max(self.earned, step.weight)
            if step.accepted_at is not None and self.accepted is None:
                self.accepted = instant
            if step.in_force_at is not None and self.in_force is None:
                self.in_force = instant

    def route_written(self, gone: set[str], split: Split, seen: Observation, plan: Plan, instant: float) -> None:
        """Take in a route.

        Args:
            gone: revisions that it named before.
        """
        if plan.action in {Action.ROLL_BACK, Action.ABANDON}:
            self.ended.add(self.attempt)
        if plan.action is Action.ROLL_BACK and plan.reason != "SpecReverted":
            self.failed = about(seen)
        if plan.action is not Action.WAIT:
            self.unrouted |= dict.fromkeys(gone - split.revisions, instant)


def step_of(status: ModelRolloutStatus) -> StepStatus | None:
    """The step that status tells of."""
    return status.attempt.step if status.attempt else None


def about(seen: Observation) -> str:
    """The revision that a decision is about."""
    return seen.status.attempt.revision if seen.status.attempt else seen.desired.hash
