"""One rule of somebody else's HTTPRoute, on the real API server: what is patched, what is not, and who notices."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from modelrollout.api.names import LABEL_MANAGED_BY, LABEL_NAME, LABEL_REVISION, MANAGED_BY
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.observed import Acceptance, RouteDecision
from modelrollout.engine.revisions import revision_of
from modelrollout.engine.split import between, only
from modelrollout.kube.errors import ConflictError
from modelrollout.kube.resources import ENDPOINT_SLICE, HTTP_ROUTE, SERVICE
from modelrollout.traffic.lent import Lent
from modelrollout.traffic.route_ref import RouteRefTraffic
from tests.support.lab import Lab
from tests.support.objects import OTHER as CANDIDATE

pytestmark = pytest.mark.component

DECISION = RouteDecision("Enter", CANDIDATE, "StepPassed", "4/4 checks", datetime(2026, 11, 21, 10, tzinfo=UTC))
REF = {"gatewayAPI": {"parentRefs": None, "httpRouteRef": {"name": "shop", "rule": "predict"}}}
HEADERS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}}
OTHER_RULE = {
    "name": "images",
    "matches": [{"path": {"value": "/images"}}],
    "backendRefs": [{"name": "cdn", "port": 1}],
}


def shop(*backends: dict[str, Any], **rule: Any) -> dict[str, Any]:
    """The spec of the user's route."""
    predict = {"name": "predict", "backendRefs": list(backends) or [{"name": "digits", "port": 80}]} | rule
    return {"parentRefs": [{"name": "gateway"}], "rules": [OTHER_RULE, predict]}


class Desk:
    """A user's route, a ModelRollout that names a rule of it, and its Service as it follows stable."""

    def __init__(self, lab: Lab, rollout: ModelRollout) -> None:
        self.lab, self.rollout = lab, rollout
        self.stable = revision_of(rollout.raw_spec).hash
        self.fresh()

    def fresh(self) -> None:
        self.traffic = RouteRefTraffic(self.lab.client, self.lab.cache)
        self.lent = Lent(self.lab.client, self.lab.cache)

    async def see(self) -> None:
        await self.lab.refresh()
        self.fresh()

    async def write(self, weight: int, mirror: int = 0, sequence: int = 3) -> None:
        guard = await self.traffic.read(self.rollout)
        split = between(self.stable, CANDIDATE, weight, mirror)
        await self.traffic.write(self.rollout, split, sequence, DECISION, guard=guard)

    async def rule(self) -> dict[str, Any]:
        live = await self.lab.live(HTTP_ROUTE, "shop")
        rule: dict[str, Any] = live["spec"]["rules"][1]
        return rule

    async def weights(self) -> dict[str, int]:
        return {entry["name"]: entry["weight"] for entry in (await self.rule())["backendRefs"]}

    def reapply(self, how: str, spec: dict[str, Any] | None = None) -> None:
        """Whoever owns the route applies it again."""
        body = {"apiVersion": HTTP_ROUTE.api_version, "kind": "HTTPRoute", "metadata": {"name": "shop"}}
        text = json.dumps(body | {"spec": spec or shop()})
        options = {"client": [], "server": ["--server-side", "--field-manager=argocd-controller", "--force-conflicts"]}
        self.lab.kubectl("apply", "--filename", "-", *options[how], stdin=text)


