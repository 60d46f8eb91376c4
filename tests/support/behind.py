"""Observations of a rollout between two Services that somebody else deploys: `digits-a` serves, `digits-b` is to.

As in `scenes`: version 2 is in the 5 % canary, or wherever a function here puts it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from modelrollout.api.services import ServiceStatus
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.behind import Behind
from modelrollout.engine.config import Config, wanted
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.revisions import Revision, revision_behind, revision_of
from modelrollout.engine.services import services_problems
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import only
from tests.support.scenes import (
    LONG_AGO,
    NOW,
    Raw,
    loading,
    raw_spec,
    rollout,
    route,
    stepping,
    with_attempt,
    with_evidence,
    with_route,
    with_status,
)

A, B, C = "digits-a", "digits-b", "digits-c"
OLD, NEW, NEWER = "digits-a-6d4cf56db6-*", "digits-b-79c8b5f4d9-*", "digits-b-5f6b7c8d9f-*"


def asks(version: str = "2", stable: str = A, candidate: str | None = B, **others: object) -> Raw:
    """A spec as a user writes it."""
    raw = raw_spec(version, **others)  # type: ignore[arg-type]
    named = {"stable": stable} | ({} if candidate is None else {"candidate": candidate})
    return raw | {"workload": {"services": named}}


FIRST = revision_behind({"name": "digits", "version": A}, A, {"port": 8080})
"""What serves before anybody has given it a version."""
ONE = revision_of(asks("1", A, None))
TWO = revision_of(asks("2"))
THREE = revision_of(asks("3", B, A))


def behind(*ready: str, also: tuple[str, ...] = (), endpoints: int | None = None) -> Behind:
    """Pods behind a Service.

    Args:
        also: groups of which none is ready.
    """
    return Behind(
        frozenset(ready), frozenset({*ready, *also}), len(ready) + len(also) if endpoints is None else endpoints
    )


def state(of: Revision, pods: Behind, ready: int | None = None) -> RevisionState:
    """What a Service's endpoints do."""
    count = pods.endpoints if ready is None and pods.ready else ready or 0
    return RevisionState(of, 0, count, created_at=LONG_AGO, behind=pods)


def known(of: Revision, *pods: str, since: datetime = LONG_AGO) -> ServiceStatus:
    """What status remembers."""
    return ServiceStatus(revision=of.hash, service=of.service or "", pods=pods, since=since)


STATES = (state(ONE, behind(OLD)), state(TWO, behind(NEW)))
KNOWN = (known(ONE, OLD), known(TWO, NEW))


def serving(raw: Raw | None = None, stable: Revision = ONE, **status: object) -> Observation:
    """A version serves, and the spec asks for something, by default the same."""
    used = raw or asks("1", A, None)
    made = ModelRolloutStatus(sequence=1, stable=stable.ref, services=(known(stable, OLD),)).model_copy(update=status)
    asked = rollout(used, made)
    stored = (stable, TWO)
    desired = wanted(used, stored, made, Config(tracked=False)).revision
    states = {ONE.hash: STATES[0], TWO.hash: STATES[1], stable.hash: state(stable, behind(OLD))}
    states.setdefault(desired.hash, state(desired, behind(OLD)))
    problems = tuple(services_problems(asked.spec, desired, stored, made))
    return Observation(NOW, asked, desired, problems, route(only(stable.hash), 1), tuple(states.values()))


def begun() -> Observation:
    """Version 2 is to begin beside version 1; all of its endpoints are ready."""
    return _ours(loading(2, asks()))


def judged(position: int = 1) -> Observation:
    """Version 2 is in the step at that position."""
    return with_evidence(with_route(_ours(stepping(position, asks()))))


def _ours(seen: Observation) -> Observation:
    of_two = with_attempt(seen, **TWO.ref.model_dump())
    found = with_status(of_two, stable=ONE.ref, services=KNOWN)
    return replace(found, desired=TWO, revisions=STATES, route=route(only(ONE.hash), found.status.sequence))


def now(seen: Observation, *states: RevisionState) -> Observation:
    """With other pods behind some Services."""
    changed = {each.revision.hash: each for each in states}
    return replace(seen, revisions=tuple(changed.get(each.revision.hash, each) for each in seen.revisions))
