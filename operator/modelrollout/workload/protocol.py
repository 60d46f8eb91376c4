"""What the operator asks of any kind of workload."""

from __future__ import annotations

from typing import Protocol

from modelrollout.api.resource import ModelRollout
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.revisions import Revision
from modelrollout.engine.scale import Bounds
from modelrollout.kube.apply import Drift


class WorkloadProvider(Protocol):
    """Makes revisions serve, and says how they do.

    Methods that write are level-based: they send nothing when all is as it should be, and return what somebody else had
    changed or deleted and is now restored. They raise TransientError or TerminalError.
    """

    async def ensure(self, rollout: ModelRollout, revision: Revision, replicas: int) -> tuple[Drift, ...]:
        """Make a revision's objects exist as they were first made, with that many replicas."""
        ...

    async def scale(self, rollout: ModelRollout, revision: str, replicas: int) -> tuple[Drift, ...]:
        """Set the replicas of a stored revision, given by its hash."""
        ...

    async def autoscale(self, rollout: ModelRollout, revision: str, bounds: Bounds | None) -> tuple[Drift, ...]:
        """Let load decide on the pods of a revision that exists, given by its hash; or None: nobody but us."""
        ...

    async def serve(self, rollout: ModelRollout, revision: str) -> tuple[Drift, ...]:
        """Let Service `<name>` select a stored revision, given by its hash, or the pods of what stands in."""
        ...

    async def preview(self, rollout: ModelRollout, revision: str | None) -> tuple[Drift, ...]:
        """Let Service `<name>-preview` select a stored revision, given by its hash; None deletes it.

        Costs nothing where there is nothing to delete.
        """
        ...

    async def stop(self, rollout: ModelRollout, deployment: str) -> None:
        """Scale a Deployment that was adopted, given by its name, to 0. Its traffic must be gone."""
        ...

    async def collect(self, rollout: ModelRollout, revision: str) -> None:
        """Delete the objects of a revision, given by its hash. Its traffic must be gone."""
        ...

    def observe(self, rollout: ModelRollout, revision: Revision) -> RevisionState:
        """What the revision's pods are doing, from the caches."""
        ...

    def served(self, rollout: ModelRollout) -> str | None:
        """Hash of the revision that Service `<name>` selects, from the caches; None while there is no such Service."""
        ...

    def revisions(self, rollout: ModelRollout) -> tuple[Revision, ...]:
        """Stored revisions, oldest first, from the caches."""
        ...

    def objections(self, rollout: ModelRollout, desired: Revision) -> tuple[str, ...]:
        """Why a revision cannot be made, as far as the caches tell, in the same form; free to ask at every look."""
        ...

    async def problems(self, rollout: ModelRollout, revision: Revision) -> tuple[str, ...]:
        """Why a revision cannot be made, one line each, naming the field and the remedy."""
        ...
