"""The ways that a rollout goes in many lives: what its spec has beside the usual, who acts, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from modelrollout.api.names import LABEL_NAME, LABEL_REVISION
from modelrollout.kube.caches import OURS
from modelrollout.kube.client import KubeClient, PatchType
from modelrollout.kube.resources import AUTOSCALER, DEPLOYMENT, JOB, POD, Object, Resource
from tests.support.job_controller import ending
from tests.support.watches import Missed, Watches

SHARE: Final = 20
"""Of the candidate in its canary, in percent."""


@dataclass(frozen=True, slots=True)
class Way:
    """One of them.

    Attributes:
        harm_at: the weight at which the candidate shows harm.
        ends: the phase in the end.
        spec: a merge patch on the usual spec.
        kinds: what is watched beside what every rollout has.
        loads: whether the candidate's pods become ready; a container of one that does not keeps ending.
    """

    harm_at: int | None = None
    ends: str = "Succeeded"
    spec: Mapping[str, Any] = field(default_factory=dict)
    kinds: tuple[Resource, ...] = ()
    loads: bool = True


GATE: Final[Mapping[str, Any]] = {
    "name": "smoke",
    "job": {"template": {"spec": {"containers": [{"name": "smoke", "image": "localhost/smoke:1"}]}}},
}
PROMOTE: Final = Way()
ROLLBACK: Final = Way(harm_at=SHARE, ends="RolledBack")
GATED: Final = Way(
    spec={
        "stages": [
            {"name": "canary", "weight": SHARE, "duration": "1s", "pre": [GATE], "post": [GATE]},
            {"name": "full", "weight": 100, "duration": "1s"},
        ]
    },
    kinds=(JOB, POD),
)
AUTOSCALED: Final = Way(
    spec={"workload": {"deployment": {"autoscaling": {"minReplicas": 1, "maxReplicas": 3}}}}, kinds=(AUTOSCALER,)
)
CRASHING: Final = Way(ends="RolledBack", kinds=(POD,), loads=False)


DELETED_JOB: Final = Missed(JOB, "2")


async def act(way: Way, client: KubeClient, watches: Watches, candidate: str) -> bool:
    """Who else acts: a Job controller, and a kubelet whose container keeps ending.

    Args:
        candidate: name of its Deployment.

    Returns:
        whether they did anything.
    """
    ran = JOB in way.kinds and await _run_jobs(client, watches)
    return ran or (not way.loads and await _crash(client, watches.namespace, candidate))


async def _run_jobs(client: KubeClient, watches: Watches) -> bool:
    """Every Job ends well; but somebody deletes one while it runs, where such a deletion is to be missed."""
    acted = False
    for job in (await client.list(JOB, watches.namespace, label_selector=OURS)).items:
        if job.get("status", {}).get("conditions"):
            continue
        name, acted = job["metadata"]["name"], True
        if watches.missed == DELETED_JOB and not watches.deleted:
            watches.deleted = True
            await client.delete(JOB, watches.namespace, name, uid=job["metadata"]["uid"])
            continue
        await client.patch(JOB, watches.namespace, name, ending(), PatchType.MERGE, subresource="status")
    return acted


async def _crash(client: KubeClient, namespace: str, deployment: str) -> bool:
    """The pod of a Deployment, if there is one, keeps ending."""
    name = f"{deployment}-0"
    if (
        await client.get(DEPLOYMENT, namespace, deployment) is None
        or await client.get(POD, namespace, name) is not None
    ):
        return False
    labels = {LABEL_NAME: "digits", LABEL_REVISION: deployment.removeprefix("digits-")}
    spec = {"containers": [{"name": "server", "image": "i:2"}], "automountServiceAccountToken": False}
    body: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": spec,
    }
    await client.create(POD, body)
    container = {
        "name": "server",
        "image": "i:2",
        "imageID": "",
        "ready": False,
        "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
    }
    shown: Object = {"status": {"containerStatuses": [container]}}
    await client.patch(POD, namespace, name, shown, PatchType.MERGE, subresource="status")
    return True
