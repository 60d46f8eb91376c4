"""The Job of a gate, and what a gate is told of its rollout. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from modelrollout.api.gates import GateJob
from modelrollout.api.names import LABEL_NAME, LABEL_REVISION
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import AttemptStatus
from modelrollout.engine.intent import live_weight
from modelrollout.engine.revisions import Revision, object_name
from modelrollout.engine.rounds import Due
from modelrollout.kube.apply import owned
from modelrollout.kube.resources import JOB, Object

PREFIX: Final = "MODELROLLOUT_"
KEPT: Final = timedelta(hours=1)
"""How long a Job that has ended stays, for those who want to read its whole log."""
GRACE: Final = timedelta(minutes=1)
"""After a gate's timeout: then Kubernetes ends the Job itself, if there is no operator to do it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Whom a gate is about.

    Attributes:
        port: of its Service.
        service: name of it.
    """

    rollout: ModelRollout
    attempt: AttemptStatus
    port: int
    service: str

    @property
    def address(self) -> str:
        """Host and port of its Service, from any pod of the cluster."""
        return f"{self.service}.{self.rollout.key.namespace}.svc:{self.port}"


def candidate_of(rollout: ModelRollout, attempt: AttemptStatus, revision: Revision | None) -> Candidate:
    """Whom the gates of an attempt are about.

    Args:
        revision: the candidate's; where it is lost, the port is that of the manifest.
    """
    port = rollout.spec.service.port if revision is None or not revision.input else revision.parsed()["service"]["port"]
    behind = None if revision is None else revision.service
    return Candidate(rollout, attempt, int(port), behind or object_name(rollout.key.name, attempt.revision))


def facts(candidate: Candidate, due: Due) -> dict[str, str]:
    """What every gate is told, by name."""
    rollout, attempt = candidate.rollout, candidate.attempt
    stable = rollout.status.stable
    return {
        "namespace": rollout.key.namespace,
        "name": rollout.key.name,
        "revision": attempt.revision,
        "version": attempt.version,
        "stableRevision": stable.revision if stable else "",
        "stableVersion": stable.version if stable else "",
        "service": candidate.address,
        "stage": due.stage or "",
        "gate": due.name,
        "when": due.when.value,
        "weight": str(live_weight(rollout.status)),
    }


def job_name(rollout: ModelRollout, run: str) -> str:
    """Name of the Job of a run. No revision is named so: nothing that goes by a revision's name finds its pods."""
    return object_name(rollout.key.name, run)


def job(candidate: Candidate, due: Due, wanted: GateJob) -> Object:
    """The Job of one run of a gate.

    Its pod has the ModelRollout's label and not the revision's: nothing that selects a revision's pods may find it.
    """
    rollout = candidate.rollout
    environment = [{"name": name, "value": value} for name, value in _environment(candidate, due)]
    template: Object = json.loads(json.dumps(wanted.template))
    metadata = _mapping(template.get("metadata"))
    labels = _mapping(metadata.get("labels")) | {LABEL_NAME: rollout.key.name}
    pod = {"restartPolicy": "Never"} | _mapping(template.get("spec"))
    for containers in ("initContainers", "containers"):
        if isinstance(pod.get(containers), list):
            pod[containers] = [_told(container, environment) for container in pod[containers]]
    spec: Object = {
        "backoffLimit": wanted.retries,
        "activeDeadlineSeconds": max(1, round((due.timeout + GRACE).total_seconds())),
        "ttlSecondsAfterFinished": round(KEPT.total_seconds()),
        "template": template | {"metadata": metadata | {"labels": labels}, "spec": pod},
    }
    if pod["restartPolicy"] == "Never":
        # A node that is drained says nothing of the candidate.
        rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
        spec["podFailurePolicy"] = {"rules": [rule]}
    name = job_name(rollout, due.run)
    return owned(rollout, JOB, name, {"spec": spec}, revision=candidate.attempt.revision)


def job_problems(path: str, wanted: GateJob) -> Iterator[str]:
    """Labels in a Job's template that would make its pod one of a revision's."""
    labels = _mapping(_mapping(wanted.template.get("metadata")).get("labels"))
    for label in (LABEL_NAME, LABEL_REVISION):
        if label in labels:
            yield f"{path}.job.template.metadata.labels: {label} tells whose a pod is; remove it, the operator sets it"


def _environment(candidate: Candidate, due: Due) -> Iterator[tuple[str, str]]:
    for name, value in facts(candidate, due).items():
        yield PREFIX + "".join(f"_{letter}" if letter.isupper() else letter for letter in name).upper(), value


def _told(container: Any, environment: list[dict[str, str]]) -> Any:
    """The container with our variables before the user's, which may use them; one of the same name is the user's."""
    if not isinstance(container, Mapping):
        return container
    own = container.get("env")
    mine: list[Any] = own if isinstance(own, list) else []
    taken = {entry.get("name") for entry in mine if isinstance(entry, Mapping)}
    return {**container, "env": [*(entry for entry in environment if entry["name"] not in taken), *mine]}


def _mapping(value: object) -> dict[str, Any]:
    """The value, or nothing where a user wrote something else: the API server says what is missing then."""
    return value if isinstance(value, dict) else {}
