"""Replicas that go over to an autoscaler and come back; the autoscaler's controller is played by writing its scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.names import LABEL_NAME, LABEL_REVISION
from modelrollout.api.resource import ModelRollout, parse_spec
from modelrollout.engine.revisions import Revision, revision_of
from modelrollout.engine.scale import Bounds
from modelrollout.kube.apply import Drift
from modelrollout.kube.errors import ConflictError
from modelrollout.kube.resources import AUTOSCALER, DEPLOYMENT
from tests.support.lab import Lab
from tests.support.objects import merged

pytestmark = pytest.mark.component

CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
AUTO = {"autoscaling": {"minReplicas": 2, "maxReplicas": 9, "metrics": [CPU]}}
BOUNDS = Bounds(2, 9)


async def made(lab: Lab, **deployment: Any) -> tuple[ModelRollout, Revision, str]:
    """A revision with three pods and its autoscaler."""
    rollout = await lab.rollout(workload={"deployment": {"replicas": 3} | AUTO | deployment})
    revision = revision_of(rollout.raw_spec)
    await put(lab, rollout, revision, 3)
    return rollout, revision, revision.object_name("digits")


async def put(lab: Lab, rollout: ModelRollout, revision: Revision, replicas: int) -> list[Drift]:
    """As the runtime does."""
    drifts = [*await lab.workload.ensure(rollout, revision, replicas)]
    return [*drifts, *await lab.workload.autoscale(rollout, revision.hash, BOUNDS)]


def without_autoscaling(rollout: ModelRollout, replicas: int) -> ModelRollout:
    raw = merged(dict(rollout.raw_spec), {"workload": {"deployment": {"autoscaling": None, "replicas": replicas}}})
    return replace(rollout, spec=parse_spec(raw), raw_spec=raw)


def autoscale(lab: Lab, name: str, replicas: int) -> None:
    """What the controller of autoscalers does: it writes the scale, as another manager."""
    lab.kubectl("scale", f"deployment/{name}", f"--replicas={replicas}")


async def replicas(lab: Lab, name: str) -> int:
    found: int = (await lab.live(DEPLOYMENT, name))["spec"]["replicas"]
    return found


def owners(deployment: dict[str, Any]) -> Iterator[str]:
    for entry in deployment["metadata"]["managedFields"]:
        if "f:replicas" in entry["fieldsV1"].get("f:spec", {}):
            yield entry["manager"]


async def test_a_revision_has_an_autoscaler_of_its_own(lab: Lab) -> None:
    rollout, revision, name = await made(
        lab, autoscaling=AUTO["autoscaling"] | {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 7}}}
    )
    found = await lab.live(AUTOSCALER, name)
    assert found["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    assert (found["spec"]["minReplicas"], found["spec"]["maxReplicas"]) == (2, 9)
    assert found["spec"]["metrics"] == [CPU]
    assert found["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 7
    assert found["metadata"]["labels"][LABEL_NAME] == "digits"
    assert found["metadata"]["labels"][LABEL_REVISION] == revision.hash
    assert found["metadata"]["ownerReferences"][0]["uid"] == rollout.uid


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "after a restart"])
async def test_what_is_so_already_is_not_written(lab: Lab, *, restarted: bool) -> None:
    rollout, revision, _ = await made(lab)
    if restarted:
        lab.restart()
    await lab.refresh()
    lab.requests.clear()
    assert await put(lab, rollout, revision, 3) == []
    assert lab.requests == []


async def test_replicas_stay_ours_until_the_autoscaler_sets_them(lab: Lab) -> None:
    """Left out before, they would become 1."""
    rollout, revision, name = await made(lab)
    await lab.refresh()
    await put(lab, rollout, revision, 3)
    deployment = await lab.live(DEPLOYMENT, name)
    assert (deployment["spec"]["replicas"], list(owners(deployment))) == (3, ["modelrollout"])


async def test_replicas_go_over_without_a_dip_and_are_no_drift(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    autoscale(lab, name, 7)
    await lab.refresh()
    assert await put(lab, rollout, revision, 7) == []
    autoscale(lab, name, 5)
    await lab.refresh()
    assert await put(lab, rollout, revision, 5) == []
    deployment = await lab.live(DEPLOYMENT, name)
    assert (deployment["spec"]["replicas"], list(owners(deployment))) == (5, ["kubectl"])
    lab.restart()
    await lab.refresh()
    lab.requests.clear()
    assert await put(lab, rollout, revision, 5) == []
    assert lab.requests == []


async def test_a_number_that_the_autoscaler_has_set_meanwhile_is_not_undone(lab: Lab) -> None:
    """The cache still shows three; the autoscaler has made seven of them."""
    rollout, revision, name = await made(lab)
    await lab.refresh()
    autoscale(lab, name, 7)
    with pytest.raises(ConflictError):
        await put(lab, rollout, revision, 4)
    assert await replicas(lab, name) == 7


async def test_replicas_come_back_without_a_dip(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    autoscale(lab, name, 7)
    await lab.refresh()
    await put(lab, rollout, revision, 7)
    plain = without_autoscaling(rollout, 6)
    lab.writes()
    await lab.workload.autoscale(plain, revision.hash, None)
    assert await lab.workload.ensure(plain, revision, 6) == ()
    assert lab.writes() == [("delete", "HorizontalPodAutoscaler"), ("patch", "Deployment")]
    deployment = await lab.live(DEPLOYMENT, name)
    assert (deployment["spec"]["replicas"], list(owners(deployment))) == (6, ["modelrollout"])
    assert await lab.client.get(AUTOSCALER, lab.namespace, name) is None
    lab.requests.clear()
    await lab.workload.autoscale(plain, revision.hash, None)
    assert await lab.workload.ensure(plain, revision, 6) == ()
    assert lab.requests == []


async def test_what_stops_loses_its_autoscaler_first(lab: Lab) -> None:
    """One over a Deployment with 0 replicas is idle for ever, and one with a minimum would start them again."""
    rollout, revision, name = await made(lab)
    autoscale(lab, name, 7)
    await lab.refresh()
    lab.writes()
    await lab.workload.scale(rollout, revision.hash, 0)
    assert lab.writes() == [("delete", "HorizontalPodAutoscaler"), ("patch", "Deployment")]
    assert await replicas(lab, name) == 0


async def test_what_starts_again_is_ours_until_it_is_autoscaled(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    autoscale(lab, name, 7)
    await lab.refresh()
    await lab.workload.scale(rollout, revision.hash, 0)
    await lab.refresh()
    await put(lab, rollout, revision, 4)
    assert await replicas(lab, name) == 4
    assert await lab.live(AUTOSCALER, name)


async def test_bounds_follow_the_decision_and_nothing_else_is_touched(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    before = (await lab.live(AUTOSCALER, name))["spec"]
    lab.writes()
    assert await lab.workload.autoscale(rollout, revision.hash, Bounds(5, 9)) == ()
    assert lab.writes() == [("patch", "HorizontalPodAutoscaler")]
    assert (await lab.live(AUTOSCALER, name))["spec"] == before | {"minReplicas": 5}


async def test_an_autoscaler_changed_or_deleted_by_hand_comes_back(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    lab.edit(AUTOSCALER, name, {"spec": {"minReplicas": 1}})
    await lab.refresh()
    (drift,) = await put(lab, rollout, revision, 3)
    assert (drift.kind, drift.fields) == ("HorizontalPodAutoscaler", ("spec.minReplicas",))
    lab.kubectl("delete", AUTOSCALER.full_name, name)
    await lab.refresh()
    assert await put(lab, rollout, revision, 3) == [Drift("HorizontalPodAutoscaler", name, ())]
    assert (await lab.live(AUTOSCALER, name))["spec"]["minReplicas"] == 2


async def test_collecting_deletes_it_too(lab: Lab) -> None:
    rollout, revision, name = await made(lab)
    lab.writes()
    await lab.workload.collect(rollout, revision.hash)
    assert lab.writes()[0] == ("delete", "HorizontalPodAutoscaler")
    assert await lab.client.get(AUTOSCALER, lab.namespace, name) is None


async def test_what_the_api_server_has_against_it_is_said_before_it_is_made(lab: Lab) -> None:
    wrong = CPU | {"type": "Resourc", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}
    rollout = await lab.rollout(workload={"deployment": {"autoscaling": {"maxReplicas": 9, "metrics": [wrong]}}})
    found = await lab.workload.problems(rollout, revision_of(rollout.raw_spec))
    assert found
    assert all(line.startswith("spec.workload.deployment.autoscaling.metrics[0].") for line in found)


async def test_an_autoscaler_that_exists_is_asked_about_again(lab: Lab) -> None:
    rollout, revision, _ = await made(lab)
    assert await lab.workload.problems(rollout, revision) == ()
    raw = merged(
        dict(rollout.raw_spec),
        {"workload": {"deployment": {"autoscaling": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": -1}}}}}},
    )
    edited = replace(rollout, spec=parse_spec(raw), raw_spec=raw)
    (problem,) = await lab.workload.problems(edited, revision)
    assert problem.startswith("spec.workload.deployment.autoscaling.behavior.scaleDown.stabilizationWindowSeconds: ")


async def test_somebody_elses_autoscaler_of_the_name_is_left_alone(lab: Lab) -> None:
    rollout = await lab.rollout(workload={"deployment": AUTO | {"replicas": 3}})
    revision = revision_of(rollout.raw_spec)
    name = revision.object_name("digits")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "mine"}
    lab.make(AUTOSCALER, name, spec={"scaleTargetRef": target, "maxReplicas": 2})
    (problem,) = await lab.workload.problems(rollout, revision)
    assert f"/{name} exists" in problem
