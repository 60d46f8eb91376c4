"""Roles, previews and refusals, as the API server takes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import AttemptStatus, ModelRolloutStatus, RevisionRef, StepStatus
from modelrollout.engine.fallback import revision_of_fallback
from modelrollout.engine.observed import RouteDecision
from modelrollout.engine.preview import Preview
from modelrollout.engine.revisions import FALLBACK
from modelrollout.engine.split import between, only
from modelrollout.kube.resources import HTTP_ROUTE, SERVICE
from tests.support.lab import Lab
from tests.support.objects import OTHER as CANDIDATE
from tests.support.objects import REVISION as STABLE
from tests.support.objects import rollout as made

pytestmark = pytest.mark.component

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
DECISION = RouteDecision("Enter", CANDIDATE, "Passed", "1/1 enforced checks", NOW)
ROLES = [
    {"name": "canary", "weight": 5, "modelRole": "Assist"},
    {"name": "full", "weight": 100, "modelRole": "Full"},
]
STEP = StepStatus(stage="canary", stage_index=0, index=0, number=1, weight=5, spec_hash="x", started_at=NOW)
MIXED = ModelRolloutStatus(
    sequence=3,
    stable=RevisionRef(revision=STABLE, version="1"),
    attempt=AttemptStatus(revision=CANDIDATE, version="2", started_at=NOW, step=STEP),
)


async def with_status(lab: Lab, status: ModelRolloutStatus, **spec: Any) -> ModelRollout:
    return replace(await lab.rollout(**spec), status=status)


async def test_roles_are_taken_as_written_and_a_hand_that_changes_one_is_seen(lab: Lab) -> None:
    rollout = await with_status(lab, MIXED, stages=ROLES)
    split = between(STABLE, CANDIDATE, 5)
    state = await lab.traffic.write(rollout, split, 3, DECISION, guard=None)
    assert state.carries(split)
    backends = (await lab.live(HTTP_ROUTE, "digits"))["spec"]["rules"][0]["backendRefs"]
    told = [entry["filters"][0]["requestHeaderModifier"]["set"][0]["value"] for entry in backends]
    assert told == ["Full", "Assist"]
    assert not lab.traffic.needs_write(rollout, split, 3)
    alone = await lab.traffic.shift(rollout, only(STABLE), 4, DECISION, guard=None)
    assert alone.carries(only(STABLE))
    (rule,) = (await lab.live(HTTP_ROUTE, "digits"))["spec"]["rules"]
    assert "filters" not in rule["backendRefs"][0]
    assert rule["filters"][0]["requestHeaderModifier"]["set"] == [{"name": "x-modelrollout-role", "value": "Full"}]


async def test_a_preview_comes_and_goes_and_costs_nothing_when_it_is_not_there(lab: Lab) -> None:
    rollout = await lab.rollout()
    await lab.traffic.preview(rollout, None)
    lab.writes()
    await lab.traffic.preview(rollout, None)
    assert lab.requests == []
    await lab.traffic.preview(rollout, Preview(CANDIDATE, ("p.example.com",)))
    assert lab.traffic.has_preview(rollout)
    assert (await lab.live(HTTP_ROUTE, "digits-preview"))["spec"]["hostnames"] == ["p.example.com"]
    lab.writes()
    await lab.traffic.preview(rollout, Preview(CANDIDATE, ("p.example.com",)))
    assert lab.writes() == []
    await lab.traffic.preview(rollout, Preview(CANDIDATE, ()))
    assert lab.writes() == [("delete", "HTTPRoute")]


async def test_the_refusal_is_there_before_a_route_names_it(lab: Lab) -> None:
    refusal = made(fallback={"statusCode": 503}).spec.fallback
    assert refusal is not None
    status = ModelRolloutStatus(sequence=1, stable=revision_of_fallback(refusal).ref, fallback=refusal)
    rollout = await with_status(lab, status, fallback=refusal.dump())
    lab.writes()
    state = await lab.traffic.write(rollout, only(FALLBACK), 1, DECISION, guard=None)
    assert state.carries(only(FALLBACK))
    assert lab.writes() == [("patch", "Service"), ("patch", "HTTPRoute")]
    assert not lab.traffic.needs_write(rollout, only(FALLBACK), 1)
    lab.edit(SERVICE, "digits-fallback", {"spec": {"selector": {"modelrollout.io/revision": STABLE}}})
    await lab.refresh()
    assert lab.traffic.needs_write(rollout, only(FALLBACK), 1), "a refusal that leads to somebody is none"
    await lab.traffic.write(rollout, only(FALLBACK), 1, DECISION, guard=None)
    assert (await lab.live(SERVICE, "digits-fallback"))["spec"]["selector"]["modelrollout.io/revision"] == "none"
