from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.observed import Acceptance, RouteDecision
from modelrollout.engine.revisions import revision_of
from modelrollout.engine.split import between, only
from modelrollout.kube.errors import ConflictError, NameTakenError, RefusedError
from modelrollout.kube.resources import GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, MODEL_ROLLOUT
from modelrollout.kube.status import read_rollout
from tests.support.lab import Lab
from tests.support.objects import OTHER as CANDIDATE
from tests.support.objects import REVISION as STABLE

pytestmark = pytest.mark.component

CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
DECISION = RouteDecision("Enter", CANDIDATE, "StepPassed", "4/4 checks, n=5120", datetime(2026, 11, 21, 10, tzinfo=UTC))
SHADOW = [{"name": "shadow", "shadow": {"percent": 20}}, {"name": "full", "weight": 100}]
GATEWAY_API = "spec.traffic.gatewayAPI"


def make_gateway(lab: Lab, controller: str = CONTROLLER) -> None:
    """A Gateway of a class of its own, as no controller shows it: both exist, and their status is empty."""
    lab.make(GATEWAY_CLASS, f"class-{lab.namespace}", spec={"controllerName": controller})
    listeners = [{"name": "web", "port": 80, "protocol": "HTTP"}]
    lab.make(GATEWAY, "gateway", spec={"gatewayClassName": f"class-{lab.namespace}", "listeners": listeners})


def accept(lab: Lab, generation: int, **resolved: str) -> None:
    """What a controller writes once it has looked at the route."""
    moment = "2026-11-21T10:00:00Z"
    rows = [
        {"type": "Accepted", "status": "True", "reason": "Accepted"},
        {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs"} | resolved,
    ]
    common = {"observedGeneration": generation, "lastTransitionTime": moment, "message": "said so"}
    parent = {
        "controllerName": CONTROLLER,
        "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway"},
        "conditions": [common | row for row in rows],
    }
    lab.edit(HTTP_ROUTE, "digits", {"status": {"parents": [parent]}}, "--subresource=status")


async def written(lab: Lab, weight: int = 5, mirror: int = 0, **spec: Any) -> ModelRollout:
    rollout = await lab.rollout(**spec)
    await lab.traffic.write(rollout, between(STABLE, CANDIDATE, weight, mirror), 3, DECISION, guard=None)
    return rollout


async def test_a_split_is_one_write_and_reads_back(lab: Lab) -> None:
    rollout = await lab.rollout()
    lab.writes()
    state = await lab.traffic.write(rollout, between(STABLE, CANDIDATE, 5, 20), 3, DECISION, guard=None)
    assert lab.writes() == [("patch", "HTTPRoute")]
    assert state.weights == ((STABLE, 95), (CANDIDATE, 5))
    assert (state.mirror_of(CANDIDATE), state.sequence, state.decision) == (20, 3, DECISION)
    assert state.uniform
    assert await lab.traffic.read(rollout) == state
    lab.restart()
    await lab.refresh()
    assert lab.traffic.observe(rollout) == state


async def test_all_that_the_user_wrote_of_rules_is_in_the_route(lab: Lab) -> None:
    rules = [
        {
            "name": "predict",
            "matches": [{"path": {"type": "PathPrefix", "value": "/v2"}, "headers": [{"name": "a", "value": "b"}]}],
            "filters": [
                {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}}
            ],
            "timeouts": {"request": "10s"},
        },
        {"matches": [{"path": {"type": "Exact", "value": "/health"}}]},
    ]
    parents = [{"name": "gateway", "namespace": "elsewhere", "sectionName": "web", "port": 80}]
    api = {"parentRefs": parents, "hostnames": ["digits.test"], "rules": rules}
    await written(lab, 5, 100, traffic={"gatewayAPI": api})
    spec = (await lab.live(HTTP_ROUTE, "digits"))["spec"]
    assert spec["hostnames"] == ["digits.test"]
    assert spec["parentRefs"][0].items() >= parents[0].items()
    first, second = spec["rules"]
    assert (first["name"], first["timeouts"], first["matches"][0]["headers"][0]["value"]) == (
        "predict",
        {"request": "10s"},
        "b",
    )
    assert [entry["type"] for entry in first["filters"]] == ["RequestHeaderModifier", "RequestMirror"]
    assert "percent" not in first["filters"][1]["requestMirror"]
    assert [entry["weight"] for entry in second["backendRefs"]] == [95, 5]


