from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.names import ANNOTATION_APPLIED, LABEL_NAME
from modelrollout.api.resource import ModelRollout
from modelrollout.kube.apply import Drift, owned
from modelrollout.kube.errors import ConflictError, NameTakenError
from modelrollout.kube.resources import DEPLOYMENT, MODEL_ROLLOUT, SERVICE, Object
from tests.support.lab import Lab

pytestmark = pytest.mark.component


def service(rollout: ModelRollout, port: int = 80, name: str = "digits") -> Object:
    spec = {"selector": {"app": "x"}, "ports": [{"name": "http", "port": port}]}
    return owned(rollout, SERVICE, name, {"spec": spec})


async def test_the_first_write_owns_labels_and_annotates(lab: Lab) -> None:
    rollout = await lab.rollout()
    assert await lab.applier.write(rollout, SERVICE, service(rollout)) is None
    metadata = (await lab.live(SERVICE, "digits"))["metadata"]
    assert metadata["labels"][LABEL_NAME] == "digits"
    assert metadata["annotations"][ANNOTATION_APPLIED]
    (owner,) = metadata["ownerReferences"]
    assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == (rollout.uid, True, True)


@pytest.mark.parametrize("restarted", [False, True], ids=["same process", "after a restart"])
async def test_what_is_so_already_is_not_written(lab: Lab, *, restarted: bool) -> None:
    rollout = await lab.rollout()
    await lab.applier.write(rollout, SERVICE, service(rollout))
    if restarted:
        lab.restart()
        await lab.refresh()
    lab.writes()
    assert await lab.applier.write(rollout, SERVICE, service(rollout)) is None
    assert lab.writes() == []


async def test_what_we_want_differently_is_written_and_is_no_drift(lab: Lab) -> None:
    rollout = await lab.rollout()
    await lab.applier.write(rollout, SERVICE, service(rollout))
    assert await lab.applier.write(rollout, SERVICE, service(rollout, port=81)) is None
    assert [port["port"] for port in (await lab.live(SERVICE, "digits"))["spec"]["ports"]] == [81]


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        ({"spec": {"selector": {"app": "mine"}}}, "spec.selector"),
        ({"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 9}]}}, None),
        ({"spec": {"ports": [{"name": "http", "port": 8}]}}, "spec.ports"),
        ({"metadata": {"annotations": {ANNOTATION_APPLIED: None}}}, None),
    ],
    ids=["selector", "a port we left to its default", "port", "hash"],
)
async def test_a_change_by_hand_is_seen_and_restored(lab: Lab, patch: dict[str, Any], field: str | None) -> None:
    rollout = await lab.rollout()
    await lab.applier.write(rollout, SERVICE, service(rollout))
    lab.edit(SERVICE, "digits", patch)
    lab.restart()
    await lab.refresh()
    drift = await lab.applier.write(rollout, SERVICE, service(rollout))
    assert (drift.fields if drift else None) == ((field,) if field else None)
    live = await lab.live(SERVICE, "digits")
    assert live["spec"]["selector"] == {"app": "x"}
    assert [port["port"] for port in live["spec"]["ports"]] == [80]
    lab.writes()
    assert await lab.applier.write(rollout, SERVICE, service(rollout)) is None
    assert lab.writes() == []


async def test_drift_names_who_may_have_done_it(lab: Lab) -> None:
    rollout = await lab.rollout()
    await lab.applier.write(rollout, SERVICE, service(rollout))
    lab.edit(SERVICE, "digits", {"spec": {"selector": {"app": "mine"}}}, "--field-manager=somebody")
    await lab.refresh()
    drift = await lab.applier.write(rollout, SERVICE, service(rollout))
    assert drift == Drift("Service", "digits", ("spec.selector",), ("somebody",))
    assert drift.text == "Service digits: spec.selector changed by somebody"


async def test_a_deleted_object_is_made_again_and_reported(lab: Lab) -> None:
    rollout = await lab.rollout()
    await lab.applier.write(rollout, SERVICE, service(rollout))
    lab.kubectl("delete", "service", "digits")
    await lab.refresh()
    assert await lab.applier.write(rollout, SERVICE, service(rollout)) == Drift("Service", "digits", ())
    await lab.live(SERVICE, "digits")


async def test_a_users_object_of_the_name_is_left_alone(lab: Lab) -> None:
    rollout = await lab.rollout()
    lab.make(SERVICE, "digits", spec={"ports": [{"port": 1234}]})
    before = await lab.live(SERVICE, "digits")
    with pytest.raises(NameTakenError, match=r"Service .*/digits exists and is controlled by nobody.*metadata\.name"):
        await lab.applier.write(rollout, SERVICE, service(rollout))
    await lab.applier.delete(rollout, SERVICE, "digits")
    assert await lab.live(SERVICE, "digits") == before


async def test_an_object_that_another_controls_is_left_alone(lab: Lab) -> None:
    other = await lab.rollout("other")
    await lab.applier.write(other, SERVICE, service(other))
    rollout = await lab.rollout()
    with pytest.raises(NameTakenError, match="controlled by ModelRollout other"):
        await lab.applier.write(rollout, SERVICE, service(rollout))


async def test_what_an_earlier_rollout_of_the_name_left_is_waited_for(lab: Lab) -> None:
    earlier = await lab.rollout()
    await lab.applier.write(earlier, SERVICE, service(earlier))
    await lab.client.delete(MODEL_ROLLOUT, lab.namespace, "digits", uid=earlier.uid)
    rollout = await lab.rollout()
    with pytest.raises(ConflictError, match="deleted ModelRollout of this name"):
        await lab.applier.write(rollout, SERVICE, service(rollout))


async def test_an_object_that_was_made_again_since_the_cache_saw_it_is_not_written(lab: Lab) -> None:
    rollout = await lab.rollout()
    await lab.applier.write(rollout, SERVICE, service(rollout))
    lab.kubectl("delete", "service", "digits")
    lab.make(SERVICE, "digits", spec={"ports": [{"port": 1234}]})
    with pytest.raises(ConflictError, match=r"metadata\.uid"):
        await lab.applier.write(rollout, SERVICE, service(rollout, port=81))
    assert LABEL_NAME not in (await lab.live(SERVICE, "digits"))["metadata"].get("labels", {})


async def test_a_users_object_that_appears_in_between_gets_back_what_we_added(lab: Lab) -> None:
    rollout = await lab.rollout()
    lab.make(SERVICE, "digits", spec={"selector": {"app": "x"}, "ports": [{"name": "http", "port": 80}]})
    before = await lab.live(SERVICE, "digits")
    with pytest.raises(ConflictError, match="appeared while it was being made"):
        await lab.applier.create(rollout, SERVICE, service(rollout))
    after = await lab.live(SERVICE, "digits")
    assert after["spec"] == before["spec"]
    assert "ownerReferences" not in after["metadata"]
    assert "labels" not in after["metadata"]


async def test_scaling_by_hand_is_drift(lab: Lab) -> None:
    rollout = await lab.rollout()
    labels = {"app": "x"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1000m"}}}]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    body = owned(rollout, DEPLOYMENT, "digits", {"spec": spec})
    await lab.applier.write(rollout, DEPLOYMENT, body)
    assert await lab.applier.write(rollout, DEPLOYMENT, body) is None
    lab.kubectl("scale", "deployment", "digits", "--replicas=5")
    await lab.refresh()
    drift = await lab.applier.write(rollout, DEPLOYMENT, body)
    assert drift is not None
    assert drift.fields == ("spec.replicas",)
    assert (await lab.live(DEPLOYMENT, "digits"))["spec"]["replicas"] == 2