def follow(lab: Lab, revision: str, controller: ModelRollout, ready: int = 2) -> None:
    """Service `digits` as the operator makes it, following a revision, with endpoints of both Services."""
    owner = {
        "apiVersion": "modelrollout.io/v1alpha1",
        "kind": "ModelRollout",
        "name": "digits",
        "uid": controller.uid,
        "controller": True,
    }
    labels = {LABEL_MANAGED_BY: MANAGED_BY, LABEL_NAME: "digits"}
    metadata = {"name": "digits", "labels": labels, "ownerReferences": [owner]}
    selector = {LABEL_NAME: "digits", LABEL_REVISION: revision}
    service = {
        "apiVersion": "v1",
        "kind": SERVICE.kind,
        "metadata": metadata,
        "spec": {"selector": selector, "ports": [{"name": "http", "port": 80}]},
    }
    lab.kubectl("apply", "--filename", "-", stdin=json.dumps(service))
    for name in ("digits", f"digits-{revision}"):
        endpoints = [
            {"addresses": [f"10.1.0.{number}"], "conditions": {"ready": True}} for number in range(1, ready + 1)
        ]
        body = {
            "apiVersion": ENDPOINT_SLICE.api_version,
            "kind": ENDPOINT_SLICE.kind,
            "metadata": {"name": name, "labels": labels | {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "endpoints": endpoints,
        }
        lab.kubectl("apply", "--filename", "-", stdin=json.dumps(body))


@pytest.fixture
async def desk(lab: Lab) -> Desk:
    rollout = await lab.rollout(traffic=REF)
    made = Desk(lab, rollout)
    made.reapply("client")
    follow(lab, made.stable, rollout)
    await made.see()
    return made


async def test_at_rest_the_owners_rule_is_not_touched(desk: Desk) -> None:
    before = (await desk.lab.live(HTTP_ROUTE, "shop"))["spec"]
    state = await desk.traffic.write(desk.rollout, only(desk.stable), 1, DECISION, guard=None)
    assert state.carries(only(desk.stable))
    assert (state.sequence, state.decision) == (1, DECISION)
    assert (await desk.lab.live(HTTP_ROUTE, "shop"))["spec"] == before
    assert not desk.lent.anything(desk.rollout)
    assert not desk.traffic.needs_write(desk.rollout, only(desk.stable), 1)


async def test_a_split_is_one_patch_of_that_rule_and_comes_back(desk: Desk) -> None:
    before = await desk.lab.live(HTTP_ROUTE, "shop")
    desk.lab.writes()
    await desk.write(5, 20)
    assert desk.lab.writes() == [("patch", "HTTPRoute")]
    assert await desk.weights() == {f"digits-{desk.stable}": 95, f"digits-{CANDIDATE}": 5}
    state = desk.traffic.observe(desk.rollout)
    assert state is not None
    assert state.carries(between(desk.stable, CANDIDATE, 5, 20))
    assert desk.lent.anything(desk.rollout)
    assert (await desk.lab.live(HTTP_ROUTE, "shop"))["spec"]["rules"][0] == before["spec"]["rules"][0]
    assert not desk.traffic.needs_write(desk.rollout, between(desk.stable, CANDIDATE, 5, 20), 3)
    await desk.traffic.shift(desk.rollout, only(desk.stable), 4, DECISION, guard=None)
    assert (await desk.lab.live(HTTP_ROUTE, "shop"))["spec"] == before["spec"]
    assert not desk.lent.anything(desk.rollout)


async def test_the_owners_filters_stay(desk: Desk) -> None:
    desk.reapply("client", shop(filters=[HEADERS]))
    await desk.see()
    await desk.write(0, 20)
    filters = (await desk.rule())["filters"]
    assert [entry["type"] for entry in filters] == ["RequestHeaderModifier", "RequestMirror"]
    await desk.write(5)
    assert [entry["type"] for entry in (await desk.rule())["filters"]] == ["RequestHeaderModifier"]


@pytest.mark.parametrize(("how", "who"), [("client", "kubectl-client-side-apply"), ("server", "argocd-controller")])
async def test_an_owner_who_applies_again_gives_stable_everything_and_is_named(desk: Desk, how: str, who: str) -> None:
    desk.reapply(how)
    await desk.see()
    await desk.write(5)
    before = desk.traffic.observe(desk.rollout)
    desk.reapply(how)
    assert (await desk.rule())["backendRefs"][0]["name"] == "digits"
    await desk.see()
    state = desk.traffic.observe(desk.rollout)
    assert before is not None
    assert state is not None
    assert state.carries(only(desk.stable))
    assert (state.sequence, state.by) == (3, (who,)), "the marks stay: it is the same decision, undone"
    assert state.edition != before.edition
    decided = desk.rollout.status.model_copy(update={"sequence": 3})
    object.__setattr__(desk.rollout, "status", decided)
    drift = desk.traffic.drift(desk.rollout, between(desk.stable, CANDIDATE, 5))
    assert drift is not None
    assert drift.text == f"HTTPRoute shop: spec.rules[predict] changed by {who}"


async def test_a_raise_rests_on_the_route_as_it_was_read(desk: Desk) -> None:
    guard = await desk.traffic.read(desk.rollout)
    desk.reapply("client", shop(timeouts={"request": "5s"}))
    with pytest.raises(ConflictError):
        await desk.traffic.write(desk.rollout, between(desk.stable, CANDIDATE, 5), 3, DECISION, guard=guard)
    assert await desk.weights() == {"digits": 1}


async def test_a_lowering_finds_a_rule_that_has_moved_meanwhile(desk: Desk) -> None:
    await desk.write(5, 20)
    live = (await desk.lab.live(HTTP_ROUTE, "shop"))["spec"]
    live["rules"] = [*reversed(live["rules"]), {"name": "more", "backendRefs": [{"name": "cdn", "port": 1}]}]
    desk.lab.edit(HTTP_ROUTE, "shop", {"spec": live})
    await desk.traffic.shift(desk.rollout, only(desk.stable), 4, DECISION, guard=None)
    rules = {rule["name"]: rule for rule in (await desk.lab.live(HTTP_ROUTE, "shop"))["spec"]["rules"]}
    assert [entry["name"] for entry in rules["predict"]["backendRefs"]] == ["digits"]
    assert "filters" not in rules["predict"]
    assert [entry["name"] for entry in rules["images"]["backendRefs"]] == ["cdn"]


async def test_a_rule_that_its_owner_points_elsewhere_is_left_alone(desk: Desk) -> None:
    await desk.write(5)
    desk.reapply("client", shop({"name": "maintenance", "port": 80}))
    await desk.see()
    state = desk.traffic.observe(desk.rollout)
    assert state is not None
    assert state.acceptance is Acceptance.REJECTED
    assert "sends requests to maintenance" in state.message
    assert "[{name: digits, port: 80}]" in state.message
    desk.lab.writes()
    assert not desk.traffic.needs_write(desk.rollout, between(desk.stable, CANDIDATE, 5), 3)
    await desk.traffic.shift(desk.rollout, only(desk.stable), 4, DECISION, guard=None)
    assert desk.lab.writes() == []


async def test_after_a_promotion_it_rests_when_the_endpoints_have_followed(desk: Desk) -> None:
    await desk.write(100)
    split = only(CANDIDATE)
    assert not desk.traffic.needs_write(desk.rollout, split, 3), "the Service follows another revision still"
    follow(desk.lab, CANDIDATE, desk.rollout, ready=0)
    await desk.see()
    assert not desk.traffic.needs_write(desk.rollout, split, 3), "the endpoints have not followed"
    follow(desk.lab, CANDIDATE, desk.rollout)
    await desk.see()
    assert desk.traffic.needs_write(desk.rollout, split, 3)
    await desk.traffic.write(desk.rollout, split, 3, DECISION, guard=None)
    assert await desk.weights() == {"digits": 1}
    state = desk.traffic.observe(desk.rollout)
    assert state is not None
    assert state.carries(split)


async def test_marks_by_hand_are_no_decisions(desk: Desk) -> None:
    await desk.write(5)
    desk.lab.edit(HTTP_ROUTE, "shop", {"metadata": {"annotations": {"modelrollout.io/sequence-digits": "9"}}})
    await desk.see()
    state = desk.traffic.observe(desk.rollout)
    assert state is not None
    assert state.sequence == 0


async def test_two_rollouts_may_each_have_a_rule(desk: Desk) -> None:
    both = shop()
    both["rules"].append({"name": "letters", "backendRefs": [{"name": "letters", "port": 80}]})
    desk.reapply("client", both)
    api = {"gatewayAPI": {"parentRefs": None, "httpRouteRef": {"name": "shop", "rule": "letters"}}}
    letters = await desk.lab.rollout("letters", traffic=api)
    await desk.see()
    await desk.write(5)
    await desk.traffic.write(letters, only(desk.stable), 7, DECISION, guard=None)
    first, second = desk.traffic.observe(desk.rollout), desk.traffic.observe(letters)
    assert first is not None
    assert second is not None
    assert (first.sequence, second.sequence) == (3, 7)


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ({"name": "absent", "rule": "predict"}, '.name: no HTTPRoute "absent"'),
        ({"name": "shop", "rule": "absent"}, '.rule: HTTPRoute "shop" has no rule named "absent" (images, predict)'),
    ],
)
async def test_a_route_or_rule_that_does_not_exist_is_named(desk: Desk, ref: dict[str, str], says: str) -> None:
    other = await desk.lab.rollout("other", traffic={"gatewayAPI": {"parentRefs": None, "httpRouteRef": ref}})
    (problem,) = desk.traffic.problems(other)
    assert problem.startswith(f"spec.traffic.gatewayAPI.httpRouteRef{says}")
    assert desk.traffic.observe(other) is None
    assert not desk.traffic.needs_write(other, only(desk.stable), 1)


async def test_what_is_lent_is_given_back_with_the_marks(desk: Desk) -> None:
    desk.reapply("client", shop(filters=[HEADERS]))
    before = (await desk.lab.live(HTTP_ROUTE, "shop"))["spec"]
    await desk.see()
    await desk.write(5, 20)
    desk.lab.edit(HTTP_ROUTE, "shop", {"metadata": {"annotations": {"theirs": "stays"}}})
    await desk.lent.give_back(desk.rollout)
    after = await desk.lab.live(HTTP_ROUTE, "shop")
    assert after["spec"] == before
    assert [name for name in after["metadata"]["annotations"] if "modelrollout" in name] == []
    assert after["metadata"]["annotations"]["theirs"] == "stays"
    desk.lab.writes()
    await desk.lent.give_back(desk.rollout)
    assert desk.lab.writes() == []
