"""Versions that somebody else deploys, behind Services of the user's. See docs/design/0008-services.md.

A revision is the model's name and the Service's; what is behind that Service may change, and evidence never spans two.
Nothing of it is ever made, scaled, drained or collected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from modelrollout.api.services import PODS_MAX, ServiceStatus
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import ModelRolloutStatus, RevisionRef
from modelrollout.engine.behind import Behind, has_changed
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.plan import Action, Decision, Event, EventType
from modelrollout.engine.revisions import Revision, revision_behind, revision_of
from modelrollout.engine.shared import back, wait
from modelrollout.engine.situation import Empty, Loading, Observation, Stepping

FIELD: Final = "spec.workload.services"
STABLE_REPLACED: Final = "StableReplaced"
"""Event, and a reason."""
AGAIN: Final = "nothing is known of what answers now; back to stable, and again from the first stage"
PREVIOUS_REPLACED: Final = "PreviousReplaced"
"""Event."""
SHOWN: Final = 3
"""How many groups of pods a message names."""


# --- what the spec asks for -------------------------------------------------------------------------------------------


def desired_of(raw_spec: Mapping[str, Any], stored: Sequence[Revision], status: ModelRolloutStatus) -> Revision:
    """The revision that a spec asks for.

    Without a candidate it is what serves: also where that began to serve before anybody gave it a version.
    """
    wanted = revision_of(raw_spec)
    if raw_spec["workload"]["services"].get("candidate") is not None:
        return wanted
    serving = serving_of(stored, status)
    nameless = serving is not None and serving.version == serving.service
    return serving if serving is not None and nameless and serving.service == wanted.service else wanted


def first_of(spec: ModelRolloutSpec, raw_spec: Mapping[str, Any], status: ModelRolloutStatus) -> Revision | None:
    """What plays stable until a candidate is: the other Service. Nobody has named its version, so it is called by name.

    None where the spec has no candidate, or something else serves by now.
    """
    services = spec.workload.services
    if services is None or services.candidate is None:
        return None
    model = {"name": raw_spec["model"]["name"], "version": services.stable}
    found = revision_behind(model, services.stable, raw_spec["service"])
    return found if status.stable is None or status.stable.revision == found.hash else None


def serving_of(stored: Sequence[Revision], status: ModelRolloutStatus) -> Revision | None:
    """The record of what serves."""
    return next((one for one in stored if status.stable is not None and one.hash == status.stable.revision), None)


def services_problems(
    spec: ModelRolloutSpec, desired: Revision, stored: Sequence[Revision], status: ModelRolloutStatus
) -> Iterator[str]:
    """What of the spec contradicts what serves. One line each."""
    services, serving = spec.workload.services, serving_of(stored, status)
    known = {ref.revision for ref in (status.stable, status.previous) if ref is not None}
    if services is None or serving is None or desired.hash in known:
        return
    field = f"{FIELD}.candidate" if services.candidate is not None else f"{FIELD}.stable"
    now = f"Service {serving.service} serves version {serving.version} now"
    if desired.service == serving.service:
        yield (
            f"{field}: {now}, and version {desired.version} would have all requests before its first stage: deploy it "
            f"behind another Service, name that as candidate, and leave stable: {serving.service}"
        )
    elif services.stable != serving.service and (services.candidate is not None or desired not in stored):
        yield f"{FIELD}.stable: {now}: write stable: {serving.service}, and the new version's Service as candidate"
    elif desired.parsed()["model"] == serving.parsed()["model"]:
        yield (
            f"spec.model.version: {now}: write another one for what is behind {desired.service}, or name "
            f"{serving.service} as candidate again"
        )


def crowd_problems(service: str, behind: Behind) -> Iterator[str]:
    """More single pods behind a Service than are told apart."""
    if len(behind.all) > PODS_MAX:
        yield (
            f"{FIELD}: Service {service} has {len(behind.all)} pods that are of no ReplicaSet, and at most {PODS_MAX} "
            "are told apart: let a Deployment make them"
        )


# --- policies ---------------------------------------------------------------------------------------------------------


def serves_already(s: Empty) -> Decision | None:
    """With a candidate, the other Service is stable from the first look on: the candidate runs the stages beside it."""
    rollout = s.seen.rollout
    first = first_of(rollout.spec, rollout.raw_spec, s.seen.status)
    if first is None:
        return None
    state = s.seen.state_of(first.hash)
    if state is None or not state.is_ready:
        return wait("StableUnready", f"no endpoint of Service {first.service}, which is to be stable, is ready")
    text = f"Service {first.service} answers until a candidate is stable"
    return Decision(Action.ADOPT, "ServiceServes", text, of=first.ref)


def replaced(s: Stepping) -> Decision | None:
    """Other pods than those that were measured answer for the candidate, or for stable: the rollout begins anew."""
    text = _change(s.seen.status, s.candidate)
    if text is not None:
        return back(s, Decision(Action.ABANDON, "CandidateReplaced", f"{text}: {AGAIN}"))
    text = _change(s.seen.status, s.stable)
    if text is not None:
        return back(s, Decision(Action.ABANDON, "StableReplaced", f"{text}: {AGAIN}"))
    return None


def unsettled(s: Loading) -> Decision | None:
    """No rollout begins while somebody deploys to the candidate's Service."""
    behind, service = s.candidate.behind, s.candidate.revision.service
    if behind is None:
        return None
    if not behind.is_one_deployment:
        text = f"behind Service {service} are {_listed(behind.all)}, and not all of them are ready"
        return wait("ServiceChanging", f"{text}: its deployment is still under way")
    known, settle = s.seen.status.service_of(s.candidate.revision.hash), s.seen.rollout.spec.traffic.settle
    since = s.seen.now if known is None or has_changed(known.pods, behind) else known.since
    if s.seen.now >= since + settle:
        return None
    text = f"behind Service {service} has been {_listed(behind.ready)} since {since:%H:%M:%S}Z"
    return Decision(Action.WAIT, "ServiceChanging", text, until=since + settle)


