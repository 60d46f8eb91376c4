"""What people do with a rollout, as policies. Each asks for a click that can be carried out now (`controls.wanted`)."""

from __future__ import annotations

from dataclasses import replace

from modelrollout.api.controls import Control
from modelrollout.engine.automation import recommendation, takes_away
from modelrollout.engine.clicks import removal
from modelrollout.engine.controls import pause_of, wanted
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.policies import route_at_rest, unchecked
from modelrollout.engine.scale import full_size
from modelrollout.engine.shared import all_ready, back, scaled_up, wait
from modelrollout.engine.situation import Loading, Resting, Stepping
from modelrollout.engine.steps import Step, steps_of
from modelrollout.engine.wording import label, open_text, ready_text

# --- less traffic, or none --------------------------------------------------------------------------------------------


def aborted(s: Stepping | Loading) -> Decision | None:
    """Somebody wants the candidate's traffic gone now; it is not tried again by itself."""
    click = wanted(s, Control.ABORT)
    if click is None:
        return None
    where = f"in {label(s)}" if isinstance(s, Stepping) else "while it was loading"
    message = f"version {s.candidate.revision.version} was aborted by hand {where}"
    return replace(back(s, Decision(Action.ROLL_BACK, "Aborted", message, fails=True)), clicks=(click,))


def declined(s: Resting) -> Decision | None:
    """Somebody wants that what the spec asks for does not begin."""
    click = wanted(s, Control.ABORT)
    if click is None:
        return None
    message = f"version {s.seen.desired.version} was aborted by hand before it began"
    return Decision(Action.DECLINE, "Aborted", message, fails=True, clicks=(click,))


def rolled_back(s: Resting) -> Decision | None:
    """Somebody wants the previous version back, which is still warm: one write."""
    click, previous = wanted(s, Control.ROLLBACK), s.seen.status.previous
    if click is None or previous is None:
        return None
    message = f"version {s.stable.revision.version} was rolled back by hand to version {previous.version}"
    return Decision(Action.RETURN, "RolledBackByHand", message, fails=True, clicks=(click,))


def paused_while_suspended(s: Stepping) -> Decision | None:
    """A candidate that was suspended or held back gets no traffic back while somebody holds the rollout."""
    return paused(s) if s.attempt.is_withheld else None


def paused(s: Stepping | Loading | Resting) -> Decision | None:
    """Nothing goes forward, begins or gets traffic while somebody holds the rollout."""
    if pause_of(s.seen, s.seen.status) is None:
        return None
    way_on = f"to go on: {removal(s.seen.rollout.key, Control.PAUSE)}"
    match s:
        case Stepping():
            return wait("Paused", f"paused by hand in {label(s)}; {way_on}; {open_text(s)}")
        case Loading():
            return wait("Paused", f"paused by hand before the first step; {way_on}; {ready_text(s)}")
        case Resting():
            return wait("Paused", f"paused by hand before version {s.seen.desired.version} begins; {way_on}")


# --- on ---------------------------------------------------------------------------------------------------------------


def retried(s: Resting) -> Decision | None:
    """Somebody wants a version that failed to be tried again."""
    click = wanted(s, Control.RETRY)
    if click is None:
        return None
    message = f"version {s.seen.desired.version} is tried again by hand"
    return unchecked(s) or route_at_rest(s) or Decision(Action.BEGIN, "Retried", message, clicks=(click,))


def promoted_full(s: Stepping | Loading) -> Decision | None:
    """Somebody wants the candidate to be stable now; all of its pods have to be ready for that."""
    click = wanted(s, Control.PROMOTE_FULL)
    if click is None or not all_ready(s):
        return None
    steps = steps_of(s.seen.rollout.spec)
    left = _left_out(s, steps[steps.index(s.position) + 1 :] if isinstance(s, Stepping) and s.position else steps)
    return Decision(Action.PROMOTE, "PromotedByHand", f"made stable by hand, skipping {left}", clicks=(click,))


def promoted(s: Stepping) -> Decision | None:
    """Somebody wants the candidate in the next stage now. While it is not ready it has no traffic there either."""
    click = wanted(s, Control.PROMOTE)
    if click is None:
        return None
    current = next((step.stage_index for step in s.steps if step.stage.name == s.step.stage), None)
    if current is None:
        return None  # the stage was edited away: first the rollout falls back, then it goes on from there
    later = [step for step in s.steps if step.stage_index > current]
    left = _left_out(s, tuple(step for step in s.steps if step.stage_index == current and step.index > s.step.index))
    if later and s.seen.rollout.spec.workload.scales_with_weight and scaled_up(s, later[0]):
        return None  # it has the pods of the step that it is in: more are asked for, and waited for
    if later:
        message = f"{later[0].label} entered by hand, skipping {left}"
        return Decision(Action.ENTER, "PromotedByHand", message, step=later[0], clicks=(click,))
    if not all_ready(s):
        return None
    return Decision(Action.PROMOTE, "PromotedByHand", f"made stable by hand, skipping {left}", clicks=(click,))


def entered(s: Loading) -> Decision | None:
    """Somebody wants a candidate that is ready in its first step now, whatever else is still waited for."""
    click = wanted(s, Control.PROMOTE)
    if click is None:
        return None
    first = steps_of(s.seen.rollout.spec)[0]
    message = f"{first.label} entered by hand; {ready_text(s)}"
    return Decision(Action.ENTER, "PromotedByHand", message, step=first, clicks=(click,))


def approved(s: Stepping | Loading) -> Decision | None:
    """Somebody agrees to what is recommended: a rollback is carried out, going on is not held any more."""
    click = wanted(s, Control.APPROVE)
    if click is None:
        return None
    advice = recommendation(s)
    if advice is not None and takes_away(advice):
        return replace(advice, clicks=(click,))
    what = f"going on after {label(s)}" if isinstance(s, Stepping) else "the first step"
    return Decision(Action.APPROVE, "Approved", f"{what} is approved by hand", clicks=(click,))


def promotion_waits(s: Stepping) -> Decision | None:
    """Say what a promotion by hand waits for."""
    if wanted(s, Control.PROMOTE) is None and wanted(s, Control.PROMOTE_FULL) is None:
        return None
    want = full_size(s.seen, s.seen.status)
    version = s.candidate.revision.version
    return wait(
        "PromotionWaits",
        f"to be promoted by hand as soon as its pods are ready: {s.candidate.ready_endpoints}/{want} endpoints of "
        f"version {version} are",
    )


def _left_out(s: Stepping | Loading, steps: tuple[Step, ...]) -> str:
    """What a promotion by hand does without."""
    rest = [f"the rest of {label(s)} ({open_text(s)})"] if isinstance(s, Stepping) else []
    return ", ".join((*rest, *(step.label for step in steps)))
