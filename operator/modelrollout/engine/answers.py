"""Every click is answered once: carried out or refused, in status, in an event and in the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from modelrollout.api.controls import ANSWER_MAX, Control, ControlOutcome, ControlStatus
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.clicks import Click, clicks_of, outcome_of, removal
from modelrollout.engine.controls import ABORTED, FOR, pause_of, refusal, role_of
from modelrollout.engine.plan import Action, Decision, Event, EventType
from modelrollout.engine.situation import Observation, Situation
from modelrollout.engine.texts import NOTE_MAX, cut
from modelrollout.engine.transition import logged

CARRIED_OUT: Final = "ControlCarriedOut"
REFUSED: Final = "ControlRefused"
RESUME: Final = "resume"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a click.

    Attributes:
        told: whether an event and the log say so already, as those of the action that it led to.
    """

    click: Click
    outcome: ControlOutcome
    message: str
    told: bool = False


def answers_of(s: Situation, decision: Decision, written: ModelRolloutStatus) -> tuple[Answer, ...]:
    """Answers to the clicks that had none, as far as they have one now.

    Args:
        written: status as the API server has it, without what a route that is ahead of it tells.
    """
    clicks = clicks_of(s.seen.rollout.annotations)
    found = (_answer(click, s, decision, written) for click in clicks if outcome_of(s.seen.status, click) is None)
    return tuple(answer for answer in found if answer is not None)


def _answer(click: Click, s: Situation, decision: Decision, written: ModelRolloutStatus) -> Answer | None:
    if click in decision.clicks:
        return Answer(click, ControlOutcome.CARRIED_OUT, decision.message, told=decision.action is not Action.WAIT)
    if _was_adopted(click, s.seen.status, written):
        return Answer(click, ControlOutcome.CARRIED_OUT, "its traffic is gone", told=True)
    why_not = refusal(click, s)
    if why_not is not None:
        return Answer(click, ControlOutcome.REFUSED, why_not)
    if click.control is Control.PAUSE:
        text = f"goes no further; to go on: {removal(s.seen.rollout.key, Control.PAUSE)}"
        return Answer(click, ControlOutcome.CARRIED_OUT, text)
    return None


def _was_adopted(click: Click, status: ModelRolloutStatus, written: ModelRolloutStatus) -> bool:
    """Whether a route tells of it: the operator ended after it had aborted, and before status could say so."""
    failed = status.failed
    if click.control is not Control.ABORT or failed is None or failed == written.failed:
        return False
    return (failed.reason, failed.revision) == (ABORTED, click.revision)


def answered(
    seen: Observation, after: ModelRolloutStatus, answers: tuple[Answer, ...]
) -> tuple[ModelRolloutStatus, tuple[Event, ...]]:
    """A decided status with the answers, without those to annotations that are gone, and the events that tell."""
    present = {(click.control, click.value) for click in clicks_of(seen.rollout.annotations)}
    kept = tuple(entry for entry in after.controls if (entry.control, entry.value) in present)
    new = tuple(_entry(answer, seen.now) for answer in answers)
    told = list(_told(seen, after, answers))
    controls = tuple(entry for entry in kept if entry.control not in {one.control for one in new}) + new
    status = after if controls == after.controls else after.model_copy(update={"controls": controls})
    for name, outcome, message in told:
        if outcome is ControlOutcome.CARRIED_OUT:
            status = logged(
                status,
                status,
                at=seen.now,
                action=name.capitalize(),
                revision=status.attempt.revision if status.attempt else seen.desired.hash,
                reason=CARRIED_OUT,
                message=message,
            )
    return status, tuple(_event(*entry) for entry in told)


def _entry(answer: Answer, now: datetime) -> ControlStatus:
    return ControlStatus(
        control=answer.click.control,
        value=answer.click.value,
        outcome=answer.outcome,
        message=cut(answer.message, ANSWER_MAX),
        at=now,
    )


def _told(
    seen: Observation, after: ModelRolloutStatus, answers: tuple[Answer, ...]
) -> Iterator[tuple[str, ControlOutcome, str]]:
    """What is told of whom: of answers, and of a pause that is over."""
    for answer in answers:
        if not answer.told:
            yield answer.click.control.value, answer.outcome, answer.message
    if any(_was_holding(entry, seen, after) for entry in after.controls) and pause_of(seen, after) is None:
        yield RESUME, ControlOutcome.CARRIED_OUT, "goes on"


def _was_holding(entry: ControlStatus, seen: Observation, after: ModelRolloutStatus) -> bool:
    """Whether it is a pause that held what is still on its way, and that is gone."""
    click = Click(entry.control, entry.value)
    if entry.control is not Control.PAUSE or entry.outcome is not ControlOutcome.CARRIED_OUT:
        return False
    is_gone = click not in clicks_of(seen.rollout.annotations)
    return is_gone and role_of(click.revision, seen, after) in FOR[Control.PAUSE]


def _event(name: str, outcome: ControlOutcome, message: str) -> Event:
    if outcome is ControlOutcome.CARRIED_OUT:
        return Event(EventType.NORMAL, CARRIED_OUT, cut(f"{name}: {message}", NOTE_MAX))
    return Event(EventType.WARNING, REFUSED, cut(f"{name}: {message}", NOTE_MAX))
