"""What an earlier ModelRollout of the same name has left serving (`deletionPolicy: Orphan`).

It is known and ready, so it is stable from the first look on; another version passes its stages beside it.
"""

from __future__ import annotations

from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.drain import is_routed
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.situation import Empty, Observation


def inherited(s: Empty) -> Decision | None:
    """What was left serving goes on serving."""
    ready = [state for state in s.seen.revisions if state.left and state.is_ready]
    found = next((state for state in ready if _serves(s.seen, state)), None)
    if found is None:
        return None
    message = f"version {found.revision.version} was left serving by an earlier ModelRollout of this name"
    return Decision(Action.ADOPT, "Inherited", message, of=found.revision.ref)


def left_alone(seen: Observation, status: ModelRolloutStatus) -> frozenset[str]:
    """Revisions that were left behind and that nothing has taken the place of yet."""
    return frozenset(state.revision.hash for state in seen.revisions if state.left and status.stable is None)


def _serves(seen: Observation, state: RevisionState) -> bool:
    return is_routed(seen, state.revision.hash) or seen.served == state.revision.hash
