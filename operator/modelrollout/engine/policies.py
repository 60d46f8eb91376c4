"""The rules, one function each. `chains.py` says in which order they are asked and why."""

from __future__ import annotations

from datetime import timedelta

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.spec import OnFailure
from modelrollout.api.stages import OnInconclusive
from modelrollout.engine.observed import Acceptance, JudgedMetric
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.revisions import stage_hash
from modelrollout.engine.situation import Empty, Loading, Resting, Stepping
from modelrollout.engine.steps import after, fall_back, steps_of


def _wait(reason: str, message: str) -> Decision:
    return Decision(Action.WAIT, reason, message)


# --- a step is being judged -------------------------------------------------------------------------------------------


def harm(s: Stepping) -> Decision | None:
    """Evidence that the candidate does harm takes its traffic away."""
    if s.attempt.harm is not None:
        return _away(s, s.attempt.harm.reason, s.attempt.harm.message)
    found = _enforced(s, Verdict.HARM)
    if not found or s.seen.rollout.spec.on_failure is OnFailure.HOLD:
        return None
    return _away(s, "Harm", "; ".join(judged.result.reason for judged in found))


def silence(s: Stepping) -> Decision | None:
    """A candidate that is ready and answers next to nothing of its share is broken."""
    if s.evidence.silent and s.candidate.is_ready and s.stable.is_ready:
        return _away(s, "NoAnswers", s.evidence.share_text)
    return None


def crash(s: Stepping | Loading) -> Decision | None:
    """A candidate whose containers keep ending does not get better by waiting."""
    if s.candidate.crashing is None:
        return None
    if isinstance(s, Stepping):
        return _away(s, "Crashing", s.candidate.crashing)
    return Decision(Action.ROLL_BACK, "Crashing", s.candidate.crashing, fails=True)


def suspension(s: Stepping) -> Decision | None:
    """Without a ready endpoint the candidate gets no traffic; when it is back, its step starts again."""
    since = s.attempt.unready_since
    if since is None:
        if s.candidate.is_ready:
            return None
        return Decision(Action.SUSPEND, "CandidateUnready", f"no endpoint of {s.candidate.revision.version} is ready")
    if s.candidate.is_ready and s.position is not None:
        return Decision(Action.ENTER, "CandidateRecovered", f"{s.position.label} starts again", step=s.position)
    if s.candidate.is_ready:
        return None
    deadline = since + s.seen.rollout.spec.workload.deployment.progress_deadline
    if s.seen.now >= deadline:
        return Decision(
            Action.ROLL_BACK,
            "ProgressDeadlineExceeded",
            f"no endpoint of {s.candidate.revision.version} has been ready since {since:%H:%M:%S}Z",
            fails=True,
        )
    return Decision(Action.WAIT, "Suspended", "waiting for a ready endpoint of the candidate", until=deadline)


def reverted(s: Stepping | Loading) -> Decision | None:
    """Reverting the spec is a rollback, and nobody's fault."""
    if s.seen.desired.hash != s.stable.revision.hash:
        return None
    message = f"the spec asks for the stable version {s.stable.revision.version} again"
    return Decision(Action.ROLL_BACK, "SpecReverted", message)


def superseded(s: Stepping | Loading) -> Decision | None:
    """A third revision starts from stable, not from where the second one got to."""
    if s.seen.desired.hash == s.candidate.revision.hash:
        return None
    message = f"version {s.seen.desired.version} replaces {s.candidate.revision.version}: back to stable first"
    return Decision(Action.ABANDON, "Superseded", message)


def invalid(s: Stepping | Loading | Resting | Empty) -> Decision | None:
    """A spec that cannot be carried out changes nothing that works."""
    if not s.seen.problems:
        return None
    return _wait("InvalidSpec", "; ".join(s.seen.problems))


def edited(s: Stepping) -> Decision | None:
    """An edited stage starts again, at its weight or a lower one: nothing jumps forward."""
    if s.position is not None and stage_hash(s.seen.rollout.spec, s.step.stage) == s.step.spec_hash:
        return None
    target = s.position or fall_back(s.steps, s.step)
    if target is None:
        return Decision(Action.ABANDON, "StageRemoved", "every stage left has a higher weight: starting again")
    return Decision(Action.ENTER, "StageEdited", f"{target.label} starts again under the edited spec", step=target)


