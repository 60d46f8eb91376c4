"""Observations to decide on: one ordinary rollout, and small changes to it.

`digits` serves version 1; version 2 is in the 5 % canary (or wherever a function here puts it), accepted, in force, and
long enough for its duration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.controls import Control
from modelrollout.api.fallback import Fallback, FallbackService
from modelrollout.api.resource import Key, ModelRollout, parse_spec
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import (
    AttemptStatus,
    FailureStatus,
    Harm,
    ModelRolloutStatus,
    PreviousStatus,
    StepStatus,
)
from modelrollout.engine.fallback import revision_of_fallback, state_of_fallback
from modelrollout.engine.intent import split_of
from modelrollout.engine.observed import Acceptance, Evidence, JudgedMetric, RevisionState, RouteDecision, RouteState
from modelrollout.engine.plan import Action
from modelrollout.engine.revisions import Revision, canonical, revision_of, stage_hash
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import Split, only
from modelrollout.engine.steps import steps_of

Raw = dict[str, Any]

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONG_AGO = NOW - 30 * MINUTE
REPLICAS = 2
STAGES: tuple[Raw, ...] = (
    {"name": "shadow", "shadow": {"percent": 100}, "duration": "10m"},
    {"name": "canary", "weight": 5, "duration": "10m", "maxDuration": "2h"},
    {"name": "ramp", "ramp": {"to": 50, "step": 15, "every": "5m"}},
    {"name": "full", "weight": 100, "duration": "30m"},
)
METRICS: tuple[Raw, ...] = (
    {
        "name": "error-rate",
        "ratio": {"events": "errors_total{$selector}", "total": "requests_total{$selector}"},
        "check": {"max": "0.01"},
    },
    {"name": "latency", "unit": "seconds", "query": "p99{$selector}", "check": {"max": "0.5"}, "mode": "Warn"},
)


def raw_spec(
    version: str = "2", *, stages: Sequence[Raw] = STAGES, metrics: Sequence[Raw] = METRICS, **others: object
) -> Raw:
    """A spec as a user writes it."""
    deployment = {
        **_part(others, "deployment"),
        "replicas": others.pop("replicas", REPLICAS),
        "drain": others.pop("drain", "30s"),
        "template": {"spec": {"containers": [{"name": "server", "image": f"digits:{version}"}]}},
    }
    return {
        "model": {"name": "digits", "version": version},
        "workload": {"deployment": deployment},
        "service": {"port": 8080},
        "traffic": {"gatewayAPI": {"parentRefs": [{"name": "gateway"}]}, **_part(others, "traffic")},
        "metrics": list(metrics),
        "stages": list(stages),
        **others,
    }


def _part(others: dict[str, object], name: str) -> Raw:
    part = others.pop(name, {})
    assert isinstance(part, dict)
    return part


@cache
def _parsed(text: str) -> tuple[ModelRolloutSpec, Revision]:
    raw = json.loads(text)
    return parse_spec(raw), revision_of(raw)


def spec_and_revision(raw: Mapping[str, Any]) -> tuple[ModelRolloutSpec, Revision]:
    """A spec read, and the revision that it asks for; remembered, for reading is slow."""
    return _parsed(canonical(raw))


def revision(version: str) -> Revision:
    """The revision of a version."""
    return spec_and_revision(raw_spec(version))[1]


STABLE, CANDIDATE, THIRD = revision("1"), revision("2"), revision("3")


def rollout(raw: Mapping[str, Any], status: ModelRolloutStatus, generation: int = 2) -> ModelRollout:
    """A ModelRollout as read."""
    return ModelRollout(
        key=Key("demo", "digits"),
        uid="uid",
        resource_version="7",
        generation=generation,
        deleting=False,
        spec=spec_and_revision(raw)[0],
        raw_spec=raw,
        status=status,
        annotations={},
    )


def pods(
    of: Revision, ready: int = REPLICAS, replicas: int | None = REPLICAS, crashing: str | None = None
) -> RevisionState:
    """A revision's pods."""
    return RevisionState(of, replicas, ready, crashing, None if replicas is None else LONG_AGO)


def route(
    split: Split,
    sequence: int,
    acceptance: Acceptance = Acceptance.ACCEPTED,
    decision: RouteDecision | None = None,
    message: str = "accepted by gateway",
) -> RouteState:
    """The route, carrying a split."""
    return RouteState(split.weights, split.mirror, sequence, decision, acceptance, message, "9")


