"""The rules, one function each. `chains.py` says in which order they are asked and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.errors import TakenName
from modelrollout.api.spec import OnFailure
from modelrollout.api.stages import OnInconclusive
from modelrollout.engine.capacity import blamed
from modelrollout.engine.gates import before
from modelrollout.engine.load import light_note
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.revisions import stage_hash
from modelrollout.engine.rounds import loading_since
from modelrollout.engine.shared import (
    SCALING,
    applied,
    away,
    back,
    enforced,
    enough_ready,
    forward,
    lasted,
    loaded,
    progress_deadline,
    routed,
    scaled_up,
    unapplied,
    wait,
)
from modelrollout.engine.situation import Empty, Loading, Resting, Stepping
from modelrollout.engine.steps import after, fall_back, steps_of
from modelrollout.engine.wording import (
    enforced_names,
    label,
    not_shown_text,
    open_checks,
    open_text,
    passing_text,
    ready_text,
    settled_text,
    shortage_text,
)

MADE: Final = timedelta(seconds=1)
"""How soon what is made by this decision is there to be seen."""


# --- a step is being judged -------------------------------------------------------------------------------------------


def harm(s: Stepping) -> Decision | None:
    """Evidence that the candidate does harm takes its traffic away."""
    if s.attempt.harm is not None:
        return away(s, s.attempt.harm.reason, s.attempt.harm.message)
    found = blamed(s)
    if not found or s.seen.rollout.spec.on_failure is OnFailure.HOLD:
        return None
    return away(s, "Harm", "; ".join(judged.result.reason for judged in found))


def silence(s: Stepping) -> Decision | None:
    """A candidate that is ready, gets its share and answers next to nothing of it is broken."""
    if not s.evidence.silent or not s.candidate.is_ready or not s.stable.is_ready:
        return None
    if s.attempt.is_withheld or s.step.accepted_at is None or not routed(s):
        # Without its share it has nothing to answer.
        return None
    return away(s, "NoAnswers", s.evidence.share_text)


def crash(s: Stepping | Loading) -> Decision | None:
    """A candidate whose containers keep ending does not get better by waiting."""
    if s.candidate.crashing is None:
        return None
    return away(s, "Crashing", s.candidate.crashing)


def unready(s: Stepping) -> Decision | None:
    """Without a ready endpoint the candidate gets no traffic."""
    if s.attempt.unready_since is not None or s.candidate.is_ready:
        return None
    return Decision(Action.SUSPEND, "CandidateUnready", f"no endpoint of {s.candidate.revision.version} is ready")


def reverted(s: Stepping | Loading) -> Decision | None:
    """Reverting the spec is a rollback, and nobody's fault."""
    if s.seen.desired.hash != s.stable.revision.hash:
        return None
    message = f"the spec asks for the stable version {s.stable.revision.version} again"
    return back(s, Decision(Action.ROLL_BACK, "SpecReverted", message))


def superseded(s: Stepping | Loading) -> Decision | None:
    """A third revision starts from stable, not from where the second one got to."""
    if s.seen.desired.hash == s.candidate.revision.hash:
        return None
    message = f"version {s.seen.desired.version} replaces {s.candidate.revision.version}: back to stable first"
    return back(s, Decision(Action.ABANDON, "Superseded", message))


def suspended_for_good(s: Stepping) -> Decision | None:
    """A suspended candidate that does not become ready is given up."""
    since = s.attempt.unready_since
    if since is None or enough_ready(s) or s.seen.now < since + progress_deadline(s):
        return None
    message = f"{shortage_text(s)}, and it has been suspended since {since:%H:%M:%S}Z"
    return Decision(Action.ROLL_BACK, "ProgressDeadlineExceeded", message, fails=True)


def invalid(s: Stepping | Loading | Resting | Empty) -> Decision | None:
    """A spec that cannot be carried out changes nothing that works."""
    if not s.seen.problems:
        return None
    taken = all(isinstance(problem, TakenName) for problem in s.seen.problems)
    return wait("NameTaken" if taken else "InvalidSpec", "; ".join(s.seen.problems))


def unchecked(s: Loading | Resting) -> Decision | None:
    """Nothing starts on a spec that may turn out to be one that cannot be carried out."""
    if s.seen.unchecked is None:
        return None
    return wait("SpecUnchecked", f"the spec could not be fully checked yet: {s.seen.unchecked}")


def suspended(s: Stepping) -> Decision | None:
    """A suspended candidate waits for the ready endpoints that its weight needs."""
    since = s.attempt.unready_since
    if since is None or enough_ready(s):
        return None
    return Decision(
        Action.WAIT,
        "Suspended",
        shortage_text(s),
        until=since + progress_deadline(s),
    )


