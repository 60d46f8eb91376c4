from __future__ import annotations

from typing import Any

import pytest

from modelrollout.engine.split import between, only
from modelrollout.traffic.rule import (
    Names,
    Rule,
    Standing,
    at_rest,
    is_same,
    looks_like_revision,
    mirrors_of,
    moved,
    operations,
    standing,
)
from tests.support.objects import OTHER, REVISION

pytestmark = pytest.mark.unit

STABLE, CANDIDATE = f"digits-{REVISION}", f"digits-{OTHER}"
NAMES = Names("digits", 80, lambda service: looks_like_revision(service, "digits"))
HEADERS = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}}
THEIR_MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "audit", "port": 80}}}


def backend(name: str, weight: int | None = None, port: int = 80, **more: Any) -> dict[str, Any]:
    return {"name": name, "port": port} | ({} if weight is None else {"weight": weight}) | more


def rule(*backends: dict[str, Any], filters: list[dict[str, Any]] | None = None) -> Rule:
    return Rule(2, "predict", list(backends), filters)


def port_of(_: str) -> int:
    return 80


REST = rule(backend("digits"))


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (REST, Standing.REST),
        (rule(backend("digits", 1, group="", kind="Service")), Standing.REST),
        (rule(backend("digits", 100)), Standing.REST),
        (rule(backend("digits", 0)), Standing.FOREIGN),
        (rule(backend("digits", port=81)), Standing.FOREIGN),
        (rule(backend("digits", namespace="other")), Standing.FOREIGN),
        (rule(backend("digits", kind="Backend", group="example.com")), Standing.FOREIGN),
        (rule(backend("digits"), backend("spare", 0)), Standing.FOREIGN),
        (rule(backend("maintenance")), Standing.FOREIGN),
        (rule(), Standing.FOREIGN),
        (rule(backend(STABLE, 95), backend(CANDIDATE, 5)), Standing.MOVED),
        (rule(backend(STABLE, 100)), Standing.MOVED),
        (rule(backend(STABLE, 1), backend("digits", 99)), Standing.FOREIGN),
        (rule(backend("digits-v2", 100)), Standing.FOREIGN),
    ],
)
def test_standing(seen: Rule, expected: Standing) -> None:
    assert standing(seen, NAMES) is expected


def test_a_split_names_revisions_and_comes_back() -> None:
    split = moved(REST, NAMES, between(REVISION, OTHER, 5), port_of)
    assert split.backends == [backend(STABLE, 95), backend(CANDIDATE, 5)]
    assert split.filters is None
    assert is_same(at_rest(split, NAMES), rule(backend("digits", 1)))


def test_a_rule_at_rest_stays_as_its_owner_wrote_it() -> None:
    written = rule(backend("digits", 100))
    assert at_rest(written, NAMES).backends == written.backends


def test_what_the_owner_gave_to_the_backend_is_kept() -> None:
    written = rule(backend("digits", filters=[HEADERS]))
    split = moved(written, NAMES, between(REVISION, OTHER, 5), port_of)
    assert [entry["filters"] for entry in split.backends or ()] == [[HEADERS], [HEADERS]]
    assert is_same(at_rest(split, NAMES), rule(backend("digits", 1, filters=[HEADERS])))


def test_our_mirror_comes_after_the_owners_filters_and_goes_without_them() -> None:
    written = rule(backend("digits"), filters=[HEADERS, THEIR_MIRROR])
    shadowed = moved(written, NAMES, between(REVISION, OTHER, 0, 20), port_of)
    ours = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": CANDIDATE, "port": 80}, "percent": 20}}
    assert shadowed.filters == [HEADERS, THEIR_MIRROR, ours]
    assert mirrors_of(shadowed, NAMES) == (ours,)
    assert at_rest(shadowed, NAMES).filters == [HEADERS, THEIR_MIRROR]


def test_the_last_filter_of_all_is_removed_whole() -> None:
    shadowed = moved(REST, NAMES, between(REVISION, OTHER, 0, 100), port_of)
    assert operations(shadowed, at_rest(shadowed, NAMES))[-1] == {"op": "remove", "path": "/spec/rules/2/filters"}


def test_a_patch_rests_on_the_rule_and_on_what_it_replaces() -> None:
    after = moved(REST, NAMES, between(REVISION, OTHER, 5), port_of)
    assert operations(REST, after) == [
        {"op": "test", "path": "/spec/rules/2/name", "value": "predict"},
        {"op": "test", "path": "/spec/rules/2/backendRefs", "value": REST.backends},
        {"op": "add", "path": "/spec/rules/2/backendRefs", "value": after.backends},
    ]


def test_what_the_api_server_fills_in_is_no_difference() -> None:
    defaults: dict[str, Any] = {"group": "", "kind": "Service"}
    wanted = moved(REST, NAMES, only(REVISION), port_of)
    assert is_same(rule(backend(STABLE, 100, **defaults)), wanted)
    assert not is_same(rule(backend(STABLE, 99, **defaults)), wanted)