def judged(seen: Observation, name: str, verdict: Verdict, reason: str | None = None) -> JudgedMetric:
    """One metric of the spec, with a verdict."""
    metric = next(metric for metric in seen.rollout.spec.metrics if metric.name == name)
    text = reason or {Verdict.PASS: "0.001 <= 0.01 (n=640)", Verdict.HARM: "0.08 > 0.01 (n=640)"}.get(verdict, verdict)
    result = CheckResult(name, verdict, f"{name} {text}", 0.001, None, 0.01, 640)
    return JudgedMetric(metric, result)


def evidence(
    seen: Observation,
    verdict: Verdict = Verdict.PASS,
    *,
    share_shown: bool | None = True,
    silent: bool = False,
    covered: timedelta = 60 * MINUTE,
    unavailable: str | None = None,
    warn: Verdict = Verdict.PASS,
) -> Evidence:
    """What Prometheus shows of the step, with one verdict for each enforced metric."""
    status = seen.status
    stage = status.attempt.step.stage if status.attempt and status.attempt.step else ""
    metrics = [metric for metric in seen.rollout.spec.metrics if metric.applies_to(stage)]
    return Evidence(
        judged=tuple(judged(seen, m.name, verdict if m.is_enforced else warn) for m in metrics),
        share_shown=share_shown,
        silent=silent,
        share_text="the candidate answered 52 of 1000 requests",
        covered_seconds=covered.total_seconds(),
        unavailable=unavailable,
        frozen_bounds=(("error-rate", 0.004),),
    )


# --- the four situations ----------------------------------------------------------------------------------------------


def empty(raw: Raw | None = None, ready: int = 0) -> Observation:
    """The first revision is loading."""
    used = raw or raw_spec("1")
    desired = spec_and_revision(used)[1]
    return Observation(NOW, rollout(used, ModelRolloutStatus(), 1), desired, (), None, (pods(desired, ready),))


QUEUE = Fallback(service=FallbackService(name="queue", port=80), selector='pod=~"queue-.*"')


def before_the_first(ready: int = 2, raw: Raw | None = None) -> Observation:
    """Nothing serves, and a Service of the user's is to answer until a first revision does."""
    seen = empty(raw or raw_spec("1", fallback=QUEUE.dump()))
    return replace(seen, fallback=state_of_fallback(seen.rollout.spec.fallback or QUEUE, ready))


def beside_fallback(seen: Observation, ready: int = 2, fallback: Fallback = QUEUE) -> Observation:
    """With the fallback in stable's place."""
    stood_in = replace(seen, fallback=state_of_fallback(fallback, ready))
    ref = revision_of_fallback(fallback).ref
    found = with_status(stood_in, stable=ref, fallback=fallback)
    return with_route(found) if found.route is not None else found


def resting(raw: Raw | None = None, **status: object) -> Observation:
    """Version 1 serves; `raw` is what the spec asks for now, by default the same."""
    used = raw or raw_spec("1")
    made = ModelRolloutStatus(sequence=1, stable=STABLE.ref).model_copy(update=status)
    desired = spec_and_revision(used)[1]
    known = (pods(STABLE),) if desired == STABLE else (pods(STABLE), pods(desired, 0, None))
    return Observation(NOW, rollout(used, made), desired, (), route(only(STABLE.hash), 1), known)


def loading(ready: int = 0, raw: Raw | None = None) -> Observation:
    """Version 2 is loading since a minute; version 1 serves."""
    attempt = AttemptStatus(**CANDIDATE.ref.model_dump(), started_at=NOW - MINUTE)
    return replace(resting(raw or raw_spec(), attempt=attempt), revisions=(pods(STABLE), pods(CANDIDATE, ready)))


def stepping(position: int = 1, raw: Raw | None = None) -> Observation:
    """Version 2 is in the step at that position: 0 shadow, 1 canary at 5 %, 2 to 4 ramp at 20, 35 and 50 %, 5 full."""
    used = raw or raw_spec()
    spec = spec_and_revision(used)[0]
    step = steps_of(spec)[position]
    entered = StepStatus(
        stage=step.stage.name,
        stage_index=step.stage_index,
        index=step.index,
        number=position + 1,
        weight=step.weight,
        mirror_percent=step.mirror_percent,
        previous_weight=0,
        spec_hash=stage_hash(spec, step.stage.name),
        started_at=LONG_AGO,
        accepted_at=LONG_AGO + timedelta(seconds=5),
        in_force_at=LONG_AGO + timedelta(seconds=20),
    )
    attempt = AttemptStatus(
        **CANDIDATE.ref.model_dump(), started_at=NOW - 40 * MINUTE, evidence_since=LONG_AGO, step=entered
    )
    status = ModelRolloutStatus(sequence=4, stable=STABLE.ref, attempt=attempt)
    seen = Observation(
        NOW, rollout(used, status), spec_and_revision(used)[1], (), None, (pods(STABLE), pods(CANDIDATE))
    )
    return with_evidence(with_route(seen))


