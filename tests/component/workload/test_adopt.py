"""What is adopted is looked at before, and written once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.names import KIND, LABEL_REVISION
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.revisions import FALLBACK, revision_of
from modelrollout.kube.resources import DEPLOYMENT, SERVICE
from tests.support.lab import Lab

pytestmark = pytest.mark.component

LABELS = {"app": "prod", "tier": "models"}
ADOPT: dict[str, Any] = {"workload": {"deployment": {"adopt": {"deployment": "prod", "service": "prod"}}}}
FIELD = "spec.workload.deployment.adopt"


def serve(lab: Lab, selector: dict[str, str] | None = None) -> None:
    """Make what somebody has run for long."""
    template: dict[str, Any] = {
        "metadata": {"labels": LABELS},
        "spec": {"containers": [{"name": "server", "image": "i:1"}]},
    }
    lab.make(DEPLOYMENT, "prod", spec={"replicas": 3, "selector": {"matchLabels": LABELS}, "template": template})
    lab.make(
        SERVICE, "prod", spec={"selector": selector or {"app": "prod"}, "ports": [{"port": 80, "targetPort": 8000}]}
    )


async def problems(lab: Lab, rollout: ModelRollout) -> tuple[str, ...]:
    return await lab.workload.problems(rollout, revision_of(rollout.raw_spec))


async def test_what_serves_can_be_adopted(lab: Lab) -> None:
    serve(lab)
    assert await problems(lab, await lab.rollout(**ADOPT)) == ()


async def test_what_does_not_exist_cannot_be_adopted(lab: Lab) -> None:
    (problem,) = await problems(lab, await lab.rollout(**ADOPT))
    assert problem.startswith(f'{FIELD}.deployment: no Deployment "prod" in namespace "{lab.namespace}"; create it')


async def test_a_service_of_other_pods_is_refused(lab: Lab) -> None:
    serve(lab, {"app": "another"})
    (problem,) = await problems(lab, await lab.rollout(**ADOPT))
    assert problem.startswith(f"{FIELD}.service: Service prod does not select the pods of Deployment prod")


async def test_a_revision_of_a_rollout_is_not_adopted(lab: Lab) -> None:
    serve(lab)
    other = await lab.rollout("other")
    owner = {"apiVersion": "modelrollout.io/v1alpha1", "kind": KIND, "name": "other", "uid": other.uid}
    lab.edit(DEPLOYMENT, "prod", {"metadata": {"ownerReferences": [owner | {"controller": True}]}})
    (problem,) = await problems(lab, await lab.rollout(**ADOPT))
    assert problem == f"{FIELD}.deployment: prod belongs to ModelRollout other; name another"


async def test_nobody_asks_once_something_serves(lab: Lab) -> None:
    rollout = await lab.rollout(**ADOPT)
    served = revision_of(rollout.raw_spec).ref
    later = replace(rollout, status=rollout.status.model_copy(update={"stable": served}))
    assert await problems(lab, later) == ()


async def test_clients_inside_the_cluster_go_back_to_it(lab: Lab) -> None:
    """A revision was stable, and a person goes back: Service `<name>` selects the adopted pods, on its own port."""
    serve(lab)
    rollout = await lab.rollout(**ADOPT)
    revision = revision_of(rollout.raw_spec)
    await lab.workload.ensure(rollout, revision, 1)
    await lab.workload.serve(rollout, revision.hash)
    assert lab.workload.served(rollout) == revision.hash

    await lab.workload.serve(rollout, FALLBACK)
    service = (await lab.live(SERVICE, "digits"))["spec"]
    assert service["selector"] == {"app": "prod"}
    assert [(port["port"], port["targetPort"]) for port in service["ports"]] == [(80, 8000)]
    assert lab.workload.served(rollout) is None
    lab.writes()
    await lab.workload.serve(rollout, FALLBACK)
    assert lab.writes() == [], "it is so already"

    await lab.workload.serve(rollout, revision.hash)
    assert (await lab.live(SERVICE, "digits"))["spec"]["selector"][LABEL_REVISION] == revision.hash


async def test_it_is_scaled_to_nothing_and_otherwise_left_as_it_is(lab: Lab) -> None:
    serve(lab)
    rollout = await lab.rollout(**ADOPT)
    before = await lab.live(DEPLOYMENT, "prod")
    await lab.workload.stop(rollout, "prod")
    after = await lab.live(DEPLOYMENT, "prod")
    assert after["spec"] == before["spec"] | {"replicas": 0}
    assert after["metadata"].get("labels") == before["metadata"].get("labels")
    lab.writes()

    await lab.workload.stop(rollout, "prod")
    assert lab.writes() == [], "it is so already"
    lab.kubectl("delete", "deployment", "prod")
    await lab.workload.stop(rollout, "prod")
    assert lab.writes() == [], "it is gone"