# --- what status remembers --------------------------------------------------------------------------------------------


def forgotten(status: ModelRolloutStatus, seen: Observation) -> ModelRolloutStatus:
    """Status without a previous revision that is not there any more: going back would lead to an untested one."""
    if status.previous is None:
        return status
    state = seen.state_of(status.previous.revision)
    return status if state is None or _change(status, state) is None else status.model_copy(update={"previous": None})


def remembered(status: ModelRolloutStatus, seen: Observation) -> ModelRolloutStatus:
    """Status with the pods of each revision that it names.

    Those of a step stay what they were when it began, until it has ended for it: they are what was measured.

    Args:
        status: after the decision; `seen` has the one before it.
    """
    before = seen.status.attempt
    judged = {before.revision} if before is not None and before.step is not None and status.attempt is not None else {}
    frozen = {*judged, status.stable.revision} if judged and status.stable is not None else judged
    entries = tuple(
        entry
        for ref in (status.stable, status.attempt, status.previous)
        if ref is not None and (entry := _entry(seen, ref, is_frozen=ref.revision in frozen)) is not None
    )
    return status if entries == status.services else status.model_copy(update={"services": entries})


def events(written: ModelRolloutStatus, before: ModelRolloutStatus, after: ModelRolloutStatus) -> Iterator[Event]:
    """Tell of what was replaced behind a Service outside of a rollout.

    Args:
        written: status as it was stored.
        before: status as it was decided on, without what was forgotten.
    """
    stable = after.stable
    old = None if stable is None else before.service_of(stable.revision)
    new = None if stable is None else after.service_of(stable.revision)
    if stable is not None and old is not None and new is not None and old.pods != new.pods:
        text = (
            f"behind Service {new.service}, which serves version {stable.version}, is {_listed(new.pods)} now, no more"
        )
        note = f"{text} {_listed(old.pods)}: it has passed no stage"
        yield Event(EventType.WARNING, STABLE_REPLACED, note)
    lost = written.previous if before.previous is None else None
    if lost is not None and (known := written.service_of(lost.revision)) is not None:
        note = f"version {lost.version} is not behind Service {known.service} any more, and is no way back"
        yield Event(EventType.NORMAL, PREVIOUS_REPLACED, note)


def _entry(seen: Observation, ref: RevisionRef, *, is_frozen: bool) -> ServiceStatus | None:
    known, state = seen.status.service_of(ref.revision), seen.state_of(ref.revision)
    if state is None or state.behind is None or state.revision.service is None or is_frozen:
        return known
    behind = state.behind
    if known is None or has_changed(known.pods, behind):
        if not behind.ready:
            return known
        pods = tuple(sorted(behind.ready))[:PODS_MAX]
        return ServiceStatus(revision=ref.revision, service=state.revision.service, pods=pods, since=seen.now)
    return known


def _change(status: ModelRolloutStatus, state: RevisionState) -> str | None:
    known = status.service_of(state.revision.hash)
    if known is None or state.behind is None or not has_changed(known.pods, state.behind):
        return None
    return f"behind Service {known.service} is {_listed(state.behind.ready)} now, no more {_listed(known.pods)}"


def _listed(groups: Sequence[str] | frozenset[str]) -> str:
    listed = sorted(groups)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
