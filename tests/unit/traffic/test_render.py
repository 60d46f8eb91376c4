from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.engine.observed import RouteDecision
from modelrollout.engine.preview import Preview
from modelrollout.engine.split import Split, between, only
from modelrollout.kube.apply import applied_hash
from modelrollout.kube.route import route_view
from modelrollout.traffic.render import (
    Address,
    decision_annotations,
    http_route,
    parse_decision,
    parse_sequence,
    preview_route,
    resplit,
)
from modelrollout.traffic.state import Naming, route_state
from tests.support.objects import OTHER, REVISION, merged, rollout

pytestmark = pytest.mark.unit

ANNOTATIONS = ("modelrollout.io/sequence", "modelrollout.io/decision")


def address(revision: str) -> Address:
    return Address(f"digits-{revision}", {REVISION: 80, OTHER: 81}[revision])


def rendered(split: Split, **gateway_api: Any) -> dict[str, Any]:
    found = http_route(rollout(traffic={"gatewayAPI": gateway_api}), split, address)["spec"]
    return dict(found)


def test_each_revision_is_sent_to_its_own_port() -> None:
    assert rendered(between(REVISION, OTHER, 5))["rules"] == [
        {
            "backendRefs": [
                {"name": f"digits-{REVISION}", "port": 80, "weight": 95},
                {"name": f"digits-{OTHER}", "port": 81, "weight": 5},
            ]
        }
    ]


def test_a_revision_without_weight_is_not_mentioned() -> None:
    assert OTHER not in str(rendered(between(REVISION, OTHER, 0)))
    assert REVISION not in str(rendered(between(REVISION, OTHER, 100)))


@pytest.mark.parametrize(("percent", "field"), [(20, {"percent": 20}), (100, {})])
def test_a_mirror_of_everything_has_no_percent(percent: int, field: dict[str, int]) -> None:
    (entry,) = rendered(between(REVISION, OTHER, 0, percent))["rules"][0]["filters"]
    assert entry["requestMirror"] == {"backendRef": {"name": f"digits-{OTHER}", "port": 81}} | field


def test_filters_of_the_user_come_first() -> None:
    own = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": []}}
    first, second = rendered(between(REVISION, OTHER, 0, 20), rules=[{"filters": [own]}])["rules"][0]["filters"]
    assert (first, second["type"]) == (own, "RequestMirror")


def test_hostnames_are_there_only_when_asked_for() -> None:
    assert "hostnames" not in rendered(only(REVISION))
    assert rendered(only(REVISION), hostnames=["a.test"])["hostnames"] == ["a.test"]


def test_a_preview_has_its_own_hosts_and_leads_to_its_revision_alone() -> None:
    gateway_api = {"hostnames": ["live.test"], "rules": [{"name": "a", "timeouts": {"request": "1s"}}]}
    made = preview_route(rollout(traffic={"gatewayAPI": gateway_api}), Preview(OTHER, ("p.test",)), address)
    assert made["metadata"]["name"] == "digits-preview"
    assert made["spec"] == {
        "parentRefs": [{"name": "gateway"}],
        "hostnames": ["p.test"],
        "rules": [
            {
                "name": "a",
                "timeouts": {"request": "1s"},
                "backendRefs": [{"name": f"digits-{OTHER}", "port": 81, "weight": 100}],
            }
        ],
    }


def test_the_hash_of_a_route_is_of_its_split_and_spec() -> None:
    bodies = [http_route(rollout(), split, address) for split in (only(REVISION), between(REVISION, OTHER, 5))]
    bodies.append(http_route(rollout(traffic={"gatewayAPI": {"hostnames": ["a.test"]}}), only(REVISION), address))
    assert len({applied_hash(body) for body in bodies}) == 3


@given(st.integers(0, 100), st.integers(0, 100))
def test_another_split_of_a_route_that_exists_changes_nothing_else(weight: int, percent: int) -> None:
    """The spec asks for another Gateway by now, for other hosts and rules: none of it is touched."""
    own = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": []}}
    rules = [{"name": "a", "filters": [own], "timeouts": {"request": "1s"}}, {"name": "b"}]
    before = rendered(between(REVISION, OTHER, 50, 50), hostnames=["a.test"], rules=rules)
    edited = rollout(traffic={"gatewayAPI": {"parentRefs": [{"name": "nowhere"}], "hostnames": None, "rules": [{}]}})
    split = between(REVISION, OTHER, weight, percent)
    after = resplit(edited, json.dumps(before), split, address)["spec"]
    assert after == rendered(split, hostnames=["a.test"], rules=rules)


@given(st.integers(0, 100), st.integers(0, 100))
def test_what_is_written_is_what_is_read(weight: int, percent: int) -> None:
    split = between(REVISION, OTHER, weight, percent)
    body = http_route(rollout(), split, address)
    raw = merged(body, {"metadata": {"uid": "u", "resourceVersion": "1", "creationTimestamp": "2026-11-21T10:00:00Z"}})
    state = route_state(route_view(raw), Naming("digits"), lambda _: None)
    assert (state.weights, state.mirror, state.uniform) == (split.weights, split.mirror, True)


@given(
    st.builds(
        RouteDecision,
        action=st.text(),
        revision=st.text(),
        reason=st.text(),
        message=st.text(),
        at=st.datetimes(timezones=st.just(UTC)),
    ),
    st.integers(0, 10**9),
)
def test_a_decision_survives_the_annotation(decision: RouteDecision, sequence: int) -> None:
    annotations = decision_annotations(sequence, decision)
    assert parse_sequence(annotations[ANNOTATIONS[0]]) == sequence
    assert parse_decision(annotations[ANNOTATIONS[1]]) == decision


@pytest.mark.parametrize("text", ["", "-1", "x", "1.5", "²", " 1"])
def test_a_broken_sequence_outranks_nothing(text: str) -> None:
    assert parse_sequence(text) == 0


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "1", '{"action":1,"at":2}', '{"at":"soon"}'])
def test_a_broken_decision_is_none(text: str) -> None:
    assert parse_decision(text) is None


def test_times_keep_their_zone() -> None:
    at = datetime(2026, 11, 21, 10, tzinfo=UTC)
    text = decision_annotations(1, RouteDecision("a", "r", "x", "m", at))[ANNOTATIONS[1]]
    found = parse_decision(text)
    assert found is not None
    assert found.at.utcoffset() == at.utcoffset()