async def test_a_raise_over_a_route_that_changed_since_it_was_read_is_refused(lab: Lab) -> None:
    rollout = await written(lab, 5)
    guard = await lab.traffic.read(rollout)
    lab.kubectl("annotate", "httproute", "digits", "touched=yes")
    with pytest.raises(ConflictError):
        await lab.traffic.write(rollout, between(STABLE, CANDIDATE, 20), 4, DECISION, guard=guard)
    state = await lab.traffic.read(rollout)
    assert state is not None
    assert state.weight_of(CANDIDATE) == 5
    raised = await lab.traffic.write(rollout, between(STABLE, CANDIDATE, 20), 4, DECISION, guard=state)
    assert raised.weight_of(CANDIDATE) == 20


async def test_a_lowering_needs_no_read_and_minds_no_change(lab: Lab) -> None:
    rollout = await written(lab, 5)
    lab.kubectl("annotate", "httproute", "digits", "touched=yes")
    lab.requests.clear()
    state = await lab.traffic.write(rollout, only(STABLE), 4, DECISION, guard=None)
    assert [request.verb for request in lab.requests] == ["patch"]
    assert state.weights == ((STABLE, 100),)
    assert state.mirror is None


async def test_a_split_alone_is_changed_whatever_the_spec_asks_for_by_now(lab: Lab) -> None:
    """Even where the API server would refuse what it asks for."""
    rollout = await written(lab, 5, 20, traffic={"gatewayAPI": {"hostnames": ["a.test"]}})
    before = (await lab.live(HTTP_ROUTE, "digits"))["spec"]
    rules = [{"filters": [{"type": "RequestHeaderModifier"}]}]
    edit = {"traffic": {"gatewayAPI": {"hostnames": ["b.test"], "parentRefs": [{"name": "nowhere"}], "rules": rules}}}
    lab.edit(MODEL_ROLLOUT, "digits", {"spec": edit})
    edited = await read_rollout(lab.client, rollout.key)
    assert edited is not None
    with pytest.raises(RefusedError):
        await lab.traffic.write(edited, only(STABLE), 4, DECISION, guard=None)
    state = await lab.traffic.shift(edited, only(STABLE), 4, DECISION, guard=None)
    assert (state.weights, state.mirror, state.sequence) == (((STABLE, 100),), None, 4)
    after = (await lab.live(HTTP_ROUTE, "digits"))["spec"]
    assert (after["hostnames"], after["parentRefs"]) == (before["hostnames"], before["parentRefs"])
    assert [rule["matches"] for rule in after["rules"]] == [rule["matches"] for rule in before["rules"]]
    guard = await lab.traffic.read(edited)
    lab.kubectl("annotate", "httproute", "digits", "touched=yes")
    with pytest.raises(ConflictError):
        await lab.traffic.shift(edited, between(STABLE, CANDIDATE, 20), 5, DECISION, guard=guard)


async def test_a_raise_over_a_route_that_is_gone_is_refused(lab: Lab) -> None:
    rollout = await written(lab, 5)
    guard = await lab.traffic.read(rollout)
    lab.kubectl("delete", "httproute", "digits")
    with pytest.raises(ConflictError):
        await lab.traffic.write(rollout, between(STABLE, CANDIDATE, 20), 4, DECISION, guard=guard)
    lab.restart()
    with pytest.raises(ConflictError, match="gone since it was read"):
        await lab.traffic.write(rollout, between(STABLE, CANDIDATE, 20), 4, DECISION, guard=guard)
    assert await lab.traffic.read(rollout) is None


async def test_what_is_so_needs_no_write(lab: Lab) -> None:
    rollout = await written(lab, 5)
    split = between(STABLE, CANDIDATE, 5)
    assert not lab.traffic.needs_write(rollout, split, 3)
    assert lab.traffic.needs_write(rollout, split, 4)
    assert lab.traffic.needs_write(rollout, only(STABLE), 3)
    lab.restart()
    assert lab.traffic.needs_write(rollout, split, 3)
    await lab.refresh()
    assert not lab.traffic.needs_write(rollout, split, 3)


