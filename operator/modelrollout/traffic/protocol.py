"""What the operator asks of whatever carries traffic."""

from __future__ import annotations

from typing import Protocol

from modelrollout.api.resource import ModelRollout
from modelrollout.engine.observed import RevisionState, RouteDecision, RouteState
from modelrollout.engine.preview import Preview
from modelrollout.engine.split import Split
from modelrollout.kube.apply import Drift


class TrafficProvider(Protocol):
    """Splits requests between revisions. Methods that talk to the API server raise TransientError or TerminalError."""

    def observe(self, rollout: ModelRollout) -> RouteState | None:
        """The route as the caches have it, or None."""
        ...

    async def read(self, rollout: ModelRollout) -> RouteState | None:
        """The route, live, or None."""
        ...

    async def write(
        self, rollout: ModelRollout, split: Split, sequence: int, decision: RouteDecision, *, guard: RouteState | None
    ) -> RouteState:
        """Carry a split out in one write.

        Args:
            sequence: number of the decision.
            guard: the route as `read` has shown it. A write that raises the candidate's share needs it, and is refused
                if the route has changed since. A lowering goes without: nothing may stand in its way.

        Raises:
            ConflictError: the route is not as in `guard`.
        """
        ...

    async def shift(
        self, rollout: ModelRollout, split: Split, sequence: int, decision: RouteDecision, *, guard: RouteState | None
    ) -> RouteState:
        """As `write`, but the split alone: all else of the route stays as it is, whatever the spec says by now.

        So that a spec that cannot be carried out moves nothing, and stands in the way of no lowering.
        """
        ...

    def needs_write(self, rollout: ModelRollout, split: Split, sequence: int) -> bool:
        """Whether the route, as the caches have it, is not what `write` would make it."""
        ...

    def lends(self, rollout: ModelRollout, split: Split) -> bool:
        """Whether carrying a split out changes something that somebody else owns, and that has to be given back."""
        ...

    def drift(self, rollout: ModelRollout, split: Split) -> Drift | None:
        """What somebody else changed in the route since a write of this split, as the caches have it."""
        ...

    def problems(self, rollout: ModelRollout) -> tuple[str, ...]:
        """Why the traffic that the spec asks for cannot be carried, as far as the caches tell.

        One line each, naming the field and the remedy. Free to ask at every look.
        """
        ...

    async def review(self, rollout: ModelRollout) -> tuple[str, ...]:
        """What the API server has against it, in the same form: a name that is taken, a route that it would refuse."""
        ...

    def fallback(self, rollout: ModelRollout) -> RevisionState | None:
        """What stands in for a stable revision, and whether it can answer, from the caches; None if there is none."""
        ...

    async def preview(self, rollout: ModelRollout, preview: Preview | None) -> tuple[Drift, ...]:
        """Lead the hosts of a preview, if it has any, to its revision by HTTPRoute `<name>-preview`; None deletes that.

        Costs nothing where there is nothing to delete.
        """
        ...

    def has_preview(self, rollout: ModelRollout) -> bool:
        """Whether there is still a route of a preview, as the caches have it."""
        ...

    async def sweep(self, rollout: ModelRollout) -> None:
        """Delete what was made for a split that is gone, once the route has been accepted without it.

        Costs nothing where there is nothing to delete.
        """
        ...

    async def delete(self, rollout: ModelRollout) -> None:
        """Delete the route."""
        ...
