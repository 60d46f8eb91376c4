"""What the watches and the resync tell, and who is looked at for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from modelrollout.api.resource import Key
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import Listing
from modelrollout.kube.resources import DEPLOYMENT, ENDPOINT_SLICE, GATEWAY, GATEWAY_CLASS, HTTP_ROUTE
from modelrollout.runtime.handlers import Intake
from modelrollout.runtime.rollouts import Rollouts
from tests.support.objects import manifest, merged, raw_object
from tests.support.statuses import FULL_STATUS

pytestmark = pytest.mark.unit

KEY = Key("demo", "digits")


def rollout(name: str = "digits", version: int = 5, **spec: Any) -> dict[str, Any]:
    metadata = {"uid": f"uid-{name}", "resourceVersion": str(version), "generation": 1}
    return merged(manifest(name, **spec), {"metadata": metadata})


class Bench:
    def __init__(self) -> None:
        self.enqueued: list[Key] = []
        self.gone: list[Key] = []
        self.rollouts = Rollouts()
        self.intake = Intake(self.rollouts, Cache(), self.enqueued.append, self._gone)

    def _gone(self, key: Key) -> None:
        self.rollouts.remove(key)
        self.gone.append(key)

    def looked_at(self) -> list[str]:
        """Names that were enqueued since the last time."""
        names = sorted(key.name for key in self.enqueued)
        self.enqueued.clear()
        return names


async def pages(version: str, *items: dict[str, Any]) -> AsyncIterator[Listing]:
    """A list, one object a page."""
    yield Listing((), version)
    for item in items:
        yield Listing((item,), version)


def test_a_users_change_is_looked_at_and_our_own_status_is_not() -> None:
    bench = Bench()
    bench.intake.rollout("ADDED", rollout())
    assert bench.looked_at() == ["digits"]
    bench.intake.rollout("MODIFIED", rollout(version=6) | {"status": {"phase": "Progressing"}})
    assert bench.looked_at() == []


def test_a_deleted_rollout_is_gone() -> None:
    bench = Bench()
    bench.intake.rollout("ADDED", rollout())
    bench.intake.rollout("DELETED", rollout(version=6))
    assert bench.gone == [KEY]


def test_an_object_of_ours_wakes_its_rollout_only_when_something_shows() -> None:
    bench = Bench()
    deployment = raw_object("digits-r", spec={"replicas": 1})
    bench.intake.child(DEPLOYMENT, "ADDED", deployment)
    assert bench.looked_at() == ["digits"]
    newer = merged(deployment, {"metadata": {"resourceVersion": "11"}})
    bench.intake.child(DEPLOYMENT, "MODIFIED", newer)
    assert bench.looked_at() == []
    bench.intake.child(DEPLOYMENT, "DELETED", newer)
    assert bench.looked_at() == ["digits"]


def gateway(name: str, namespace: str) -> dict[str, Any]:
    made = raw_object(name, namespace=namespace, rollout=None, controller=None)
    return made | {"spec": {"gatewayClassName": "eg", "listeners": []}}


def test_a_gateway_wakes_those_who_attach_to_it() -> None:
    bench = Bench()
    bench.intake.rollout("ADDED", rollout("near"))
    far = {"gatewayAPI": {"parentRefs": [{"name": "gateway", "namespace": "infra"}]}}
    bench.intake.rollout("ADDED", rollout("far", traffic=far))
    bench.looked_at()
    bench.intake.child(GATEWAY, "ADDED", gateway("gateway", "infra"))
    assert bench.looked_at() == ["far"]
    bench.intake.child(GATEWAY, "ADDED", gateway("gateway", "demo"))
    assert bench.looked_at() == ["near"]
    bench.intake.child(GATEWAY, "DELETED", gateway("gateway", "infra"))
    assert bench.looked_at() == ["far"]


def test_a_gateway_that_counts_its_routes_wakes_nobody() -> None:
    bench = Bench()
    bench.intake.rollout("ADDED", rollout())
    made = gateway("gateway", "demo")
    bench.intake.child(GATEWAY, "ADDED", made)
    bench.looked_at()
    counted = {"metadata": {"resourceVersion": "99"}, "status": {"listeners": [{"name": "web", "attachedRoutes": 1}]}}
    bench.intake.child(GATEWAY, "MODIFIED", merged(made, counted))
    assert bench.looked_at() == []
    conditions = [{"type": "Programmed", "status": "True"}]
    programmed = {"metadata": {"resourceVersion": "100"}, "status": {"conditions": conditions}}
    bench.intake.child(GATEWAY, "MODIFIED", merged(made, programmed))
    assert bench.looked_at() == ["digits"]


def test_a_gateway_class_wakes_all() -> None:
    bench = Bench()
    bench.intake.rollout("ADDED", rollout("one"))
    bench.intake.rollout("ADDED", rollout("two"))
    bench.looked_at()
    made = raw_object("eg", namespace="", rollout=None, controller=None) | {"spec": {"controllerName": "a/b"}}
    bench.intake.child(GATEWAY_CLASS, "MODIFIED", made)
    assert bench.looked_at() == ["one", "two"]


def endpoints(service: str, namespace: str = "demo") -> dict[str, Any]:
    made = raw_object(f"{service}-x", namespace=namespace, rollout=None, controller=None)
    return merged(made, {"metadata": {"labels": {"kubernetes.io/service-name": service}}})


def test_endpoints_of_a_users_service_wake_those_whose_traffic_goes_to_it() -> None:
    bench = Bench()
    fallback = {"service": {"name": "queue", "port": 80}}
    bench.intake.rollout("ADDED", rollout("one", fallback=fallback))
    bench.intake.rollout("ADDED", rollout("two"))
    bench.looked_at()
    bench.intake.child(ENDPOINT_SLICE, "MODIFIED", endpoints("queue"))
    assert bench.looked_at() == ["one"]
    bench.intake.child(ENDPOINT_SLICE, "MODIFIED", endpoints("queue", "elsewhere"))
    bench.intake.child(ENDPOINT_SLICE, "MODIFIED", endpoints("other"))
    assert bench.looked_at() == []
    bench.intake.rollout("MODIFIED", rollout("one", version=6) | {"status": {"fallback": fallback}})
    bench.intake.rollout("DELETED", rollout("one", version=7, fallback=fallback))
    bench.looked_at()
    bench.intake.child(ENDPOINT_SLICE, "MODIFIED", endpoints("queue"))
    assert bench.looked_at() == []


def route_to(service: str, name: str = "theirs") -> dict[str, Any]:
    rules = [{"backendRefs": [{"name": service, "port": 80}]}]
    return raw_object(name, rollout=None, controller=None, spec={"rules": rules})


def test_somebody_elses_route_to_what_is_adopted_wakes_those_who_wait_for_it_to_go() -> None:
    bench = Bench()
    adopt = {"deployment": {"adopt": {"deployment": "prod", "service": "prod"}}}
    bench.intake.rollout("ADDED", rollout("one", workload=adopt))
    bench.intake.rollout("ADDED", rollout("two"))
    bench.looked_at()
    bench.intake.child(HTTP_ROUTE, "ADDED", route_to("prod"))
    bench.intake.child(HTTP_ROUTE, "DELETED", route_to("prod"))
    bench.intake.child(HTTP_ROUTE, "ADDED", route_to("other", "others"))
    assert bench.looked_at() == ["one", "one"]


async def test_a_list_tells_of_deletions_that_no_event_told_and_looks_at_all() -> None:
    bench = Bench()
    bench.intake.rollout("ADDED", rollout("kept", version=3))
    bench.intake.rollout("ADDED", rollout("lost", version=4))
    bench.looked_at()
    await bench.intake.list_of_rollouts(pages("9", rollout("kept", version=3), rollout("new", version=8)))
    assert bench.gone == [Key("demo", "lost")]
    assert bench.looked_at() == ["kept", "new"]


async def test_one_that_was_made_while_the_list_was_under_way_is_not_taken_for_gone() -> None:
    bench = Bench()
    bench.intake.rollout("ADDED", rollout("new", version=12))
    await bench.intake.list_of_rollouts(pages("9"))
    assert bench.gone == []
    assert bench.rollouts.known() == (Key("demo", "new"),)


async def test_a_list_of_objects_tells_of_those_that_vanished() -> None:
    bench = Bench()
    bench.intake.child(DEPLOYMENT, "ADDED", raw_object("digits-r", spec={"replicas": 1}))
    bench.looked_at()
    await bench.intake.list_of_children(DEPLOYMENT, pages("11"))
    assert bench.looked_at() == ["digits"]


def test_a_route_of_somebody_else_wakes_who_names_it() -> None:
    bench = Bench()
    ref = {"gatewayAPI": {"parentRefs": None, "httpRouteRef": {"name": "shop", "rule": "predict"}}}
    bench.intake.rollout("ADDED", rollout("letters", traffic=ref))
    bench.intake.rollout("ADDED", rollout())
    bench.looked_at()
    shop = raw_object("shop", rollout=None, controller=None, spec={"parentRefs": [{"name": "gateway"}]})
    bench.intake.child(HTTP_ROUTE, "ADDED", shop)
    assert bench.looked_at() == ["letters"]
    bench.intake.child(GATEWAY, "MODIFIED", gateway("gateway", "demo"))
    assert bench.looked_at() == ["digits", "letters"], "the route of the one attaches to it, and the spec of the other"
    bench.intake.rollout("MODIFIED", rollout("letters", version=6))
    bench.looked_at()
    bench.intake.child(HTTP_ROUTE, "MODIFIED", merged(shop, {"metadata": {"resourceVersion": "11"}}))
    assert bench.looked_at() == []


async def test_those_that_move_are_looked_at_before_those_at_rest() -> None:
    bench = Bench()
    moving = rollout("moving") | {"status": FULL_STATUS.dump()}
    await bench.intake.list_of_rollouts(pages("9", rollout("a"), moving, rollout("z")))
    assert [key.name for key in bench.enqueued] == ["moving", "a", "z"]