@pytest.mark.parametrize(
    ("patch", "lost"),
    [
        ({"spec": {"hostnames": ["other.test"]}}, "spec.hostnames"),
        ({"spec": {"parentRefs": [{"name": "other"}]}}, "spec.parentRefs"),
        ({"spec": {"rules": [{"backendRefs": [{"name": "mine", "port": 1}]}]}}, "spec.rules"),
        ({"spec": {"rules": None}}, "spec.rules"),
        (
            {"metadata": {"annotations": {"modelrollout.io/sequence": "9"}}},
            "metadata.annotations.modelrollout.io/sequence",
        ),
    ],
    ids=["hostnames", "parentRefs", "rules", "no rules", "sequence"],
)
async def test_a_route_edited_by_hand_is_seen_and_restored(lab: Lab, patch: dict[str, Any], lost: str) -> None:
    api = {"hostnames": ["digits.test"]}
    rollout = await written(lab, 5, traffic={"gatewayAPI": api})
    before = (await lab.live(HTTP_ROUTE, "digits"))["spec"]
    lab.edit(HTTP_ROUTE, "digits", patch)
    lab.restart()
    await lab.refresh()
    split = between(STABLE, CANDIDATE, 5)
    drift = lab.traffic.drift(rollout, split)
    assert drift is not None
    assert (drift.name, drift.fields) == ("digits", (lost,))
    assert lab.traffic.needs_write(rollout, split, 3)
    await lab.traffic.write(rollout, split, 3, DECISION, guard=await lab.traffic.read(rollout))
    assert (await lab.live(HTTP_ROUTE, "digits"))["spec"] == before
    assert lab.traffic.drift(rollout, split) is None


async def test_a_weight_changed_by_hand_shows_in_the_state(lab: Lab) -> None:
    rollout = await written(lab, 5)
    patch = [{"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 95}]
    lab.kubectl("patch", "httproute", "digits", "--type=json", f"--patch={json.dumps(patch)}")
    state = await lab.traffic.read(rollout)
    assert state is not None
    assert state.weight_of(CANDIDATE) == 50
    assert lab.traffic.drift(rollout, between(STABLE, CANDIDATE, 5)) is not None


async def test_a_users_route_of_the_name_is_left_alone(lab: Lab) -> None:
    rollout = await lab.rollout()
    lab.make(HTTP_ROUTE, "digits", spec={"parentRefs": [{"name": "gateway"}]})
    before = await lab.live(HTTP_ROUTE, "digits")
    with pytest.raises(NameTakenError, match="HTTPRoute"):
        await lab.traffic.write(rollout, only(STABLE), 1, DECISION, guard=None)
    with pytest.raises(NameTakenError, match="HTTPRoute"):
        await lab.traffic.read(rollout)
    assert "HTTPRoute" in (await lab.traffic.review(rollout))[0]
    await lab.traffic.delete(rollout)
    assert await lab.live(HTTP_ROUTE, "digits") == before
    lab.restart()
    await lab.refresh()
    assert lab.traffic.observe(rollout) is None


async def test_delete_takes_our_route(lab: Lab) -> None:
    rollout = await written(lab)
    await lab.traffic.delete(rollout)
    assert await lab.traffic.read(rollout) is None


async def test_acceptance_counts_for_the_generation_it_was_said_of(lab: Lab) -> None:
    make_gateway(lab)
    rollout = await written(lab, 5)
    await lab.refresh()

    async def acceptance() -> Acceptance:
        state = await lab.traffic.read(rollout)
        assert state is not None
        return state.acceptance

    assert await acceptance() is Acceptance.PENDING
    accept(lab, 1)
    assert await acceptance() is Acceptance.ACCEPTED
    await lab.traffic.write(rollout, between(STABLE, CANDIDATE, 20), 4, DECISION, guard=None)
    assert await acceptance() is Acceptance.PENDING
    accept(lab, 2, status="False", reason="BackendNotFound")
    assert await acceptance() is Acceptance.REJECTED


async def test_a_gateway_that_does_not_exist_is_named(lab: Lab) -> None:
    rollout = await lab.rollout()
    (problem,) = lab.traffic.problems(rollout)
    assert problem.startswith(f'{GATEWAY_API}.parentRefs[0].name: no Gateway "gateway" in namespace "{lab.namespace}"')


async def test_a_listener_that_does_not_exist_is_named(lab: Lab) -> None:
    make_gateway(lab)
    api = {"parentRefs": [{"name": "gateway", "sectionName": "https"}]}
    rollout = await lab.rollout(traffic={"gatewayAPI": api})
    await lab.refresh()
    assert lab.traffic.problems(rollout) == (
        f'{GATEWAY_API}.parentRefs[0].sectionName: Gateway "gateway" has no "https"; name one of: web',
    )


@pytest.mark.parametrize(
    ("controller", "says"),
    [
        (CONTROLLER, None),
        ("traefik.io/gateway-controller", "cannot mirror requests"),
        ("projectcontour.io/gateway-controller", "mirrors all requests or none, not 20 percent"),
        ("example.com/unheard-of", "is not known to mirror requests"),
    ],
)
async def test_a_shadow_stage_needs_a_gateway_that_can_mirror(lab: Lab, controller: str, says: str | None) -> None:
    make_gateway(lab, controller)
    rollout = await lab.rollout(stages=SHADOW)
    await lab.refresh()
    found = lab.traffic.problems(rollout)
    assert len(found) == (1 if says else 0)
    assert all(line.startswith("spec.stages[0].shadow: ") and (says or "") in line for line in found)


async def test_what_a_gateway_class_says_counts_where_nobody_has_measured(lab: Lab) -> None:
    make_gateway(lab, "example.com/unheard-of")
    features = [{"name": "HTTPRouteRequestMirror"}, {"name": "HTTPRouteRequestPercentageMirror"}]
    status = {"conditions": [], "supportedFeatures": features}
    lab.edit(GATEWAY_CLASS, f"class-{lab.namespace}", {"status": status}, "--subresource=status")
    rollout = await lab.rollout(stages=SHADOW)
    await lab.refresh()
    assert lab.traffic.problems(rollout) == ()


async def test_backends_of_the_users_own_are_refused_by_the_api_server(lab: Lab) -> None:
    with pytest.raises(RefusedError, match=r"rules\[0\]\.backendRefs"):
        await lab.rollout(traffic={"gatewayAPI": {"rules": [{"backendRefs": [{"name": "x", "port": 1}]}]}})


async def test_a_mirror_of_the_users_own_is_refused(lab: Lab) -> None:
    make_gateway(lab)
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "x", "port": 1}}}
    rollout = await lab.rollout(traffic={"gatewayAPI": {"rules": [{"filters": [mirror]}]}})
    await lab.refresh()
    assert [line.split(":")[0] for line in lab.traffic.problems(rollout)] == [f"{GATEWAY_API}.rules[0].filters"]


