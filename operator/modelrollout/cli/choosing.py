"""Which annotation a command writes: the right revision is found here, so that nobody has to copy a hash."""

from __future__ import annotations

from modelrollout.api.controls import Control
from modelrollout.cli.seeing import Seen
from modelrollout.engine.clicks import Click


class NothingToDoError(Exception):
    """There is nothing that the command could be about; the text says why and what to do instead."""


def click_for(control: Control, rollout: Seen, suffix: str) -> Click:
    """The click that a command means.

    Args:
        suffix: tells this click from an earlier one of the same kind.

    Raises:
        NothingToDoError: there is no revision that it could name.
    """
    return Click(control, f"{_revision(control, rollout)}.{suffix}")


def _revision(control: Control, rollout: Seen) -> str:
    status = rollout.status
    if status.stable is None:
        raise NothingToDoError(f"nothing to {_verb(control)}: the first version, {rollout.version}, has not served yet")
    match control:
        case Control.RETRY:
            if status.failed is None:
                raise NothingToDoError(f"nothing to retry: no version was rolled back{_standing(rollout)}")
            return status.failed.revision
        case Control.ROLLBACK:
            if status.attempt is not None:
                version = status.attempt.version
                raise NothingToDoError(f"version {version} is on its way: abort takes its traffic away")
            return status.stable.revision
        case Control.PAUSE if rollout.is_paused:
            raise NothingToDoError("it is paused already: resume lets it go on")
        case Control.PAUSE | Control.ABORT if rollout.is_waiting and rollout.desired is not None:
            return rollout.desired
        case _:
            if status.attempt is None:
                raise NothingToDoError(f"nothing to {_verb(control)}{_standing(rollout)}")
            return status.attempt.revision


def check_paused(rollout: Seen) -> None:
    """Whether there is a pause to end.

    Raises:
        NothingToDoError: there is none.
    """
    if Control.PAUSE.annotation not in rollout.annotations:
        raise NothingToDoError(f"nothing to resume: it is not paused{_standing(rollout)}")


def _verb(control: Control) -> str:
    return {Control.PROMOTE_FULL: "promote", Control.ROLLBACK: "roll back"}.get(control, str(control))


def _standing(rollout: Seen) -> str:
    """Where it is, as the end of a sentence."""
    status = rollout.status
    if status.attempt is not None:
        return f"; version {status.attempt.version} is on its way"
    if status.failed is not None and status.failed.revision == rollout.desired:
        return f"; version {status.failed.version} was rolled back ({status.failed.reason}): retry begins it again"
    if rollout.is_waiting:
        return f"; version {rollout.version} has not begun: {status.verdict or 'nothing is known of it yet'}"
    served = status.stable.version if status.stable is not None else "none"
    return f": version {served} serves, and nothing is on its way"
