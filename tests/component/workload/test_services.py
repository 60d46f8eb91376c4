"""What somebody else deploys is looked at, and never written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.names import KIND
from modelrollout.api.resource import ModelRollout
from modelrollout.api.services import PODS_MAX
from modelrollout.engine.revisions import Revision, revision_of
from modelrollout.kube.resources import CONTROLLER_REVISION, ENDPOINT_SLICE, SERVICE
from modelrollout.workload.services import ServicesWorkload
from tests.support.lab import Lab

pytestmark = pytest.mark.component

BETWEEN: dict[str, Any] = {
    "workload": {"deployment": None, "services": {"stable": "digits-a", "candidate": "digits-b"}},
    "service": {"targetPort": None},
}
FIELD = "spec.workload.services"


def serve(lab: Lab, name: str, *pods: str, **spec: Any) -> None:
    """What somebody has deployed."""
    lab.make(SERVICE, name, spec={"selector": {"app": name}, "ports": [{"port": 80}]} | spec)
    endpoints = [
        {
            "addresses": [f"10.2.0.{number}"],
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": pod, "uid": f"{number:08}"},
        }
        for number, pod in enumerate(pods, 1)
    ]
    metadata = {"name": f"{name}-x", "labels": {"kubernetes.io/service-name": name}}
    ports = [{"name": "", "port": 80, "protocol": "TCP"}]
    lab.make(ENDPOINT_SLICE, name, metadata=metadata, addressType="IPv4", endpoints=endpoints, ports=ports)


async def between(lab: Lab, **spec: Any) -> tuple[ServicesWorkload, ModelRollout, Revision]:
    rollout = await lab.rollout(**(BETWEEN | spec))
    await lab.refresh()
    workload = ServicesWorkload(lab.client, lab.cache, lab.applier)
    return workload, rollout, revision_of(rollout.raw_spec)


async def test_a_revision_is_a_record_and_what_is_behind_its_service(lab: Lab) -> None:
    serve(lab, "digits-a", "digits-a-6d4cf56db6-x7k2p")
    serve(lab, "digits-b", "digits-b-79c8b5f4d9-x7k2p", "digits-b-79c8b5f4d9-x7k2q")
    workload, rollout, revision = await between(lab)
    assert await workload.problems(rollout, revision) == ()
    assert workload.objections(rollout, revision) == ()
    assert [one.version for one in workload.revisions(rollout)] == ["digits-a"], "what serves is known without a record"
    state = workload.observe(rollout, revision)
    assert (state.replicas, state.ready_endpoints) == (None, 2)
    assert state.behind is not None
    assert state.behind.ready == {"digits-b-79c8b5f4d9-*"}

    lab.writes()
    assert await workload.ensure(rollout, revision, 2) == ()
    assert lab.writes() == [("patch", CONTROLLER_REVISION.kind)]
    await workload.ensure(rollout, revision, 2)
    assert lab.writes() == [], "it is so already"
    assert workload.observe(rollout, revision).replicas == 0
    assert revision in workload.revisions(rollout)
    stored = await lab.live(CONTROLLER_REVISION, revision.object_name("digits"))
    assert "template" not in stored["data"]
    assert lab.cache.revisions(rollout.key)[0].service == "digits-b"


async def test_nothing_of_it_is_scaled_selected_or_stopped_and_its_record_alone_is_collected(lab: Lab) -> None:
    serve(lab, "digits-b", "digits-b-79c8b5f4d9-x7k2p")
    workload, rollout, revision = await between(lab)
    await workload.ensure(rollout, revision, 1)
    lab.writes()
    await workload.scale(rollout, revision.hash, 0)
    await workload.autoscale(rollout, revision.hash, None)
    await workload.serve(rollout, revision.hash)
    await workload.preview(rollout, revision.hash)
    await workload.stop(rollout, "digits-b")
    assert lab.writes() == []
    assert workload.served(rollout) is None
    await workload.collect(rollout, revision.hash)
    assert lab.writes() == [("delete", CONTROLLER_REVISION.kind)]
    assert (await lab.live(SERVICE, "digits-b"))["metadata"]["name"] == "digits-b"


async def test_what_cannot_be_used_is_refused_by_name(lab: Lab) -> None:
    serve(lab, "digits-a", "p-6d4cf56db6-x7k2p", ports=[{"port": 8000}, {"port": 9000, "name": "b"}][:1])
    workload, rollout, revision = await between(lab)
    assert await workload.problems(rollout, revision) == (
        f'{FIELD}.stable: Service "digits-a" has no port 80; set spec.service.port to one of: 8000',
        f'{FIELD}.candidate: no Service "digits-b" in namespace "{lab.namespace}"; create it or name another',
    )
    other = await lab.rollout("other")
    owner = {"apiVersion": "modelrollout.io/v1alpha1", "kind": KIND, "name": "other", "uid": other.uid}
    lab.make(SERVICE, "digits-b", spec={"type": "ExternalName", "externalName": "example.com"})
    lab.edit(SERVICE, "digits-b", {"metadata": {"ownerReferences": [owner | {"controller": True}]}})
    served = replace(rollout, status=rollout.status.model_copy(update={"stable": revision.ref}))
    assert await workload.problems(served, revision) == (
        f'{FIELD}.candidate: Service "digits-b" belongs to ModelRollout other; name one of yours',
        f'{FIELD}.candidate: Service "digits-b" is an ExternalName, whose readiness nobody tells; name another',
    ), "of the other Service nothing is asked for any more"


async def test_two_services_with_the_same_pods_are_refused(lab: Lab) -> None:
    for name in ("digits-a", "digits-b"):
        serve(lab, name, "digits-6d4cf56db6-x7k2p")
    workload, rollout, revision = await between(lab)
    (problem,) = workload.objections(rollout, revision)
    assert problem.startswith(
        f"{FIELD}.candidate: Services digits-a and digits-b both lead to pod digits-6d4cf56db6-x7k2p"
    )


async def test_more_single_pods_than_are_told_apart_are_refused(lab: Lab) -> None:
    serve(lab, "digits-b", *(f"digits-{number}" for number in range(PODS_MAX + 1)))
    workload, rollout, revision = await between(lab)
    (problem,) = workload.objections(rollout, revision)
    assert problem.startswith(f"{FIELD}: Service digits-b has {PODS_MAX + 1} pods that are of no ReplicaSet")