async def test_a_route_that_the_api_server_would_refuse_is_reported(lab: Lab) -> None:
    rules = [{"matches": [{"path": {"type": "PathPrefix", "value": "no-slash"}}]}, {"timeouts": {"request": "soon"}}]
    rollout = await lab.rollout(traffic={"gatewayAPI": {"rules": rules}})
    found = await lab.traffic.review(rollout)
    assert any(line.startswith(f"{GATEWAY_API}.rules[0].matches[0].path") for line in found)
    assert any(line.startswith(f"{GATEWAY_API}.rules[1].timeouts.request") for line in found)
    assert await lab.traffic.read(rollout) is None


async def test_an_unknown_field_of_a_rule_is_reported(lab: Lab) -> None:
    rollout = await lab.rollout(traffic={"gatewayAPI": {"rules": [{"matches": [{"pth": {"value": "/"}}]}]}})
    assert any("pth" in line for line in await lab.traffic.review(rollout))


async def test_a_good_route_passes_review(lab: Lab) -> None:
    rollout = await lab.rollout()
    assert await lab.traffic.review(rollout) == ()
    await lab.traffic.write(rollout, only(revision_of(rollout.raw_spec).hash), 1, DECISION, guard=None)
    assert await lab.traffic.review(rollout) == ()


async def test_what_the_api_server_has_taken_it_is_asked_about_again_only_when_it_is_edited(lab: Lab) -> None:
    rollout = await lab.rollout()
    stable = revision_of(rollout.raw_spec)
    serving = replace(rollout, status=ModelRolloutStatus(stable=stable.ref))
    await lab.traffic.write(serving, only(stable.hash), 1, DECISION, guard=None)
    lab.restart()
    await lab.refresh()
    lab.writes()
    assert await lab.traffic.review(serving) == ()
    assert lab.writes() == []
    lab.edit(MODEL_ROLLOUT, "digits", {"spec": {"traffic": {"gatewayAPI": {"hostnames": ["b.example.com"]}}}})
    found = await read_rollout(lab.client, rollout.key)
    assert found is not None
    edited = replace(found, status=serving.status)
    assert await lab.traffic.review(edited) == ()
    assert lab.writes() == [("patch", "HTTPRoute")]
