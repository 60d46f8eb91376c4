"""Pruned projections of watched objects: what the operator looks at, and no more."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from modelrollout.api.names import (
    ANNOTATION_APPLIED,
    ANNOTATION_LEFT_BY,
    FIELD_MANAGER,
    KIND,
    LABEL_NAME,
    LABEL_REVISION,
)
from modelrollout.api.resource import Key
from modelrollout.engine.behind import group_of
from modelrollout.engine.revisions import Revision

LABEL_JOB = "batch.kubernetes.io/job-name"
"""Of Kubernetes, on the pods of a Job."""

LABEL_SERVICE: Final = "kubernetes.io/service-name"
"""On an EndpointSlice: whose endpoints it has."""


@dataclass(frozen=True, slots=True)
class Meta:
    """What all objects have.

    Attributes:
        rollout: name of the ModelRollout that its label names, or None.
        revision: hash that its label names, or None.
        controller: kind, name and UID of the controlling owner, or None.
        applied_hash: hash of what the operator applied last, from the annotation.
        managed: fields that the operator owns by server-side apply, as fieldsV1 JSON; empty if none.
        others: managers, other than the operator, that own a field of the spec.
        left: whether its ModelRollout is gone and has left it behind.
    """

    namespace: str
    name: str
    uid: str
    rollout: str | None
    revision: str | None
    controller: Controller | None
    created_at: datetime
    generation: int
    applied_hash: str | None
    managed: str
    others: tuple[str, ...]
    resource_version: str = field(compare=False)
    left: bool = False

    def belongs_to(self, name: str, uid: str) -> bool:
        """Whether it is a ModelRollout's, or was left behind by an earlier one of that name."""
        return self.is_controlled_by(uid) or (self.left and self.rollout == name)

    @property
    def key(self) -> Key | None:
        """The ModelRollout that its label names."""
        return Key(self.namespace, self.rollout) if self.rollout else None

    def is_controlled_by(self, uid: str) -> bool:
        """Whether the object of that UID controls it."""
        return self.controller is not None and self.controller.uid == uid


@dataclass(frozen=True, slots=True)
class Controller:
    """The owner that controls an object."""

    kind: str
    name: str
    uid: str

    def is_earlier(self, name: str, uid: str) -> bool:
        """Whether it is a deleted ModelRollout of the same name, whose objects are about to be collected."""
        return self.kind == KIND and self.name == name and self.uid != uid


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A Deployment.

    Attributes:
        scaled_by_others: whether another manager, such as an autoscaler, has set its replicas since we did.
    """

    meta: Meta
    replicas: int
    scaled_by_others: bool = False


@dataclass(frozen=True, slots=True)
class AutoscalerView:
    """A HorizontalPodAutoscaler."""

    meta: Meta


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A Service."""

    meta: Meta
    revision: str | None
    """Hash of the revision that it selects."""


@dataclass(frozen=True, slots=True)
class EndpointSliceView:
    """Part of a Service's endpoints.

    Attributes:
        ready: names of the pods (addresses where there is no pod) that are ready, serving and not terminating. Names,
            because a pod with two address families is in two slices and counts once.
        unready: those that are not ready, and not terminating.
        ready_groups: groups of those that are ready, as `engine.behind` tells them apart.
        groups: of all, also of those that are terminating.
    """

    meta: Meta
    service: str | None
    ready: frozenset[str]
    unready: frozenset[str] = frozenset()
    ready_groups: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ContainerView:
    """The state of one container of a pod.

    Attributes:
        waiting: reason for which it does not run, or None.
        exit_code: of its last end, or None.
        exit_reason: of its last end, such as OOMKilled.
        exit_message: what the kubelet says of it.
    """

    name: str
    restarts: int
    waiting: str | None
    waiting_message: str
    exit_code: int | None
    exit_reason: str
    exit_message: str = ""


@dataclass(frozen=True, slots=True)
class PodView:
    """A pod of a revision, or of a Job of ours.

    Attributes:
        job: name of the Job that made it, or None.
        unschedulable: why no node takes it, or None.
    """

    meta: Meta
    ready: bool
    containers: tuple[ContainerView, ...]
    job: str | None = None
    unschedulable: str | None = None


