from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.resource import Key
from modelrollout.engine.behind import Behind
from modelrollout.kube import resources
from modelrollout.kube.caches import Cache, name_of
from modelrollout.kube.resources import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    GATEWAY,
    HTTP_ROUTE,
    POD,
    SERVICE,
    Resource,
)
from tests.support.objects import OTHER, REVISION, managed, merged, raw_object

pytestmark = pytest.mark.unit

KEY = Key("demo", "digits")


def deployment(name: str = "digits-r", replicas: int = 2, version: int = 10, **more: Any) -> dict[str, Any]:
    return raw_object(name, version=version, spec={"replicas": replicas}, **more)


def replicas(cache: Cache, name: str = "digits-r") -> int | None:
    view = cache.deployment("demo", name)
    return None if view is None else view.replicas


@pytest.mark.parametrize("event", [None, "ADDED", "MODIFIED"])
def test_what_exists_is_known_and_concerns_its_rollout(event: str | None) -> None:
    cache = Cache()
    assert cache.apply_event(DEPLOYMENT, event, deployment()) == {KEY}
    assert replicas(cache) == 2


def test_a_change_that_no_projection_shows_concerns_nobody() -> None:
    cache = Cache()
    cache.apply_event(DEPLOYMENT, "ADDED", deployment())
    changed = merged(deployment(version=11), {"status": {"observedGeneration": 7}})
    assert cache.apply_event(DEPLOYMENT, "MODIFIED", changed) == frozenset()
    assert cache.apply_event(DEPLOYMENT, "MODIFIED", deployment(replicas=3, version=12)) == {KEY}


def test_an_older_event_does_not_undo_a_newer_one() -> None:
    cache = Cache()
    cache.apply_event(DEPLOYMENT, None, deployment(replicas=0, version=20))
    assert cache.apply_event(DEPLOYMENT, "MODIFIED", deployment(replicas=9, version=15)) == frozenset()
    assert replicas(cache) == 0


def test_a_deletion_of_an_earlier_object_leaves_its_successor() -> None:
    cache = Cache()
    earlier = deployment()
    successor = merged(deployment(version=12), {"metadata": {"uid": "another"}})
    cache.apply_event(DEPLOYMENT, "ADDED", successor)
    assert cache.apply_event(DEPLOYMENT, "DELETED", earlier) == frozenset()
    assert replicas(cache) == 2
    assert cache.apply_event(DEPLOYMENT, "DELETED", merged(successor, {})) == {KEY}
    assert replicas(cache) is None


def listed(cache: Cache, resource: Resource, items: list[dict[str, Any]], version: str) -> frozenset[Key]:
    """A whole list taken in: whom it concerns."""
    changed = frozenset(key for raw in items for key in cache.apply_event(resource, None, raw))
    return changed | cache.retain(resource, {name_of(raw) for raw in items}, version)


def test_a_relist_forgets_what_it_lacks_and_keeps_what_is_newer() -> None:
    cache = Cache()
    cache.apply_event(DEPLOYMENT, None, deployment("gone", version=10))
    cache.apply_event(DEPLOYMENT, None, deployment("stays", version=11))
    cache.apply_event(DEPLOYMENT, None, deployment("written-since", version=31))
    items = [deployment("stays", version=11), deployment("unseen", version=12)]
    assert listed(cache, DEPLOYMENT, items, "30") == {KEY}
    assert {name: replicas(cache, name) for name in ("gone", "stays", "written-since", "unseen")} == {
        "gone": None,
        "stays": 2,
        "written-since": 2,
        "unseen": 2,
    }


def test_a_relist_that_shows_nothing_new_concerns_nobody() -> None:
    cache = Cache()
    cache.apply_event(DEPLOYMENT, None, deployment())
    assert listed(cache, DEPLOYMENT, [deployment()], "30") == frozenset()


def test_an_object_that_changes_hands_concerns_both() -> None:
    cache = Cache()
    cache.apply_event(SERVICE, None, raw_object("s", spec={}))
    moved = raw_object("s", rollout="other", version=11, spec={})
    assert cache.apply_event(SERVICE, None, moved) == {KEY, Key("demo", "other")}


def test_children_are_found_by_rollout_and_revision() -> None:
    cache = Cache()
    cache.apply_event(POD, None, raw_object("a", revision=REVISION))
    cache.apply_event(POD, None, raw_object("b", revision=OTHER))
    cache.apply_event(POD, None, raw_object("c", revision=REVISION, rollout="other"))
    cache.apply_event(POD, None, raw_object("d", revision=REVISION, namespace="elsewhere"))
    assert [pod.meta.name for pod in cache.pods(KEY, REVISION)] == ["a"]
    cache.apply_event(POD, "DELETED", raw_object("a"))
    assert cache.pods(KEY, REVISION) == ()


def slice_of(name: str, service: str, *addresses: str, rollout: str | None = "digits") -> dict[str, Any]:
    labels = {"metadata": {"labels": {"kubernetes.io/service-name": service}}}
    endpoints = [{"addresses": [address], "conditions": {"ready": True}} for address in addresses]
    return merged(raw_object(name, rollout=rollout), labels) | {"endpoints": endpoints}


