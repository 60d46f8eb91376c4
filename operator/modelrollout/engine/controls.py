"""Which clicks can be carried out, and why the others cannot.

A click that cannot be carried out now is refused at once, with what to do instead: it never lies in wait for a later
moment. What is only waited for (pods that become ready) is not refused; the click stays open until then.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from modelrollout.api.controls import Control, ControlOutcome
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.automation import no_approval
from modelrollout.engine.clicks import Click, click_of, outcome_of, removal
from modelrollout.engine.situation import Loading, Observation, Resting, Situation, Stepping
from modelrollout.engine.texts import cut

ABORTED: Final = "Aborted"
"""Reason of a failure that is nobody's but a person's decision."""


class Role(StrEnum):
    """What a revision is to its ModelRollout."""

    CANDIDATE = "the candidate"
    WAITING = "what the spec asks for, and has not begun"
    FAILED = "the version that was rolled back"
    STABLE = "the stable version"
    PREVIOUS = "the previous version"
    FIRST = "the first version, which is loading"
    UNKNOWN = "none of this ModelRollout's revisions"


FOR: Final = {
    Control.PAUSE: frozenset({Role.CANDIDATE, Role.WAITING}),
    Control.ABORT: frozenset({Role.CANDIDATE, Role.WAITING}),
    Control.RETRY: frozenset({Role.FAILED}),
    Control.PROMOTE: frozenset({Role.CANDIDATE}),
    Control.PROMOTE_FULL: frozenset({Role.CANDIDATE}),
    Control.ROLLBACK: frozenset({Role.STABLE}),
    Control.APPROVE: frozenset({Role.CANDIDATE}),
}
"""Whom each control may name."""

NOTHING_MOVES: Final = "nothing is on its way"
NOT_BEGUN: Final = "it begins by itself when what the verdict names is over, and can be moved then"
FIRST: Final = "nothing has served before it: apply another manifest to replace it"
INSTEAD: Final = {
    (Control.PAUSE, Role.FAILED): "it has no traffic",
    (Control.PAUSE, Role.STABLE): NOTHING_MOVES,
    (Control.PAUSE, Role.PREVIOUS): NOTHING_MOVES,
    (Control.PAUSE, Role.FIRST): "the first version runs no stages",
    (Control.ABORT, Role.FAILED): "it has no traffic; use retry to try it again",
    (Control.ABORT, Role.STABLE): "use rollback to go back to the version before it",
    (Control.ABORT, Role.PREVIOUS): "it has no traffic",
    (Control.ABORT, Role.FIRST): FIRST,
    (Control.RETRY, Role.CANDIDATE): "it is on its way",
    (Control.RETRY, Role.WAITING): "it begins by itself",
    (Control.RETRY, Role.STABLE): "it serves",
    (Control.RETRY, Role.PREVIOUS): "apply its manifest to go back to it",
    (Control.RETRY, Role.FIRST): FIRST,
    (Control.ROLLBACK, Role.CANDIDATE): "use abort to take its traffic away",
    (Control.ROLLBACK, Role.WAITING): "use abort to keep it from beginning",
    (Control.ROLLBACK, Role.FAILED): "it has no traffic",
    (Control.ROLLBACK, Role.PREVIOUS): "rollback names the version that is to be left, the stable one",
    (Control.ROLLBACK, Role.FIRST): FIRST,
} | {
    (control, role): text
    for control in (Control.PROMOTE, Control.PROMOTE_FULL, Control.APPROVE)
    for role, text in (
        (Role.WAITING, NOT_BEGUN),
        (Role.FAILED, "use retry to begin it again"),
        (Role.STABLE, "it serves"),
        (Role.PREVIOUS, "apply its manifest to go back to it"),
        (Role.FIRST, "it serves by itself as soon as its pods are ready"),
    )
}
"""What to do instead, for every other revision that a control may name."""

SAFER: Final = {
    Control.RETRY: (Control.ABORT,),
    Control.PROMOTE: (Control.ABORT, Control.ROLLBACK),
    Control.PROMOTE_FULL: (Control.ABORT, Control.ROLLBACK, Control.PROMOTE),
    Control.APPROVE: (Control.ABORT, Control.PROMOTE, Control.PROMOTE_FULL),
}
"""Whose click wins when two are given for one revision at once."""
HELD_BY_PAUSE: Final = frozenset({Control.RETRY, Control.PROMOTE, Control.PROMOTE_FULL})


def wanted(s: Situation, control: Control) -> Click | None:
    """The click of that kind that is to be carried out now."""
    click = click_of(s.seen.rollout.annotations, control)
    if click is None or outcome_of(s.seen.status, click) is not None:
        return None
    return None if refusal(click, s) else click


def pause_of(seen: Observation, status: ModelRolloutStatus) -> Click | None:
    """The pause that holds, if one does.

    Args:
        status: as decided, which may be later than what was seen.
    """
    click = click_of(seen.rollout.annotations, Control.PAUSE)
    if click is None or outcome_of(status, click) is ControlOutcome.REFUSED:
        return None
    return click if role_of(click.revision, seen, status) in FOR[Control.PAUSE] else None


def role_of(revision: str, seen: Observation, status: ModelRolloutStatus) -> Role:
    """What a revision is."""
    if status.stable is None:
        return Role.FIRST if revision == seen.desired.hash else Role.UNKNOWN
    known = (
        (Role.STABLE, status.stable),
        (Role.CANDIDATE, status.attempt),
        (Role.FAILED, status.failed),
        (Role.PREVIOUS, status.previous),
    )
    found = next((role for role, ref in known if ref is not None and ref.revision == revision), None)
    if found in {None, Role.PREVIOUS} and revision == seen.desired.hash and status.attempt is None:
        return Role.WAITING
    return found or Role.UNKNOWN


# --- refused ----------------------------------------------------------------------------------------------------------


def refusal(click: Click, s: Situation) -> str | None:
    """Why a click cannot be carried out, and what to do instead; None if it can."""
    role = role_of(click.revision, s.seen, s.seen.status)
    if role not in FOR[click.control]:
        return _misplaced(click, role, s)
    return _too_late(click, s) or _contradicted(click, s)


def _misplaced(click: Click, role: Role, s: Situation) -> str:
    if role is not Role.UNKNOWN:
        return f"{click.revision} is {role.value}: {INSTEAD[click.control, role]}"
    if not click.value:
        return f"it names no revision: write {click.control.annotation}=<revision hash>; {_known(s)}"
    return f"there is no revision {cut(click.revision, 63)} here; {_known(s)}"


def _known(s: Situation) -> str:
    status, desired = s.seen.status, s.seen.desired
    named = (("stable", status.stable), ("the candidate", status.attempt), ("rolled back", status.failed))
    texts = [f"{role} is {ref.revision} (version {ref.version})" for role, ref in named if ref is not None]
    if desired.hash not in {ref.revision for _, ref in named if ref is not None}:
        texts.append(f"the spec asks for {desired.hash} (version {desired.version})")
    return ", ".join(texts)


def _too_late(click: Click, s: Situation) -> str | None:
    """Why it is the wrong moment for a click that names the right revision."""
    match click.control:
        case Control.RETRY:
            return _no_retry(click, s)
        case Control.ROLLBACK:
            return _no_rollback(s)
        case Control.PROMOTE | Control.PROMOTE_FULL | Control.APPROVE if s.seen.problems:
            return f"the spec cannot be carried out, mend it first: {s.seen.problems[0]}"
        case Control.APPROVE if isinstance(s, Loading | Stepping):
            return no_approval(s)
        case _:
            return None


def _no_retry(click: Click, s: Situation) -> str | None:
    if click.revision != s.seen.desired.hash:
        failed = s.seen.status.failed
        version = failed.version if failed else click.revision
        return (
            f"the spec asks for version {s.seen.desired.version}: apply the manifest of version {version}, then retry"
        )
    if s.seen.problems:
        return f"the spec cannot be carried out, mend it first: {s.seen.problems[0]}"
    return None


def _no_rollback(s: Situation) -> str | None:
    previous = s.seen.status.previous
    if isinstance(s, Loading | Stepping):
        return (
            f"version {s.candidate.revision.version} is on its way, and the version before the stable one is not kept "
            "warm any more: use abort for the candidate, then apply the manifest of the version to go back to"
        )
    if previous is None or s.seen.now >= previous.warm_until or not isinstance(s, Resting):
        return "no previous version is kept warm: apply the manifest of the version to go back to, it runs the stages"
    if s.previous is None or not s.previous.is_ready:
        return f"the previous version {previous.version} has no ready endpoint: apply its manifest, it runs the stages"
    return None


def _contradicted(click: Click, s: Situation) -> str | None:
    key, annotations = s.seen.rollout.key, s.seen.rollout.annotations
    if click.control in HELD_BY_PAUSE:
        pause = click_of(annotations, Control.PAUSE)
        if pause is not None and pause.revision == click.revision:
            return f"it is paused; to go on: {removal(key, Control.PAUSE)}"
    for control in SAFER.get(click.control, ()):
        other = click_of(annotations, control)
        if other is not None and other.revision == click.revision and outcome_of(s.seen.status, other) is None:
            return f"{control} was given at the same time, and that goes first"
    return None
