from __future__ import annotations

import json
from typing import Any

import pytest

from modelrollout.api.names import LABEL_MANAGED_BY, LABEL_NAME, LABEL_REVISION
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.revisions import Revision, revision_of
from modelrollout.kube.apply import Drift
from modelrollout.kube.errors import NameTakenError
from modelrollout.kube.resources import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    MODEL_ROLLOUT,
    POD,
    SERVICE,
)
from modelrollout.kube.status import read_rollout
from modelrollout.workload import render
from tests.support.lab import Lab

pytestmark = pytest.mark.component

TEMPLATE = "spec.workload.deployment.template"


def containers(*entries: dict[str, Any], **pod: Any) -> dict[str, Any]:
    return {"deployment": {"template": {"spec": {"containers": list(entries), **pod}}}}


SERVER = {"name": "server", "image": "i:1", "ports": [{"name": "http", "containerPort": 8080}]}


async def made(lab: Lab, **spec: Any) -> tuple[ModelRollout, Revision, str]:
    rollout = await lab.rollout(**spec)
    revision = revision_of(rollout.raw_spec)
    assert await lab.workload.ensure(rollout, revision, 2) == ()
    return rollout, revision, revision.object_name("digits")


async def test_a_revision_is_a_record_a_deployment_and_a_service(lab: Lab) -> None:
    _, revision, name = await made(lab)
    record = await lab.live(CONTROLLER_REVISION, name)
    assert record["data"]["input"] == revision.input
    assert record["data"]["hashVersion"] == 1
    deployment = (await lab.live(DEPLOYMENT, name))["spec"]
    labels = {LABEL_NAME: "digits", LABEL_REVISION: revision.hash}
    assert deployment["replicas"] == 2
    assert deployment["selector"] == {"matchLabels": labels}
    assert deployment["template"]["metadata"]["labels"] == {"app": "digits"} | labels
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert deployment["progressDeadlineSeconds"] == 600
    service = (await lab.live(SERVICE, name))["spec"]
    assert service["selector"] == labels
    assert [(port["port"], port["targetPort"]) for port in service["ports"]] == [(80, "http")]


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "after a restart"])
async def test_what_is_so_already_is_not_written(lab: Lab, *, restarted: bool) -> None:
    rollout, revision, _ = await made(lab)
    await lab.workload.serve(rollout, revision.hash)
    if restarted:
        lab.restart()
        await lab.refresh()
    lab.requests.clear()
    assert await lab.workload.ensure(rollout, revision, 2) == ()
    assert await lab.workload.scale(rollout, revision.hash, 2) == ()
    assert await lab.workload.serve(rollout, revision.hash) == ()
    assert lab.requests == []