@dataclass(frozen=True, slots=True)
class JobView:
    """A Job.

    Attributes:
        failed: why it has failed, as one word; None while it has not.
        message: the same in words.
    """

    meta: Meta
    complete: bool
    failed: str | None
    message: str
    suspended: bool
    deleting: bool


@dataclass(frozen=True, slots=True)
class ControllerRevisionView:
    """A stored revision.

    Attributes:
        number: grows with each revision of a ModelRollout.
        template: pod template as it was rendered when the revision was made, as JSON text.
        port: of the revision's Services.
        service: of the user's that it is behind, where there is no template.
    """

    meta: Meta
    revision: Revision
    number: int
    template: str
    port: int
    service: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A Gateway."""

    meta: Meta
    class_name: str
    listeners: tuple[str, ...]
    programmed: bool


@dataclass(frozen=True, slots=True)
class GatewayClassView:
    """A GatewayClass.

    Attributes:
        features: what its implementation says that it supports; None where it says nothing.
    """

    meta: Meta
    controller_name: str
    features: frozenset[str] | None


def meta_of(raw: Mapping[str, Any]) -> Meta:
    """Project `metadata`."""
    metadata = raw["metadata"]
    labels = metadata.get("labels") or {}
    annotations = metadata.get("annotations") or {}
    managed, others = _managers(metadata.get("managedFields") or ())
    return Meta(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata["uid"],
        rollout=labels.get(LABEL_NAME),
        revision=labels.get(LABEL_REVISION),
        controller=_controller(metadata.get("ownerReferences") or ()),
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        generation=metadata.get("generation", 0),
        applied_hash=annotations.get(ANNOTATION_APPLIED),
        managed=managed,
        others=others,
        resource_version=metadata["resourceVersion"],
        left=ANNOTATION_LEFT_BY in annotations and not metadata.get("ownerReferences"),
    )


def deployment_view(raw: Mapping[str, Any]) -> DeploymentView:
    """Project a Deployment."""
    entries = raw["metadata"].get("managedFields") or ()
    others = (entry for entry in entries if entry.get("manager") != FIELD_MANAGER)
    scaled = any("f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}) for entry in others)
    return DeploymentView(meta_of(raw), raw["spec"].get("replicas", 1), scaled)


def autoscaler_view(raw: Mapping[str, Any]) -> AutoscalerView:
    """Project a HorizontalPodAutoscaler."""
    return AutoscalerView(meta_of(raw))


def service_view(raw: Mapping[str, Any]) -> ServiceView:
    """Project a Service."""
    return ServiceView(meta_of(raw), (raw["spec"].get("selector") or {}).get(LABEL_REVISION))


def endpoint_slice_view(raw: Mapping[str, Any]) -> EndpointSliceView:
    """Project an EndpointSlice. Absent conditions read as the API says: ready and serving yes, terminating no."""
    service = (raw["metadata"].get("labels") or {}).get(LABEL_SERVICE)
    ready, unready, ready_groups, groups = set[str](), set[str](), set[str](), set[str]()
    for endpoint in raw.get("endpoints") or ():
        conditions = endpoint.get("conditions") or {}
        able = conditions.get("ready", True) and conditions.get("serving", True)
        leaves = conditions.get("terminating", False)
        target = endpoint.get("targetRef") or {}
        names = [target["name"]] if target.get("name") else endpoint["addresses"]
        found = [group_of(name, target.get("uid")) for name in names]
        groups.update(found)
        if able and not leaves:
            ready.update(names)
            ready_groups.update(found)
        elif not leaves:
            unready.update(names)
    able_groups = frozenset(ready_groups)
    # Mostly the same: there is a slice for each Service of the cluster, and each is kept.
    all_groups = able_groups if groups == ready_groups else frozenset(groups)
    return EndpointSliceView(meta_of(raw), service, frozenset(ready), frozenset(unready), able_groups, all_groups)


def pod_view(raw: Mapping[str, Any]) -> PodView:
    """Project a pod."""
    status = raw.get("status") or {}
    statuses = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    unschedulable = scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"
    return PodView(
        meta=meta_of(raw),
        ready=conditions.get("Ready", {}).get("status") == "True",
        containers=tuple(_container(entry) for entry in statuses),
        job=(raw["metadata"].get("labels") or {}).get(LABEL_JOB),
        unschedulable=scheduled.get("message", "Unschedulable") if unschedulable else None,
    )


def job_view(raw: Mapping[str, Any]) -> JobView:
    """Project a Job."""
    true = {
        entry["type"]: entry for entry in (raw.get("status") or {}).get("conditions") or () if entry["status"] == "True"
    }
    failed = true.get("Failed")
    return JobView(
        meta=meta_of(raw),
        complete="Complete" in true,
        failed=failed.get("reason", "Failed") if failed else None,
        message=failed.get("message", "") if failed else "",
        suspended=bool(raw["spec"].get("suspend")),
        deleting="deletionTimestamp" in raw["metadata"],
    )


def controller_revision_view(raw: Mapping[str, Any]) -> ControllerRevisionView:
    """Project a ControllerRevision of ours."""
    data = raw["data"]
    content = json.loads(data["input"])
    revision = Revision(hash=data["hash"], version=str(content["model"]["version"]), input=data["input"])
    behind = content.get("backend")
    template = json.dumps(data["template"] if behind is None else None)
    return ControllerRevisionView(meta_of(raw), revision, raw["revision"], template, content["service"]["port"], behind)


def gateway_view(raw: Mapping[str, Any]) -> GatewayView:
    """Project a Gateway."""
    conditions = (raw.get("status") or {}).get("conditions") or ()
    programmed = any(entry["type"] == "Programmed" and entry["status"] == "True" for entry in conditions)
    listeners = tuple(entry["name"] for entry in raw["spec"].get("listeners") or ())
    return GatewayView(meta_of(raw), raw["spec"]["gatewayClassName"], listeners, programmed)


def gateway_class_view(raw: Mapping[str, Any]) -> GatewayClassView:
    """Project a GatewayClass. Features were plain strings before Gateway API 1.3 and are objects since."""
    listed = (raw.get("status") or {}).get("supportedFeatures") or ()
    features = frozenset(str(entry["name"] if isinstance(entry, Mapping) else entry) for entry in listed)
    return GatewayClassView(meta_of(raw), raw["spec"]["controllerName"], features or None)


def _container(raw: Mapping[str, Any]) -> ContainerView:
    state, last = raw.get("state") or {}, raw.get("lastState") or {}
    waiting = state.get("waiting") or {}
    ended = state.get("terminated") or last.get("terminated") or {}
    return ContainerView(
        name=raw["name"],
        restarts=raw.get("restartCount", 0),
        waiting=waiting.get("reason"),
        waiting_message=waiting.get("message", ""),
        exit_code=ended.get("exitCode"),
        exit_reason=ended.get("reason", ""),
        exit_message=ended.get("message", ""),
    )


def _controller(references: Iterable[Mapping[str, Any]]) -> Controller | None:
    for reference in references:
        if reference.get("controller"):
            return Controller(reference["kind"], reference["name"], reference["uid"])
    return None


def _managers(entries: Iterable[Mapping[str, Any]]) -> tuple[str, tuple[str, ...]]:
    """Our own fields, and who else owns something in the spec."""
    managed, others = "", set[str]()
    for entry in entries:
        manager, fields = entry.get("manager", ""), entry.get("fieldsV1") or {}
        if manager == FIELD_MANAGER and entry.get("operation") == "Apply" and not entry.get("subresource"):
            # Of the same text for all objects of a kind, or nearly.
            managed = sys.intern(json.dumps(fields, separators=(",", ":")))
        elif manager != FIELD_MANAGER and "f:spec" in fields:
            others.add(manager)
    return managed, tuple(sorted(others))