def accepted(s: Stepping) -> Decision | None:
    """The gateway has taken the step's weights."""
    route = s.seen.route
    if s.step.accepted_at is not None or route is None or route.acceptance is not Acceptance.ACCEPTED:
        return None
    if route.sequence != s.seen.status.sequence:
        return None
    return Decision(Action.ACCEPT, "Accepted", f"the gateway accepted {_label(s)}")


def in_force(s: Stepping) -> Decision | None:
    """Requests are seen to follow the weights, or nothing can show it and the time to settle is over."""
    accepted_at = s.step.accepted_at
    if s.step.in_force_at is not None or accepted_at is None:
        return None
    if s.evidence.share_shown:
        return Decision(Action.IN_FORCE, "ShareShown", s.evidence.share_text)
    settle = s.seen.rollout.spec.traffic.settle
    if s.evidence.share_shown is None and s.seen.now >= accepted_at + settle:
        return Decision(Action.IN_FORCE, "Settled", "no counter can show the share: taken as in force after settle")
    return None


def passed(s: Stepping) -> Decision | None:
    """The step has lasted and every enforced check passes on evidence gathered in it: go on."""
    position = s.position
    if position is None or s.step.in_force_at is None or s.evidence.unavailable is not None:
        return None
    if _enforced_open(s) or not _lasted(s, position.duration):
        return None
    count = len([judged for judged in s.evidence.judged if judged.metric.is_enforced])
    return _forward(s, "Passed", f"{_label(s)} passed: {count}/{count} enforced checks, {s.evidence.share_text}")


def inconclusive(s: Stepping) -> Decision | None:
    """A step that stays open longer than maxDuration ends as the user said it shall."""
    position = s.position
    if position is None or s.seen.now < s.step.started_at + position.stage.max_duration:
        return None
    message = f"{_label(s)} stayed open for maxDuration: {_open_text(s)}"
    match position.stage.on_inconclusive:
        case OnInconclusive.ROLLBACK:
            return _away(s, "Inconclusive", message)
        case OnInconclusive.ADVANCE:
            return _forward(s, "InconclusiveAdvance", message)
        case OnInconclusive.HOLD:
            return None


def held(s: Stepping) -> Decision | None:
    """Say what the step is waiting for."""
    found = _enforced(s, Verdict.HARM)
    if found:
        return _wait("HarmHeld", "onFailure: Hold; " + "; ".join(judged.result.reason for judged in found))
    route = s.seen.route
    if s.step.accepted_at is None:
        text = route.message if route else "the route does not exist yet"
        rejected = route is not None and route.acceptance is Acceptance.REJECTED
        return _wait("RouteRejected" if rejected else "RoutePending", text)
    if s.evidence.unavailable is not None:
        return _wait("MetricsUnavailable", s.evidence.unavailable)
    if s.step.in_force_at is None:
        return _wait("ShareNotShown", f"requests do not follow the weight yet: {s.evidence.share_text}")
    if _enforced_open(s):
        return _wait("Gathering", _open_text(s))
    return _wait("Passing", f"passing: {_passing_text(s)}")


# --- the candidate loads ----------------------------------------------------------------------------------------------


def load_deadline(s: Loading) -> Decision | None:
    """A candidate that never becomes ready is given up."""
    deadline = s.attempt.started_at + s.seen.rollout.spec.workload.deployment.progress_deadline
    if s.seen.now < deadline or _all_ready(s):
        return None
    return Decision(Action.ROLL_BACK, "ProgressDeadlineExceeded", _ready_text(s), fails=True)


def load_wait(s: Loading) -> Decision | None:
    """No traffic before all of the candidate's pods are ready."""
    if _all_ready(s):
        return None
    deadline = s.attempt.started_at + s.seen.rollout.spec.workload.deployment.progress_deadline
    return Decision(Action.WAIT, "CandidateLoading", _ready_text(s), until=deadline)


def route_at_rest(s: Loading | Resting) -> Decision | None:
    """Nothing starts before the gateway has accepted that stable has all traffic."""
    route = s.seen.route
    if route is not None and route.acceptance is Acceptance.ACCEPTED and route.sequence == s.seen.status.sequence:
        return None
    return _wait("RoutePending", route.message if route else "the route does not exist yet")


def enter_first(s: Loading) -> Decision | None:
    """A ready candidate enters the first step."""
    first = steps_of(s.seen.rollout.spec)[0]
    return Decision(Action.ENTER, "CandidateReady", f"{_ready_text(s)}: enters {first.label}", step=first)


