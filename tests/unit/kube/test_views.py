from __future__ import annotations

from typing import Any

import pytest

from modelrollout.kube.views import (
    Controller,
    endpoint_slice_view,
    gateway_class_view,
    gateway_view,
    meta_of,
    pod_view,
    service_view,
)
from tests.support.objects import REVISION, UID, managed, merged, raw_object

pytestmark = pytest.mark.unit


def endpoint(pod: str | None, *addresses: str, **conditions: bool | None) -> dict[str, Any]:
    target = {"targetRef": {"kind": "Pod", "name": pod}} if pod else {}
    return {"addresses": list(addresses), "conditions": conditions} | target


@pytest.mark.parametrize(
    ("entry", "count"),
    [
        (endpoint("a", "10.0.0.1", ready=True), 1),
        (endpoint("a", "10.0.0.1"), 1),
        (endpoint("a", "10.0.0.1", ready=False), 0),
        (endpoint("a", "10.0.0.1", ready=True, serving=False), 0),
        (endpoint("a", "10.0.0.1", ready=True, terminating=True), 0),
        (endpoint(None, "10.0.0.1", "10.0.0.2", ready=True), 2),
    ],
)
def test_endpoints_that_can_answer_count(entry: dict[str, Any], count: int) -> None:
    assert len(endpoint_slice_view(raw_object("s", endpoints=[entry])).ready) == count


def test_a_pod_with_two_address_families_counts_once() -> None:
    slices = [
        endpoint_slice_view(raw_object(name, endpoints=[endpoint("pod", address, ready=True)]))
        for name, address in (("v4", "10.0.0.1"), ("v6", "fd00::1"))
    ]
    assert len(slices[0].ready | slices[1].ready) == 1


def test_a_slice_without_endpoints_is_empty() -> None:
    assert endpoint_slice_view(raw_object("s", endpoints=None)).ready == frozenset()


def test_meta_tells_who_controls_and_who_manages() -> None:
    entries = [
        managed({"f:spec": {"f:a": {}}}),
        managed({"f:status": {}}, "gateway", "Update"),
        managed({"f:spec": {"f:b": {}}}, "kubectl-edit", "Update"),
    ]
    meta = meta_of(merged(raw_object("s"), {"metadata": {"managedFields": entries}}))
    assert meta.controller == Controller("ModelRollout", "digits", UID)
    assert (meta.rollout, meta.revision, meta.applied_hash) == ("digits", REVISION, "rhash")
    assert (meta.managed, meta.others) == ('{"f:spec":{"f:a":{}}}', ("kubectl-edit",))


@pytest.mark.parametrize(
    "entry",
    [managed({"f:x": {}}, operation="Update"), managed({"f:x": {}}) | {"subresource": "status"}],
    ids=["update", "status"],
)
def test_only_the_apply_of_the_object_itself_is_ours(entry: dict[str, Any]) -> None:
    assert meta_of(merged(raw_object("s"), {"metadata": {"managedFields": [entry]}})).managed == ""


def test_an_owner_that_does_not_control_is_no_controller() -> None:
    raw = raw_object("s")
    raw["metadata"]["ownerReferences"][0]["controller"] = False
    assert meta_of(raw).controller is None


@pytest.mark.parametrize(
    ("controller", "earlier"),
    [
        (Controller("ModelRollout", "digits", "old"), True),
        (Controller("ModelRollout", "digits", UID), False),
        (Controller("ModelRollout", "other", "old"), False),
        (Controller("Deployment", "digits", "old"), False),
    ],
)
def test_an_earlier_rollout_of_the_name_is_known(controller: Controller, *, earlier: bool) -> None:
    assert controller.is_earlier("digits", UID) is earlier


def test_a_pod_that_has_not_been_scheduled_has_no_containers() -> None:
    view = pod_view(raw_object("p"))
    assert (view.ready, view.containers) == (False, ())


def test_a_container_tells_its_last_end() -> None:
    container = {
        "name": "c",
        "restartCount": 2,
        "state": {"running": {}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    }
    status = {"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [container]}
    view = pod_view(raw_object("p", status=status))
    assert view.ready
    assert (view.containers[0].exit_code, view.containers[0].exit_reason) == (137, "OOMKilled")


def test_a_service_without_selector_selects_no_revision() -> None:
    assert service_view(raw_object("s", spec={})).revision is None


@pytest.mark.parametrize(
    ("listed", "features"),
    [(None, None), ([], None), (["A"], {"A"}), ([{"name": "A"}], {"A"})],
    ids=["absent", "empty", "before 1.3", "since 1.3"],
)
def test_features_of_a_gateway_class(listed: object, features: set[str] | None) -> None:
    raw = raw_object("c", rollout=None, spec={"controllerName": "x"}, status={"supportedFeatures": listed})
    assert gateway_class_view(raw).features == features


def test_a_gateway_is_programmed_when_it_says_so() -> None:
    status = {"conditions": [{"type": "Programmed", "status": "True"}]}
    spec = {"gatewayClassName": "eg", "listeners": [{"name": "web"}]}
    view = gateway_view(raw_object("g", spec=spec, status=status))
    assert (view.programmed, view.listeners) == (True, ("web",))


def test_endpoints_are_grouped_by_who_made_their_pods() -> None:
    made = {"targetRef": {"kind": "Pod", "name": "digits-6d4cf56db6-x7k2p", "uid": UID}}
    entries = [
        {"addresses": ["10.0.0.1"], "conditions": {"ready": True}} | made,
        {"addresses": ["10.0.0.2"], "conditions": {"ready": False}, "targetRef": {"name": "other-0", "uid": UID}},
        {"addresses": ["10.0.0.3"], "conditions": {"ready": True, "terminating": True}},
    ]
    view = endpoint_slice_view(raw_object("s", endpoints=entries))
    assert view.ready == {"digits-6d4cf56db6-x7k2p"}
    assert view.unready == {"other-0"}, "what is about to go is not waited for"
    assert view.ready_groups == {"digits-6d4cf56db6-*"}
    assert view.groups == {"digits-6d4cf56db6-*", f"other-0@{UID[:8]}", "10.0.0.3"}
