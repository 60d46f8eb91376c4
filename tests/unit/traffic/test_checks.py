"""What a gateway is not known to do is refused, and the message names who can."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.kube.caches import Cache
from modelrollout.kube.resources import GATEWAY, GATEWAY_CLASS
from modelrollout.traffic.capabilities import BACKEND_HEADERS, REFUSE_SHARES, tells_shares_apart
from modelrollout.traffic.checks import traffic_problems
from tests.support.objects import raw_object, rollout

pytestmark = pytest.mark.unit

KNOWN = "gateway.envoyproxy.io/gatewayclass-controller"
UNKNOWN = "example.com/controller"
REFUSAL: dict[str, Any] = {"fallback": {"statusCode": 503}}
ROLE: dict[str, Any] = {"stages": [{"name": "full", "weight": 100, "modelRole": "Full"}]}


def cache_of(controller: str, *features: str) -> Cache:
    cache = Cache()
    spec = {"gatewayClassName": "eg", "listeners": []}
    cache.apply_event(GATEWAY, None, raw_object("gateway", rollout=None, controller=None, spec=spec))
    made = raw_object("eg", namespace="", rollout=None, controller=None, spec={"controllerName": controller})
    made["status"] = {"supportedFeatures": [{"name": name} for name in features]}
    cache.apply_event(GATEWAY_CLASS, None, made)
    return cache


@pytest.mark.parametrize(
    ("cache", "spec", "expected"),
    [
        pytest.param(cache_of(KNOWN), REFUSAL | ROLE, [], id="measured"),
        pytest.param(cache_of(UNKNOWN), {}, [], id="nobody asks for it"),
        pytest.param(cache_of(UNKNOWN, BACKEND_HEADERS), ROLE, [], id="it says so"),
        pytest.param(cache_of(UNKNOWN), ROLE, ["spec.stages[0].modelRole"], id="roles"),
        pytest.param(cache_of(UNKNOWN), REFUSAL, ["spec.fallback.statusCode"], id="refusal"),
        pytest.param(cache_of(UNKNOWN), {"fallback": {"service": {"name": "a", "port": 80}}}, [], id="a service"),
    ],
)
def test_what_a_gateway_must_be_known_to_do(cache: Cache, spec: dict[str, Any], expected: list[str]) -> None:
    problems = list(traffic_problems(rollout(**spec), cache))
    assert [problem.partition(":")[0] for problem in problems] == expected
    assert all(UNKNOWN in problem for problem in problems)


def test_a_refusal_names_the_controllers_that_can() -> None:
    (problem,) = traffic_problems(rollout(**REFUSAL), cache_of(UNKNOWN))
    assert all(controller in problem for controller in REFUSE_SHARES)


def test_a_header_of_ours_is_not_the_users_to_set_as_well() -> None:
    header = {"set": [{"name": "X-ModelRollout-Role", "value": "Full"}]}
    rules = [{"filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": header}]}]
    traffic = {"gatewayAPI": {"rules": rules}}
    (problem,) = traffic_problems(rollout(traffic=traffic, **ROLE), cache_of(KNOWN))
    assert problem.startswith("spec.traffic.gatewayAPI.rules[0].filters: x-modelrollout-role is set by modelRole")
    assert list(traffic_problems(rollout(traffic=traffic), cache_of(KNOWN))) == []


@pytest.mark.parametrize(
    ("controller", "features", "expected"),
    [(KNOWN, None, True), (KNOWN, frozenset({"other"}), True), (UNKNOWN, None, False)],
)
def test_tells_shares_apart(controller: str, features: frozenset[str] | None, expected: bool) -> None:  # noqa: FBT001
    assert tells_shares_apart(controller, features) is expected