# --- stable serves, nothing is on its way -----------------------------------------------------------------------------


def steady(s: Resting) -> Decision | None:
    """What the spec asks for is what serves."""
    if s.seen.desired.hash != s.stable.revision.hash:
        return None
    if not s.stable.is_ready:
        return _wait("StableUnready", f"no endpoint of the stable version {s.stable.revision.version} is ready")
    return _wait("Serving", f"version {s.stable.revision.version} serves")


def failed_before(s: Resting) -> Decision | None:
    """A revision that was rolled back is not tried again by itself."""
    failure = s.seen.status.failed
    if failure is None or failure.revision != s.seen.desired.hash:
        return None
    return _wait(failure.reason, failure.message)


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
    if s.desired.replicas is None or s.desired.ready_endpoints < s.seen.rollout.spec.workload.deployment.replicas:
        return None
    return Decision(Action.ADOPT, "FirstRevision", f"version {s.desired.revision.version} is ready and serves")


def first_loading(s: Empty) -> Decision | None:
    """Until it is ready it gets no route; a new spec replaces it."""
    want = s.seen.rollout.spec.workload.deployment
    text = (
        f"{s.desired.ready_endpoints}/{want.replicas} endpoints of the first version {s.desired.revision.version} ready"
    )
    if s.desired.created_at is None:
        return _wait("FirstRevisionLoading", text)
    if s.desired.crashing is not None:
        return _wait("Crashing", s.desired.crashing)
    deadline = s.desired.created_at + want.progress_deadline
    if s.seen.now >= deadline:
        return _wait("ProgressDeadlineExceeded", text)
    return Decision(Action.WAIT, "FirstRevisionLoading", text, until=deadline)


# --- shared -----------------------------------------------------------------------------------------------------------


def _away(s: Stepping, reason: str, message: str) -> Decision:
    """Take the candidate's traffic, unless nobody else could answer it."""
    live = s.step.weight > 0 and s.attempt.unready_since is None
    if live and not s.stable.is_ready and s.candidate.is_ready:
        text = f"{message}; stable has no ready endpoint, so the candidate keeps serving until it has one"
        return Decision(Action.WAIT, "NoSafeTarget", text, latch=True)
    return Decision(Action.ROLL_BACK, reason, message, fails=True)


def _forward(s: Stepping, reason: str, message: str) -> Decision:
    assert s.position is not None  # noqa: S101 - callers have looked
    following = after(s.steps, s.position)
    if following is None:
        return Decision(Action.PROMOTE, reason, message)
    return Decision(Action.ENTER, reason, f"{message}: enters {following.label}", step=following)


def _lasted(s: Stepping, duration: timedelta) -> bool:
    """By our clock, and by Prometheus's: a clock that jumps shortens no step."""
    assert s.step.in_force_at is not None  # noqa: S101 - callers have looked
    by_clock = s.seen.now >= s.step.started_at + duration
    return by_clock and (not s.evidence.judged or s.evidence.covered_seconds >= duration.total_seconds())


def _enforced(s: Stepping, verdict: Verdict) -> list[JudgedMetric]:
    return [j for j in s.evidence.judged if j.metric.is_enforced and j.result.verdict is verdict]


def _enforced_open(s: Stepping) -> list[JudgedMetric]:
    return [j for j in s.evidence.judged if j.metric.is_enforced and j.result.verdict is not Verdict.PASS]


def _open_text(s: Stepping) -> str:
    return "; ".join(judged.result.reason for judged in _enforced_open(s)) or s.evidence.share_text


def _passing_text(s: Stepping) -> str:
    enforced = [judged for judged in s.evidence.judged if judged.metric.is_enforced]
    passing = [judged for judged in enforced if judged.result.verdict is Verdict.PASS]
    samples = max((judged.result.samples for judged in s.evidence.judged), default=0)
    return f"{len(passing)}/{len(enforced)} checks, n={samples}"


def _label(s: Stepping) -> str:
    return s.position.label if s.position else s.step.stage


def _all_ready(s: Loading) -> bool:
    return s.candidate.ready_endpoints >= s.seen.rollout.spec.workload.deployment.replicas


def _ready_text(s: Loading) -> str:
    want = s.seen.rollout.spec.workload.deployment.replicas
    return f"{s.candidate.ready_endpoints}/{want} endpoints of version {s.candidate.revision.version} ready"
