"""Kubernetes' Job controller and kubelet, played by hand: what they would write to a Job and its pod."""

from __future__ import annotations

from typing import Any

from modelrollout.kube.caches import OURS
from modelrollout.kube.resources import JOB, POD, Object
from modelrollout.kube.views import LABEL_JOB
from tests.support.playground import Playground
from tests.support.waiting import eventually

MOMENT = "2026-11-21T10:00:00Z"


async def jobs_of(play: Playground) -> list[Object]:
    """All Jobs of ours, oldest first."""
    items = (await play.client.list(JOB, play.namespace, label_selector=OURS)).items
    return sorted(items, key=lambda item: int(item["metadata"]["resourceVersion"]))


async def until_job(play: Playground, container: str) -> Object:
    """Wait for the Job that runs a container of that name and has not ended."""

    async def there() -> Object | None:
        return next(
            (
                job
                for job in await jobs_of(play)
                if job["spec"]["template"]["spec"]["containers"][0]["name"] == container
                and not job.get("status", {}).get("conditions")
            ),
            None,
        )

    return await eventually(f"a Job that runs {container}", there)


async def make_pod(play: Playground, job: Object, state: dict[str, Any] | None = None, **status: Any) -> None:
    """The pod of a Job, its container in a state, as the kubelet reports it."""
    name, template = f"{job['metadata']['name']}-x", job["spec"]["template"]
    body: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": play.namespace,
            "labels": template["metadata"]["labels"] | {LABEL_JOB: job["metadata"]["name"]},
        },
        "spec": template["spec"] | {"automountServiceAccountToken": False},
    }
    await play.client.create(POD, body)
    container = template["spec"]["containers"][0]
    shown = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": state,
    }
    await play.mark(POD, name, {"status": ({"containerStatuses": [shown]} if state else {}) | status})


def ending(failed: str | None = None, message: str = "") -> Object:
    """Status of a Job that has ended: as complete, or failed for a reason."""
    kinds = ("SuccessCriteriaMet", "Complete") if failed is None else ("FailureTarget", "Failed")
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": failed or "CompletionsReached",
            "message": message,
            "lastTransitionTime": MOMENT,
        }
        for kind in kinds
    ]
    times = {"startTime": MOMENT} | ({"completionTime": MOMENT, "succeeded": 1} if failed is None else {"failed": 1})
    return {"status": {**times, "conditions": conditions}}


async def end(play: Playground, job: Object, *, failed: str | None = None, message: str = "") -> None:
    """The Job has ended: as complete, or failed for a reason."""
    await play.mark(JOB, job["metadata"]["name"], ending(failed, message))
