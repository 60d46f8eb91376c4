from __future__ import annotations

from typing import Any

import pytest

from modelrollout.engine.observed import Acceptance, RouteState
from modelrollout.engine.split import Mirror
from modelrollout.kube.route import ParentRefView, route_view
from modelrollout.traffic.state import Naming, route_state
from tests.support.objects import OTHER, REVISION, merged, raw_object

pytestmark = pytest.mark.unit

CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
NAMING = Naming("digits", "queue", frozenset({"digits-fallback"}))
STABLE, CANDIDATE = f"digits-{REVISION}", f"digits-{OTHER}"


def backend(name: str, weight: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "port": 80, "weight": weight} | more


def mirror(name: str, percent: int) -> dict[str, Any]:
    return {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": name, "port": 80}, "percent": percent}}


def condition(kind: str, status: str = "True", generation: int = 3, reason: str = "Said") -> dict[str, Any]:
    return {"type": kind, "status": status, "observedGeneration": generation, "reason": reason, "message": "so"}


def said(*conditions: dict[str, Any], controller: str = CONTROLLER, gateway: str = "gateway") -> dict[str, Any]:
    return {"controllerName": controller, "parentRef": {"name": gateway}, "conditions": list(conditions)}


GOOD = (condition("Accepted"), condition("ResolvedRefs"))


def state(
    *rules: dict[str, Any],
    parents: tuple[dict[str, Any], ...] = (),
    refs: tuple[str, ...] = ("gateway",),
    naming: Naming = NAMING,
    **metadata: Any,
) -> RouteState:
    spec = {"rules": list(rules), "parentRefs": [{"name": name} for name in refs]}
    raw = raw_object("digits", spec=spec, status={"parents": list(parents)})

    def controller_of(parent: ParentRefView) -> str | None:
        return CONTROLLER if parent.name == "gateway" else None

    return route_state(route_view(merged(raw, {"metadata": {"generation": 3} | metadata})), naming, controller_of)


RULE = {"backendRefs": [backend(STABLE, 95), backend(CANDIDATE, 5)]}


def test_the_fallback_is_named_as_such() -> None:
    found = state({"backendRefs": [backend("queue", 95), backend(CANDIDATE, 5)]})
    assert found.weights == (("fallback", 95), (OTHER, 5))
    elsewhere = state({"backendRefs": [backend("queue", 95, namespace="infra"), backend(CANDIDATE, 5)]})
    assert elsewhere.weights == (("Service infra/queue", 95), (OTHER, 5))


@pytest.mark.parametrize(("name", "expected"), [("digits-fallback", Acceptance.ACCEPTED), (STABLE, Acceptance.PENDING)])
def test_a_service_that_is_to_have_no_endpoints_holds_nothing_up(name: str, expected: Acceptance) -> None:
    parents = (said(*GOOD, condition("BackendsAvailable", "False", reason="EndpointsNotFound")),)
    assert state({"backendRefs": [backend(name, 95), backend(CANDIDATE, 5)]}, parents=parents).acceptance is expected


def test_revisions_are_named_by_their_hash() -> None:
    found = state(RULE | {"filters": [mirror(CANDIDATE, 20)]})
    assert found.weights == ((REVISION, 95), (OTHER, 5))
    assert found.mirror == Mirror(OTHER, 20)
    assert found.uniform


@pytest.mark.parametrize(
    "name", ["mine", "digits", "digits-v2", f"other-{REVISION}", f"digits-{REVISION}x", f"digits-{REVISION.upper()}"]
)
def test_a_foreign_service_never_looks_like_a_revision(name: str) -> None:
    assert state({"backendRefs": [backend(name, 100)]}).weights == ((name, 100),)


def test_a_service_of_our_name_in_another_namespace_is_foreign() -> None:
    found = state({"backendRefs": [backend(STABLE, 100, namespace="other")]})
    assert found.weights == ((f"Service other/{STABLE}", 100),)


@pytest.mark.parametrize(
    "rules",
    [
        (RULE, {"backendRefs": [backend(STABLE, 100)]}),
        (RULE, RULE | {"filters": [mirror(CANDIDATE, 20)]}),
        (RULE | {"filters": [mirror(CANDIDATE, 20), mirror(STABLE, 20)]},),
        ({"backendRefs": [backend(STABLE, 100, filters=[mirror(CANDIDATE, 5)])]},),
        (),
    ],
    ids=["weights", "mirrors", "two mirrors", "a mirror on a backend", "no rules"],
)
def test_what_we_never_write_is_not_uniform(rules: tuple[dict[str, Any], ...]) -> None:
    assert not state(*rules).uniform


def test_rules_that_split_alike_are_uniform() -> None:
    assert state(RULE, RULE | {"name": "second"}).uniform


@pytest.mark.parametrize(
    ("parents", "acceptance", "text"),
    [
        ((said(*GOOD),), Acceptance.ACCEPTED, "accepted by gateway"),
        ((), Acceptance.PENDING, "has not looked"),
        ((said(*GOOD, gateway="another"),), Acceptance.PENDING, "has not looked"),
        ((said(*GOOD, controller="of an earlier class"),), Acceptance.PENDING, "has not looked"),
        ((said(*GOOD), said(condition("Accepted", "False"), controller="x")), Acceptance.ACCEPTED, "accepted"),
        ((said(GOOD[0]),), Acceptance.PENDING, "ResolvedRefs is not known"),
        ((said(GOOD[1]),), Acceptance.PENDING, "Accepted is not known"),
        ((said(condition("Accepted", generation=2), GOOD[1]),), Acceptance.PENDING, "for generation 3"),
        ((said(condition("Accepted", "Unknown"), GOOD[1]),), Acceptance.PENDING, "Accepted is not known"),
        (
            (said(condition("Accepted", "False", reason="NoMatch"), GOOD[1]),),
            Acceptance.REJECTED,
            "Accepted=False, NoMatch: so",
        ),
        ((said(GOOD[0], condition("ResolvedRefs", "False")),), Acceptance.REJECTED, "ResolvedRefs=False"),
        ((said(*GOOD, condition("BackendsAvailable", "False")),), Acceptance.PENDING, "BackendsAvailable=False"),
        ((said(*GOOD, condition("BackendsAvailable")),), Acceptance.ACCEPTED, ""),
    ],
)
def test_acceptance(parents: tuple[dict[str, Any], ...], acceptance: Acceptance, text: str) -> None:
    found = state(RULE, parents=parents)
    assert found.acceptance is acceptance
    assert text in found.message


def test_a_missing_service_without_weight_rejects_nothing() -> None:
    parents = (said(GOOD[0], condition("ResolvedRefs", "False")),)
    idle = {"backendRefs": [backend(STABLE, 100), backend(CANDIDATE, 0)]}
    assert state(idle, parents=parents).acceptance is Acceptance.ACCEPTED


def test_every_gateway_must_accept() -> None:
    one = (said(*GOOD),)
    assert state(RULE, parents=one, refs=("gateway", "second")).acceptance is Acceptance.PENDING
    both = (*one, said(*GOOD, gateway="second", controller="unknown class, any controller"))
    assert state(RULE, parents=both, refs=("gateway", "second")).acceptance is Acceptance.ACCEPTED
    against = (*one, said(condition("Accepted", "False"), gateway="second"))
    assert state(RULE, parents=against, refs=("gateway", "second")).acceptance is Acceptance.REJECTED


def test_a_route_without_gateway_is_never_accepted() -> None:
    assert state(RULE, refs=()).acceptance is Acceptance.PENDING


def test_a_service_of_the_users_is_the_revision_that_is_behind_it() -> None:
    naming = Naming("digits", services={"digits-a": REVISION, "digits-b": OTHER})
    found = state({"backendRefs": [backend("digits-a", 80), backend("digits-b", 20)]}, naming=naming)
    assert found.weights == ((REVISION, 80), (OTHER, 20))
    elsewhere = state({"backendRefs": [backend("digits-a", 100, namespace="other")]}, naming=naming)
    assert elsewhere.weights == (("Service other/digits-a", 100),), "of that name, and not that one"