# --- small changes ----------------------------------------------------------------------------------------------------


def with_clicks(seen: Observation, **values: str) -> Observation:
    """With controls: `abort="..."`, `promote_full="..."`."""
    annotations = {Control(name.replace("_", "-")).annotation: value for name, value in values.items()}
    return replace(seen, rollout=replace(seen.rollout, annotations={**seen.rollout.annotations, **annotations}))


def with_status(seen: Observation, **changes: object) -> Observation:
    """With other fields of status."""
    return replace(seen, rollout=replace(seen.rollout, status=seen.status.model_copy(update=changes)))


def with_attempt(seen: Observation, **changes: object) -> Observation:
    """With other fields of the attempt."""
    assert seen.status.attempt is not None
    return with_status(seen, attempt=seen.status.attempt.model_copy(update=changes))


def with_step(seen: Observation, **changes: object) -> Observation:
    """With other fields of the step."""
    assert seen.status.attempt is not None
    assert seen.status.attempt.step is not None
    return with_attempt(seen, step=seen.status.attempt.step.model_copy(update=changes))


def suspended(seen: Observation, since: datetime = NOW - MINUTE) -> Observation:
    """With the candidate's traffic taken away because none of it was ready."""
    return with_route(with_attempt(seen, unready_since=since))


def with_route(seen: Observation, acceptance: Acceptance = Acceptance.ACCEPTED, **changes: Any) -> Observation:
    """With a route that carries what status says, and changes to it."""
    split = split_of(seen.status)
    assert split is not None
    made = route(split, seen.status.sequence, acceptance, message=f"{acceptance} by gateway")
    return replace(seen, route=replace(made, **changes))


def with_evidence(seen: Observation, verdict: Verdict = Verdict.PASS, **changes: Any) -> Observation:
    """With what Prometheus shows."""
    return replace(seen, evidence=evidence(seen, verdict, **changes))


def unjudged(seen: Observation) -> Observation:
    """With evidence that lacks every metric."""
    assert seen.evidence is not None
    return replace(seen, evidence=replace(seen.evidence, judged=()))


def with_pods(seen: Observation, *states: RevisionState) -> Observation:
    """With other pods of some revisions."""
    changed = {state.revision.hash: state for state in states}
    known = [changed.pop(state.revision.hash, state) for state in seen.revisions]
    return replace(seen, revisions=(*known, *changed.values()))


def with_spec(seen: Observation, raw: Raw) -> Observation:
    """With another spec; evidence is what it was."""
    spec, desired = spec_and_revision(raw)
    edited = replace(seen.rollout, spec=spec, raw_spec=raw, generation=seen.rollout.generation + 1)
    known = any(state.revision.hash == desired.hash for state in seen.revisions)
    states = seen.revisions if known else (*seen.revisions, pods(desired, 0, None))
    return replace(seen, rollout=edited, desired=desired, revisions=states)


def with_problems(seen: Observation, *problems: str) -> Observation:
    """With a spec that cannot be carried out."""
    return replace(seen, problems=problems or ("spec.stages[0]: no",))


def stable_down(seen: Observation) -> Observation:
    """With no ready endpoint of version 1."""
    return with_pods(seen, pods(STABLE, 0))


def candidate_down(seen: Observation) -> Observation:
    """With no ready endpoint of version 2."""
    return with_pods(seen, pods(CANDIDATE, 0))


def route_decision(action: Action, reason: str, message: str = "why", of: Revision = CANDIDATE) -> RouteDecision:
    """A decision as a route carries it."""
    return RouteDecision(action.value, of.hash, reason, message, NOW - MINUTE)


def ahead(seen: Observation, decision: RouteDecision) -> Observation:
    """With a route that was lowered by an operator that ended before it wrote status."""
    sequence = seen.status.sequence + 1
    return replace(seen, route=route(only(STABLE.hash), sequence, decision=decision))


def failure(of: Revision = CANDIDATE) -> FailureStatus:
    """A rollback that happened."""
    return FailureStatus(
        revision=of.hash,
        version=of.version,
        reason="Harm",
        message="error-rate 0.08 > 0.01 (n=640)",
        stage="canary",
        at=NOW,
    )


def previous(of: Revision, minutes: int = 30) -> PreviousStatus:
    """A revision that is still warm for some minutes."""
    return PreviousStatus(revision=of.hash, version=of.version, warm_until=NOW + minutes * MINUTE)


def latched(reason: str = "Harm", message: str = "error-rate 0.08 > 0.01 (n=640)") -> Harm:
    """Harm that fell before."""
    return Harm(reason=reason, message=message, at=NOW - MINUTE)