async def test_scaling_changes_replicas_only(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    before = await lab.live(DEPLOYMENT, name)
    await lab.workload.scale(rollout, revision.hash, 0)
    after = await lab.live(DEPLOYMENT, name)
    assert after["spec"] == before["spec"] | {"replicas": 0}


async def test_an_operator_that_renders_differently_rolls_no_pods(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout, revision, name = await made(lab)
    before = (await lab.live(DEPLOYMENT, name))["spec"]["template"]
    render_pod = render.pod_template

    def newer(rollout: ModelRollout, revision: Revision) -> dict[str, Any]:
        template = render_pod(rollout, revision)
        template["spec"]["terminationGracePeriodSeconds"] = 99
        return template

    monkeypatch.setattr(render, "pod_template", newer)
    lab.restart()
    await lab.refresh()
    await lab.workload.ensure(rollout, revision, 3)
    after = (await lab.live(DEPLOYMENT, name))["spec"]
    assert (after["template"], after["replicas"]) == (before, 3)


async def test_the_ports_of_a_revision_stay_when_the_spec_changes(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    lab.edit(MODEL_ROLLOUT, "digits", {"spec": {"service": {"port": 99}}})
    changed = await read_rollout(lab.client, rollout.key)
    assert changed is not None
    await lab.workload.ensure(changed, revision, 2)
    await lab.workload.serve(changed, revision.hash)
    for service in (name, "digits"):
        assert (await lab.live(SERVICE, service))["spec"]["ports"][0]["port"] == 80


async def test_revisions_come_back_oldest_first_after_a_restart(lab: Lab) -> None:
    rollout, first, _ = await made(lab)
    lab.edit(MODEL_ROLLOUT, "digits", {"spec": {"model": {"version": "2"}}})
    changed = await read_rollout(lab.client, rollout.key)
    assert changed is not None
    second = revision_of(changed.raw_spec)
    await lab.workload.ensure(changed, second, 1)
    lab.restart()
    await lab.refresh()
    assert lab.workload.revisions(changed) == (first, second)


async def test_the_stable_service_follows_and_flips(lab: Lab) -> None:
    rollout, revision, _ = await made(lab)
    await lab.workload.serve(rollout, revision.hash)
    live = await lab.live(SERVICE, "digits")
    assert live["spec"]["selector"][LABEL_REVISION] == revision.hash
    assert LABEL_REVISION not in live["metadata"]["labels"]


async def test_collecting_deletes_all_and_may_be_repeated(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    lab.writes()
    await lab.workload.collect(rollout, revision.hash)
    assert lab.writes() == [("delete", "Deployment"), ("delete", "Service"), ("delete", "ControllerRevision")]
    await lab.refresh()
    await lab.workload.collect(rollout, revision.hash)
    for resource in (DEPLOYMENT, SERVICE, CONTROLLER_REVISION):
        assert await lab.client.get(resource, lab.namespace, name) is None


@pytest.mark.parametrize(
    ("patch", "lost"),
    [
        ([{"op": "replace", "path": "/spec/replicas", "value": 7}], "spec.replicas"),
        (
            [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "other:1"}],
            "spec.template.spec.containers[name=server].image",
        ),
        (
            [{"op": "remove", "path": "/spec/template/spec/containers/0/resources"}],
            "spec.template.spec.containers[name=server].resources",
        ),
    ],
    ids=["replicas", "image", "resources"],
)
async def test_a_deployment_edited_by_hand_is_restored(lab: Lab, patch: list[dict[str, Any]], lost: str) -> None:
    rollout, revision, name = await made(lab)
    before = (await lab.live(DEPLOYMENT, name))["spec"]
    lab.kubectl("patch", "deployment", name, "--type=json", f"--patch={json.dumps(patch)}")
    lab.restart()
    await lab.refresh()
    (drift,) = await lab.workload.ensure(rollout, revision, 2)
    assert (drift.kind, drift.name, drift.fields) == ("Deployment", name, (lost,))
    assert (await lab.live(DEPLOYMENT, name))["spec"] == before
    assert await lab.workload.ensure(rollout, revision, 2) == ()


async def test_a_restart_by_hand_is_no_drift(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    lab.kubectl("rollout", "restart", f"deployment/{name}")
    await lab.refresh()
    lab.writes()
    assert await lab.workload.ensure(rollout, revision, 2) == ()
    assert lab.writes() == []


async def test_deleted_objects_are_made_again_and_reported(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    await lab.workload.serve(rollout, revision.hash)
    lab.kubectl("delete", f"deployment/{name}", f"service/{name}", "service/digits")
    await lab.refresh()
    drifts = [*await lab.workload.ensure(rollout, revision, 2), *await lab.workload.serve(rollout, revision.hash)]
    assert drifts == [Drift("Deployment", name, ()), Drift("Service", name, ()), Drift("Service", "digits", ())]


async def test_pods_without_a_record_can_still_be_stopped(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    lab.kubectl("delete", "controllerrevision", name)
    await lab.refresh()
    await lab.workload.scale(rollout, revision.hash, 0)
    assert (await lab.live(DEPLOYMENT, name))["spec"]["replicas"] == 0


async def test_ready_endpoints_and_crashes_are_observed(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    labels = {LABEL_NAME: "digits", LABEL_REVISION: revision.hash}
    lab.make(
        ENDPOINT_SLICE,
        f"{name}-x",
        metadata={
            "name": f"{name}-x",
            "labels": labels | {LABEL_MANAGED_BY: "modelrollout", "kubernetes.io/service-name": name},
        },
        addressType="IPv4",
        endpoints=[
            {"addresses": ["10.0.0.1"], "conditions": {"ready": True}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": False}},
        ],
    )
    lab.make(
        POD,
        f"{name}-pod",
        metadata={"name": f"{name}-pod", "labels": labels},
        spec={"containers": [{"name": "server", "image": "i"}], "automountServiceAccountToken": False},
    )
    status = {
        "name": "server",
        "image": "i",
        "imageID": "",
        "ready": False,
        "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }
    lab.edit(POD, f"{name}-pod", {"status": {"containerStatuses": [status]}}, "--subresource=status")
    await lab.refresh()
    state = lab.workload.observe(rollout, revision)
    assert (state.replicas, state.ready_endpoints) == (2, 1)
    assert state.crashing == f"container server of pod {name}-pod keeps ending: 4 restarts, last exit code 1 (Error)"


async def problems(lab: Lab, **spec: Any) -> tuple[str, ...]:
    rollout = await lab.rollout(**spec)
    found = await lab.workload.problems(rollout, revision_of(rollout.raw_spec))
    assert [write for write in lab.writes() if write != ("create", "ModelRollout")] == [
        ("create", "Deployment"),
        ("create", "Service"),
    ]
    assert (await lab.client.list(DEPLOYMENT, lab.namespace)).items == ()
    return found


async def test_a_good_template_has_no_problems(lab: Lab) -> None:
    assert await problems(lab) == ()


async def test_a_revision_that_exists_is_not_asked_about_again(lab: Lab) -> None:
    rollout, revision, _ = await made(lab)
    await lab.workload.serve(rollout, revision.hash)
    lab.requests.clear()
    assert await lab.workload.problems(rollout, revision) == ()
    assert lab.requests == []


async def test_all_that_the_api_server_has_against_a_template_is_listed(lab: Lab) -> None:
    found = await problems(
        lab,
        workload=containers(
            SERVER | {"imagePullPolicy": "Sometimes", "resources": {"limits": {"cpu": "-1"}}},
            {"name": "UPPER", "image": "i"},
            restartPolicy="Never",
        ),
    )
    text = "\n".join(found)
    for field in (
        f"{TEMPLATE}.spec.containers[0].imagePullPolicy: ",
        f"{TEMPLATE}.spec.containers[0].resources.limits[cpu]: ",
        f"{TEMPLATE}.spec.containers[1].name: ",
        f"{TEMPLATE}.spec.restartPolicy: ",
    ):
        assert field in text


async def test_all_unknown_fields_of_a_template_are_listed(lab: Lab) -> None:
    rollout = await lab.rollout(workload=containers(SERVER | {"imagee": "i"}, {"name": "b"}, hostNetwrk=True))
    found = await lab.workload.problems(rollout, revision_of(rollout.raw_spec))
    text = "\n".join(found)
    assert f'unknown field "{TEMPLATE}.spec.containers[0].imagee"' in found
    assert f'unknown field "{TEMPLATE}.spec.hostNetwrk"' in found
    assert f"{TEMPLATE}.spec.containers[1].image: " in text


async def test_our_labels_and_a_missing_port_are_reported_together(lab: Lab) -> None:
    workload = {"deployment": {"template": {"metadata": {"labels": {LABEL_REVISION: "mine"}}}}}
    found = await problems(lab, workload=workload, service={"targetPort": "grpc"})
    assert [line.split(":")[0] for line in found] == [f"{TEMPLATE}.metadata.labels", "spec.service.targetPort"]


async def test_names_that_are_taken_are_reported_together(lab: Lab) -> None:
    rollout = await lab.rollout()
    revision = revision_of(rollout.raw_spec)
    name = revision.object_name("digits")
    for service in ("digits", name):
        lab.make(SERVICE, service, spec={"ports": [{"port": 1}]})
    found = await lab.workload.problems(rollout, revision)
    assert len(found) == 2
    assert f"/{name} exists" in found[0]
    assert "/digits exists" in found[1]


async def test_a_users_service_of_the_name_is_left_alone(lab: Lab) -> None:
    rollout, revision, _ = await made(lab)
    lab.make(SERVICE, "digits", spec={"ports": [{"port": 1}]})
    before = await lab.live(SERVICE, "digits")
    with pytest.raises(NameTakenError):
        await lab.workload.serve(rollout, revision.hash)
    assert await lab.live(SERVICE, "digits") == before
