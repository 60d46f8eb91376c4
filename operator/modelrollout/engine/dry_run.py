"""`automation: DryRun`: what the operator would have done, and how often people did the same."""

from __future__ import annotations

from dataclasses import replace

from modelrollout.api.automation import DRY_RUN_MAX, DRY_RUN_MESSAGE_MAX, Automation, DryRunEntry, DryRunStatus
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.automation import FORWARD, takes_away
from modelrollout.engine.chains import decide
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.situation import Loading, Observation, Situation, Stepping, situation_of
from modelrollout.engine.texts import REASON_MAX, cut


def recorded(s: Situation, decision: Decision, after: ModelRolloutStatus) -> ModelRolloutStatus:
    """A decided status with what would have been decided, once for each, and with what a person did instead.

    The same rules are asked again, as if nothing restrained them and nobody had clicked.
    """
    if s.seen.rollout.spec.automation is not Automation.DRY_RUN or not isinstance(s, Loading | Stepping):
        return after
    would, dry_run = decide(situation_of(_free(s.seen))), after.dry_run or DryRunStatus()
    if decision.clicks and _kind(decision) is not None:
        return after.model_copy(update={"dry_run": _compared(s, dry_run, would, decision)})
    if _kind(would) is None or decision.action is not Action.WAIT or _is_noted(s, dry_run, would):
        return after
    return after.model_copy(update={"dry_run": _noted(dry_run, _entry(s, would))})


def _free(seen: Observation) -> Observation:
    spec = seen.rollout.spec.model_copy(update={"automation": Automation.FULL})
    return replace(seen, rollout=replace(seen.rollout, spec=spec, annotations={}))


def _compared(s: Loading | Stepping, dry_run: DryRunStatus, would: Decision, done: Decision) -> DryRunStatus:
    agrees = _kind(would) == _kind(done)
    counted = dry_run.model_copy(
        update={"agreed": dry_run.agreed + agrees, "differed": dry_run.differed + (not agrees)}
    )
    if _is_noted(s, dry_run, would):
        last = dry_run.log[-1].model_copy(update={"did": _text(done)})
        return counted.model_copy(update={"log": (*dry_run.log[:-1], last)})
    return _noted(counted, _entry(s, would).model_copy(update={"did": _text(done)}))


def _is_noted(s: Loading | Stepping, dry_run: DryRunStatus, would: Decision) -> bool:
    """Whether it is the last that was noted, in this step, and nobody has acted on it."""
    if not dry_run.log:
        return False
    last, since = dry_run.log[-1], s.step.started_at if isinstance(s, Stepping) else s.attempt.started_at
    return last.did is None and last.at >= since and (last.would, last.reason) == (_text(would), would.reason)


def _noted(dry_run: DryRunStatus, entry: DryRunEntry) -> DryRunStatus:
    return dry_run.model_copy(update={"log": (*dry_run.log, entry)[-DRY_RUN_MAX:]})


def _entry(s: Loading | Stepping, would: Decision) -> DryRunEntry:
    return DryRunEntry(
        at=s.seen.now,
        would=_text(would),
        reason=cut(would.reason, REASON_MAX),
        message=cut(would.message, DRY_RUN_MESSAGE_MAX),
    )


def _kind(decision: Decision) -> str | None:
    """Forward or back; None for a decision that moves nothing."""
    if takes_away(decision):
        return "back"
    return "forward" if decision.action in FORWARD else None


def _text(decision: Decision) -> str:
    action = Action.ROLL_BACK if takes_away(decision) else decision.action
    return cut(f"{action} {decision.step.label}" if decision.step else str(action), 63)