def edited(s: Stepping) -> Decision | None:
    """An edited stage starts again, at its weight or a lower one: nothing jumps forward."""
    if s.position is not None and stage_hash(s.seen.rollout.spec, s.step.stage) == s.step.spec_hash:
        return None
    target = s.position or fall_back(s.steps, s.step)
    if target is None:
        message = "every stage left has a higher weight: starting again"
        return back(s, Decision(Action.ABANDON, "StageRemoved", message))
    return Decision(Action.ENTER, "StageEdited", f"{target.label} starts again under the edited spec", step=target)


def recovered(s: Stepping) -> Decision | None:
    """A suspended candidate that is ready again starts its step again."""
    if s.attempt.unready_since is None or s.position is None:
        return None
    return Decision(Action.ENTER, "CandidateRecovered", f"{s.position.label} starts again", step=s.position)


def accepted(s: Stepping) -> Decision | None:
    """The gateway has taken the step's weights."""
    if s.step.accepted_at is not None or not applied(s):
        return None
    return Decision(Action.ACCEPT, "Accepted", f"the gateway accepted {label(s)}")


def in_force(s: Stepping) -> Decision | None:
    """Requests are seen to follow the weights, or nothing can show it and the time to settle is over."""
    accepted_at = s.step.accepted_at
    if s.step.in_force_at is not None or accepted_at is None or not applied(s):
        return None
    if s.evidence.share_shown:
        return Decision(Action.IN_FORCE, "ShareShown", s.evidence.share_text)
    if s.evidence.share_shown is False or s.step.mirror_percent:
        # Nobody but a count can show that copies arrive.
        return None
    if (s.evidence.at or s.seen.now) < accepted_at + s.seen.rollout.spec.traffic.settle:
        return None
    return Decision(Action.IN_FORCE, "Settled", settled_text(s))


def passed(s: Stepping) -> Decision | None:
    """The step has lasted and every enforced check passes on evidence gathered in it: go on."""
    position = s.position
    if position is None or s.step.in_force_at is None or not applied(s) or s.evidence.unavailable is not None:
        return None
    if open_checks(s) or not lasted(s, position.duration):
        return None
    count = len(enforced_names(s))
    checks = f"{count}/{count} enforced checks, " if count else ""
    onward = before(s, forward(s, "Passed", f"{label(s)} passed: {checks}{s.evidence.share_text}{light_note(s)}"))
    # Also a wait for pods lasts no longer than the user has said.
    return None if onward.reason in SCALING and _ends_in_rollback(s) else onward


def _ends_in_rollback(s: Stepping) -> bool:
    stage = s.position.stage if s.position else None
    if stage is None or stage.on_inconclusive is not OnInconclusive.ROLLBACK:
        return False
    return s.seen.now >= s.step.started_at + stage.max_duration


def inconclusive(s: Stepping) -> Decision | None:
    """A step that stays open longer than maxDuration ends as the user said it shall."""
    position = s.position
    if position is None or s.seen.now < s.step.started_at + position.stage.max_duration:
        return None
    if s.seen.evidence is None or blamed(s):
        # Nobody has looked yet, or what was seen is conclusive and onFailure holds it.
        return None
    pods = None if open_checks(s) else scaled_up(s, after(s.steps, position))
    message = f"{label(s)} stayed open for maxDuration: {pods.message if pods else open_text(s)}"
    match position.stage.on_inconclusive:
        case OnInconclusive.ROLLBACK:
            return away(s, "Inconclusive", message)
        case OnInconclusive.ADVANCE:
            # Open evidence of traffic that flowed is what the user lets pass: not an outage, not a clock that jumped.
            # Nor latency that fails, whoever is to blame for it.
            if enforced(s, Verdict.HARM) or not applied(s) or not lasted(s, position.stage.max_duration):
                return None
            return before(s, forward(s, "InconclusiveAdvance", message))
        case OnInconclusive.HOLD:
            return None


def held(s: Stepping) -> Decision | None:
    """Say what the step is waiting for."""
    found = enforced(s, Verdict.HARM)
    if found:
        return wait("HarmHeld", "onFailure: Hold; " + "; ".join(judged.result.reason for judged in found))
    if not applied(s):
        return unapplied(s.seen.route, f"the route does not carry {label(s)} yet")
    if s.evidence.unavailable is not None:
        return wait("MetricsUnavailable", s.evidence.unavailable)
    if s.step.in_force_at is None:
        return wait("ShareNotShown", f"{not_shown_text(s)}: {s.evidence.share_text}")
    return wait("Gathering", open_text(s)) if open_checks(s) else wait("Passing", f"passing: {passing_text(s)}")


