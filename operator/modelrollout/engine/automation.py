"""How far the operator acts without a person: `spec.automation`, and stages with `approval: Manual`.

A degree restrains decisions that rest on evidence. It restrains none that takes traffic from a candidate that is
unready, silent, crashing or failing everything, and none that a person has taken.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.automation import Approval, Automation
from modelrollout.api.conditions import ConditionType, find_condition
from modelrollout.api.controls import Control
from modelrollout.api.metrics import Category, Mode
from modelrollout.api.signal import Signal
from modelrollout.engine.clicks import Click, command
from modelrollout.engine.observed import JudgedMetric
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.policies import enter_first, harm, inconclusive, passed
from modelrollout.engine.shared import ACTS_ON_HARM, away, enforced, wait
from modelrollout.engine.situation import Loading, Stepping

BY_PERSON_ONLY: Final = frozenset({Automation.HUMAN_ONLY, Automation.DRY_RUN})
FORWARD: Final = frozenset({Action.ENTER, Action.PROMOTE})
FAILS_ALL: Final = 0.95
"""From this share of bad answers on, a candidate fails all of them: the rest may be health checks."""


def fails_all(s: Stepping) -> Decision | None:
    """A candidate whose answers are as good as all bad is broken, whoever else would have to be asked."""
    found = [judged for judged in enforced(s, Verdict.HARM) if _is_rate_of_failures(judged)]
    if not found:
        return None
    return away(s, "FailsAll", "; ".join(judged.result.reason for judged in found))


def _is_rate_of_failures(judged: JudgedMetric) -> bool:
    metric, value = judged.metric, judged.result.candidate
    if metric.ratio is None or metric.category is not Category.SOFTWARE or metric.check.min is not None:
        return False
    if metric.signal is Signal.LATENCY:
        return False  # a slow answer is an answer
    return value is not None and value >= FAILS_ALL


def unless_restrained(policy: Callable[[Stepping], Decision | None]) -> Callable[[Stepping], Decision | None]:
    """The policy, but for decisions that a person has to take; `recommended` tells of those."""

    @wraps(policy)
    def asked(s: Stepping) -> Decision | None:
        decision = policy(s)
        return None if decision is None or restraint(s, decision) is not None else decision

    return asked


def restraint(s: Stepping | Loading, decision: Decision) -> str | None:
    """Why a person has to say so first; None where the operator acts."""
    degree = s.seen.rollout.spec.automation
    if decision.action in FORWARD:
        return _forward_restraint(s, decision, degree)
    if not takes_away(decision) or degree in ACTS_ON_HARM or s.attempt.harm is not None:
        return None
    return f"automation: {degree}"


def takes_away(decision: Decision) -> bool:
    """Whether it takes the candidate's traffic, now or as soon as somebody else can answer."""
    return decision.action is Action.ROLL_BACK or decision.latch is not None


def _forward_restraint(s: Stepping | Loading, decision: Decision, degree: Automation) -> str | None:
    if degree in BY_PERSON_ONLY:
        return f"automation: {degree}"
    if s.attempt.approved_at is not None:
        return None
    if isinstance(s, Stepping) and s.position is not None and s.position.stage.approval is Approval.MANUAL:
        return "approval: Manual"
    if degree is Automation.ASSIST:
        return f"automation: {degree}"
    if degree is Automation.PARTIAL and isinstance(s, Stepping):
        unclear = _unclear(s, decision)
        return f"automation: {degree}, and {unclear}" if unclear else None
    return None


def _unclear(s: Stepping, decision: Decision) -> str | None:
    """Why the evidence, although it lets the step pass, is not clear."""
    if decision.reason == "InconclusiveAdvance":
        return "the evidence is still open"
    failing = [j for j in s.evidence.judged if j.metric.mode is Mode.WARN and j.result.verdict is Verdict.HARM]
    return "; ".join(judged.result.reason for judged in failing) or None


def recommendation(s: Stepping | Loading) -> Decision | None:
    """What the operator would do now if nobody had to be asked; None where nobody has to be, or there is nothing."""
    decisions = (harm(s), passed(s), inconclusive(s)) if isinstance(s, Stepping) else (enter_first(s),)
    found = (each for each in decisions if each is not None and (each.action in FORWARD or takes_away(each)))
    first = next(found, None)
    return first if first is not None and restraint(s, first) is not None else None


def recommended(s: Stepping | Loading) -> Decision | None:
    """Say what a person has to decide, on which evidence, and how."""
    advice = recommendation(s)
    if advice is None:
        return None
    degree, why = s.seen.rollout.spec.automation, restraint(s, advice)
    if takes_away(advice):
        if degree in BY_PERSON_ONLY:
            return wait("HarmHeld", f"{why}; {advice.message}; to roll back: {_click(s, Control.ABORT)}")
        return wait("RollbackRecommended", f"{why}; {advice.message}; to roll back: {_click(s, Control.APPROVE)}")
    if degree in BY_PERSON_ONLY:
        return wait("PromotionRecommended", f"{why}; {advice.message}; next stage: {_click(s, Control.PROMOTE)}")
    return wait("ApprovalNeeded", f"{why}; {advice.message}; to go on: {_click(s, Control.APPROVE)}")


def _click(s: Stepping | Loading, control: Control) -> str:
    """What to type; the number of the step makes it another click for each step."""
    number = s.step.number if isinstance(s, Stepping) else 0
    return command(s.seen.rollout.key, Click(control, f"{s.candidate.revision.hash}.{number}"))


def no_approval(s: Stepping | Loading) -> str | None:
    """Why there is nothing to approve, or not what the person who approves has been told of; None if there is."""
    spec, advice = s.seen.rollout.spec, recommendation(s)
    told_of_harm = _told(s) == "RollbackRecommended"
    if spec.automation in BY_PERSON_ONLY:
        return f"automation: {spec.automation} waits for no approval: use promote to go on, or abort"
    if advice is not None and takes_away(advice):
        return None if told_of_harm else f"there is harm by now, look before you approve the rollback: {advice.message}"
    if told_of_harm:
        return "a rollback was recommended, and is not any more: look again before you approve what is next"
    if s.attempt.approved_at is not None:
        return "it is approved: it goes on when its checks have passed and its time is over"
    is_manual = isinstance(s, Stepping) and s.position is not None and s.position.stage.approval is Approval.MANUAL
    return None if is_manual or advice is not None else "nothing waits for an approval: promote skips what is left"


def _told(s: Stepping | Loading) -> str | None:
    """What the person who clicks has been told last."""
    found = find_condition(s.seen.status.conditions, ConditionType.RECONCILING)
    return found.reason if found is not None else None