def test_endpoints_are_counted_by_service() -> None:
    cache = Cache()
    cache.apply_event(ENDPOINT_SLICE, None, slice_of("a", "digits", "10.0.0.1"))
    cache.apply_event(ENDPOINT_SLICE, None, slice_of("b", "digits-r", "10.0.0.2", "10.0.0.3"))
    cache.apply_event(ENDPOINT_SLICE, None, slice_of("c", "digits-r", "10.0.0.3", "10.0.0.4"))
    assert cache.ready_endpoints("demo", "digits-r") == 3
    cache.apply_event(ENDPOINT_SLICE, "DELETED", slice_of("b", "digits-r"))
    assert cache.ready_endpoints("demo", "digits-r") == 2
    assert cache.ready_endpoints("elsewhere", "digits-r") == 0


def test_endpoints_of_a_service_that_is_not_ours_are_counted_and_concern_no_rollout_by_themselves() -> None:
    cache = Cache()
    assert cache.apply_event(ENDPOINT_SLICE, None, slice_of("a", "queue", "10.0.0.1", rollout=None)) == frozenset()
    assert cache.ready_endpoints("demo", "queue") == 1


def test_revisions_come_oldest_first() -> None:
    cache = Cache()
    for name, number in (("new", 2), ("old", 1)):
        data = {"hash": name, "input": '{"model":{"version":"1"},"service":{"port":80}}', "template": {}}
        cache.apply_event(
            CONTROLLER_REVISION, None, raw_object(name, data=data, revision_number=0) | {"revision": number}
        )
    assert [view.revision.hash for view in cache.revisions(KEY)] == ["old", "new"]


@pytest.mark.parametrize("data", [None, {}, {"input": "{", "hash": "x"}, {"input": "[]", "hash": "x", "template": {}}])
def test_an_object_that_only_pretends_to_be_ours_harms_nobody(data: object) -> None:
    cache = Cache()
    good = {"hash": "good", "input": '{"model":{"version":"1"},"service":{"port":80}}', "template": {}}
    items = [raw_object("bad", data=data) | {"revision": 1}, raw_object("good", data=good) | {"revision": 2}]
    listed(cache, CONTROLLER_REVISION, items, "30")
    assert [view.meta.name for view in cache.revisions(KEY)] == ["good"]


def test_a_gateway_belongs_to_nobody() -> None:
    cache = Cache()
    raw = raw_object("gateway", rollout=None, controller=None, spec={"gatewayClassName": "eg"})
    assert cache.apply_event(GATEWAY, "ADDED", raw) == frozenset()
    gateway = cache.gateway("demo", "gateway")
    assert gateway is not None
    assert (gateway.class_name, gateway.programmed) == ("eg", False)


def test_every_kind_that_is_watched_is_kept() -> None:
    cache = Cache()
    for watched in Cache.resources():
        assert cache.meta(watched.resource, "demo", "none") is None
    assert {watched.resource for watched in Cache.resources()} >= {resources.HTTP_ROUTE, resources.GATEWAY_CLASS}


def test_a_route_of_somebody_else_concerns_those_whose_marks_it_bears() -> None:
    cache = Cache()
    mark = "modelrollout.io/sequence-digits"
    bare = raw_object("shop", rollout=None, controller=None, spec={"rules": []})
    fields: dict[str, Any] = {"f:metadata": {"f:annotations": {f"f:{mark}": {}}}}
    metadata = {"annotations": {mark: "1"}, "managedFields": [managed(fields, operation="Update")]}
    marked = merged(bare, {"metadata": metadata | {"resourceVersion": "11"}})
    key = Key("demo", "digits")
    assert cache.apply_event(HTTP_ROUTE, "ADDED", bare) == frozenset()
    assert cache.marked_routes(key) == ()
    assert cache.apply_event(HTTP_ROUTE, "MODIFIED", marked) == {key}
    assert [view.meta.name for view in cache.marked_routes(key)] == ["shop"]
    assert cache.apply_event(HTTP_ROUTE, "DELETED", marked) == {key}
    assert cache.marked_routes(key) == ()


def test_what_is_behind_a_service_is_in_all_of_its_slices() -> None:
    cache = Cache()
    for name, pod, ready in (
        ("a-1", "a-6d4cf56db6-x7k2p", True),
        ("a-2", "a-6d4cf56db6-x7k2q", False),
        ("b-1", "b", True),
    ):
        labels = {"metadata": {"labels": {"kubernetes.io/service-name": name[0]}}}
        entry = {
            "addresses": ["10.0.0.1"],
            "conditions": {"ready": ready},
            "targetRef": {"name": pod, "uid": "12345678"},
        }
        cache.apply_event(ENDPOINT_SLICE, None, merged(raw_object(name, endpoints=[entry]), labels))
    group = frozenset({"a-6d4cf56db6-*"})
    assert cache.behind("demo", "a") == Behind(group, group, 2)
    assert cache.behind("demo", "nobody") == Behind(frozenset(), frozenset(), 0)
