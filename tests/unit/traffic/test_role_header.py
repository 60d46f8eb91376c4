"""The role is set or removed, whatever a client or the user's filters say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.api.stages import ModelRole
from modelrollout.engine.roles import Roles
from modelrollout.engine.split import Split, between, only
from modelrollout.traffic.render import Address, http_route, resplit
from modelrollout.traffic.role_header import role_filter, tells_role, with_role, without_role
from tests.support.objects import OTHER, REVISION, rollout

pytestmark = pytest.mark.unit

HEADER = "x-modelrollout-role"
OURS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": HEADER, "value": "Assist"}]}}
REMOVED = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": [HEADER]}}
USERS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}}
REWRITE = {"type": "URLRewrite", "urlRewrite": {"hostname": "a.test"}}
ROLES = Roles(((OTHER, ModelRole.ASSIST), (REVISION, ModelRole.FULL)))


def address(revision: str) -> Address:
    return Address(f"digits-{revision}", 80)


def rule(split: Split, *filters: dict[str, Any], roles: Roles = ROLES) -> dict[str, Any]:
    made = rollout(traffic={"gatewayAPI": {"rules": [{"filters": list(filters)}]}})
    return dict(http_route(made, split, address, roles)["spec"]["rules"][0])


def test_each_share_is_told_its_own() -> None:
    made = rule(between(REVISION, OTHER, 5), USERS)
    assert made["filters"] == [USERS]
    assert [backend["filters"][0]["requestHeaderModifier"]["set"][0]["value"] for backend in made["backendRefs"]] == [
        "Full",
        "Assist",
    ]


def test_one_that_has_no_role_is_told_none_whatever_a_client_says() -> None:
    made = rule(between(REVISION, OTHER, 5), roles=Roles(((OTHER, ModelRole.ASSIST),)))
    assert made["backendRefs"][0]["filters"] == [REMOVED]
    assert rule(only(REVISION), roles=Roles(()))["filters"] == [REMOVED]


def test_where_one_has_all_requests_the_rule_says_it_within_the_users_own_filter() -> None:
    made = rule(only(OTHER), REWRITE, USERS)
    assert "filters" not in made["backendRefs"][0]
    both = [{"name": "a", "value": "b"}, {"name": HEADER, "value": "Assist"}]
    assert made["filters"] == [REWRITE, {"type": USERS["type"], "requestHeaderModifier": {"set": both}}]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param([OURS], [], id="ours alone"),
        pytest.param([REMOVED], [], id="ours that removes"),
        pytest.param([USERS, REWRITE], [USERS, REWRITE], id="the user's"),
        pytest.param(with_role([USERS], ModelRole.FULL), [USERS], id="both"),
        pytest.param(with_role([USERS], None), [USERS], id="both, removing"),
    ],
)
def test_what_is_ours_is_taken_out_again(filters: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert without_role(filters) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [(role_filter(ModelRole.FULL), True), (REMOVED, True), (USERS, False), (REWRITE, False)],
)
def test_who_speaks_of_it(entry: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert tells_role([entry]) is expected
    if entry is REMOVED:
        assert tells_role([{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": [HEADER.title()]}}])


@given(st.integers(0, 100), st.integers(0, 100), st.booleans())
def test_another_split_of_a_route_that_exists_tells_as_a_new_one_would(weight: int, other: int, mine: bool) -> None:  # noqa: FBT001
    filters = [USERS, REWRITE] if mine else []
    made = rollout(traffic={"gatewayAPI": {"rules": [{"filters": filters}] if mine else None}})
    before = http_route(made, between(REVISION, OTHER, weight), address, ROLES)
    split = between(REVISION, OTHER, other)
    after = resplit(made, json.dumps(before["spec"]), split, address, ROLES)["spec"]
    assert after["rules"] == http_route(made, split, address, ROLES)["spec"]["rules"]