# --- the candidate loads ----------------------------------------------------------------------------------------------


def load_deadline(s: Loading) -> Decision | None:
    """A candidate that never becomes ready is given up."""
    if s.seen.now < loading_since(s.attempt) + progress_deadline(s) or loaded(s):
        return None
    return Decision(Action.ROLL_BACK, "ProgressDeadlineExceeded", ready_text(s), fails=True)


def load_wait(s: Loading) -> Decision | None:
    """No traffic before all of the candidate's pods are ready."""
    if loaded(s):
        return None
    until = loading_since(s.attempt) + progress_deadline(s)
    return Decision(Action.WAIT, "CandidateLoading", ready_text(s), until=until)


def route_at_rest(s: Loading | Resting) -> Decision | None:
    """Nothing starts before the gateway has accepted that stable has all traffic."""
    if applied(s):
        return None
    return unapplied(s.seen.route, "the route does not give stable all traffic yet")


def unscraped(s: Loading) -> Decision | None:
    """No request reaches a candidate that Prometheus does not scrape yet: its first errors would be seen by nobody.

    Prometheus finds new pods seconds after they are ready. What they answer before is the baseline of their counters.
    """
    if s.seen.scraped is not False:
        return None
    text = f"{ready_text(s)}, and Prometheus, which scrapes the stable version, does not scrape it yet"
    return Decision(Action.WAIT, "CandidateNotScraped", text, until=s.seen.next_evidence_at)


def enter_first(s: Loading) -> Decision | None:
    """A ready candidate enters the first step."""
    first = steps_of(s.seen.rollout.spec)[0]
    entered = Decision(Action.ENTER, "CandidateReady", f"{ready_text(s)}: enters {first.label}", step=first)
    return before(s, entered)


# --- stable serves, nothing is on its way -----------------------------------------------------------------------------


def steady(s: Resting) -> Decision | None:
    """What the spec asks for is what serves."""
    if s.seen.desired.hash != s.stable.revision.hash:
        return None
    if not s.stable.is_ready:
        return wait("StableUnready", f"no endpoint of the stable version {s.stable.revision.version} is ready")
    return wait("Serving", f"version {s.stable.revision.version} serves")


def failed_before(s: Resting) -> Decision | None:
    """A revision that was rolled back is not tried again by itself."""
    failure = s.seen.status.failed
    if failure is None or failure.revision != s.seen.desired.hash:
        return None
    return wait(failure.reason, failure.message)


def warm_return(s: Resting) -> Decision | None:
    """Within the rollback window, going back to the previous revision is one write."""
    previous = s.seen.status.previous
    if previous is None or s.previous is None or s.seen.desired.hash != previous.revision:
        return None
    if s.seen.now >= previous.warm_until or not s.previous.is_ready:
        return None
    message = f"the spec asks for the previous version {previous.version}, which is still warm"
    return Decision(Action.RETURN, "SpecReverted", message)


def begin(s: Resting) -> Decision | None:
    """A new revision starts a rollout."""
    message = f"version {s.seen.desired.version} is to replace {s.stable.revision.version}"
    return Decision(Action.BEGIN, "NewRevision", message)


# --- nothing has ever served ------------------------------------------------------------------------------------------


def first_ready(s: Empty) -> Decision | None:
    """The first revision runs no stages: there is nothing to compare it with."""
    if s.desired.replicas is None or s.desired.ready_endpoints < s.seen.rollout.spec.workload.replicas:
        return None
    return Decision(Action.ADOPT, "FirstRevision", f"version {s.desired.revision.version} is ready and serves")


def first_loading(s: Empty) -> Decision | None:
    """Until it is ready it gets no route; a new spec replaces it."""
    want = s.seen.rollout.spec.workload
    text = (
        f"{s.desired.ready_endpoints}/{want.replicas} endpoints of the first version {s.desired.revision.version} ready"
        f"{s.desired.waiting_text}"
    )
    if s.desired.created_at is None:
        # Where others have its pods ready already, nobody tells of anything after its record is made.
        return Decision(Action.WAIT, "FirstRevisionLoading", text, until=s.seen.now + MADE)
    if s.desired.crashing is not None:
        return wait("Crashing", s.desired.crashing)
    deadline = s.desired.created_at + want.progress_deadline
    if s.seen.now >= deadline:
        return wait("ProgressDeadlineExceeded", text)
    return Decision(Action.WAIT, "FirstRevisionLoading", text, until=deadline)
