"""A decision of a small world, and what invariants ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from modelrollout.api.metrics import Metric
from modelrollout.api.status import AttemptStatus, ModelRolloutStatus
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.plan import Plan
from modelrollout.engine.services import forgotten
from modelrollout.engine.situation import Observation
from modelrollout.engine.steps import Step, find, steps_of
from modelrollout.engine.transition import adopted
from tests.support.truth import step_of
from tests.support.world import World


@dataclass(frozen=True)
class Made:
    """A decision, and where it was made."""

    world: World
    seen: Observation
    plan: Plan

    @cached_property
    def before(self) -> ModelRolloutStatus:
        """Status, with what the route tells of a decision that it lacks, and without a way back that is gone."""
        return forgotten(adopted(self.seen.status, self.seen.route, self.seen.now), self.seen)

    @cached_property
    def position(self) -> Step:
        """The step that was judged."""
        step = step_of(self.before)
        assert step is not None
        position = find(steps_of(self.seen.rollout.spec), step)
        assert position is not None
        return position

    @property
    def attempt(self) -> AttemptStatus | None:
        """The attempt before the decision."""
        return self.before.attempt

    @property
    def stable_hash(self) -> str | None:
        """The stable revision before the decision."""
        return self.before.stable.revision if self.before.stable else None

    @property
    def stable(self) -> RevisionState | None:
        """Stable's pods, as seen."""
        return self.seen.state_of(self.before.stable.revision) if self.before.stable else None

    @property
    def candidate(self) -> RevisionState | None:
        """The candidate's pods, as seen."""
        return self.seen.state_of(self.attempt.revision) if self.attempt else None

    @property
    def enforced(self) -> list[Metric]:
        """Metrics that are enforced in the step that was judged."""
        step = step_of(self.before)
        metrics = self.seen.rollout.spec.enforced_metrics
        return [metric for metric in metrics if step is not None and metric.applies_to(step.stage)]
