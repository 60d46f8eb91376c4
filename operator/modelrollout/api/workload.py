"""`spec.model` and `spec.workload`: what serves."""

from __future__ import annotations

from datetime import timedelta

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.adopt import Adopt
from modelrollout.api.gates import Warmup
from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import Duration, Preserved, Whole
from modelrollout.api.scaling import PODS_MAX, REPLICAS_INSIDE_RULE, REPLICAS_OUTSIDE, Autoscaling
from modelrollout.api.services import Services

ONE_KIND = "set exactly one of deployment, and services for what somebody else deploys"
KIND_STAYS = "to change between deployment and services make another ModelRollout"


class Model(APIModel):
    """The model's identity as people know it; part of the revision."""

    name: str = Field(min_length=1, max_length=253, description="Name of the model.")
    version: str = Field(min_length=1, max_length=63, description="Version of the model, shown by kubectl get.")
    uri: str | None = Field(None, max_length=2048, description="Where the model comes from, for people and tools.")
    trial: str | None = Field(
        None,
        min_length=1,
        max_length=63,
        description="Any text: with a new one the same model is rolled out beside itself (A/A); a rollback of it is a "
        "false alarm.",
    )


class Deployment(APIModel):
    """One Deployment per revision, made by the operator."""

    model_config = ConfigDict(json_schema_extra=cel((REPLICAS_INSIDE_RULE, REPLICAS_OUTSIDE)))

    replicas: Whole = Field(
        1,
        ge=1,
        le=PODS_MAX,
        description="Pods per revision; with autoscaling, pods that it starts with. Default: 1, or minReplicas.",
    )
    template: Preserved = Field(description="PodTemplateSpec, kept as given. Part of the revision.")
    progress_deadline: Duration = Field(
        timedelta(minutes=10), description="How long a candidate may take to become ready, model loading included."
    )
    drain: Duration = Field(
        timedelta(seconds=30),
        description="How long a revision keeps its pods after the gateway has accepted a route without it.",
    )
    warmup: Warmup | None = Field(
        None, description="Requests to a candidate that is ready, before its first stage; metrics do not count them."
    )
    scale_with_weight: bool = Field(
        default=False,
        description="Give the candidate pods in proportion to its weight, ready before the weight rises.",
    )
    autoscaling: Autoscaling | None = Field(None, description="Let load decide how many pods a revision has.")
    adopt: Adopt | None = Field(
        None,
        description="A Deployment that serves already: it plays stable until the first revision has passed the stages.",
    )
    track_config: bool = Field(
        default=False,
        description="Make the ConfigMaps and Secrets that the template names part of the revision, from their next"
        " change on.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Deployment:
        scaler = self.autoscaling
        if scaler is not None and not scaler.min_replicas <= self.start_size <= scaler.max_replicas:
            raise ValueError(REPLICAS_OUTSIDE)
        return self

    @property
    def start_size(self) -> int:
        """Pods that a revision starts with."""
        if self.autoscaling is not None and "replicas" not in self.model_fields_set:
            return self.autoscaling.min_replicas
        return self.replicas


class Workload(APIModel):
    """What serves the model."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("has(self.deployment) != has(self.services)", ONE_KIND),
            ("has(self.deployment) == has(oldSelf.deployment)", KIND_STAYS),
        )
    )

    deployment: Deployment | None = Field(None, description="Pods made from a template.")
    services: Services | None = Field(None, description="Versions that somebody else deploys.")

    @model_validator(mode="after")
    def _one_kind(self) -> Workload:
        if (self.deployment is None) == (self.services is None):
            raise ValueError(ONE_KIND)
        return self

    @property
    def adopt(self) -> Adopt | None:
        """What serves already, and plays stable until the first revision is."""
        return self.deployment.adopt if self.deployment is not None else None

    @property
    def replicas(self) -> int:
        """Pods that a revision needs to answer all requests; with autoscaling, pods that it starts with.

        One endpoint where others deploy: those that there are is what `engine.scale` asks for then.
        """
        return self.deployment.start_size if self.deployment is not None else 1

    @property
    def scales_with_weight(self) -> bool:
        """Whether a candidate has only the pods that its weight needs."""
        return self.deployment is not None and self.deployment.scale_with_weight

    @property
    def tracks_config(self) -> bool:
        """Whether ConfigMaps and Secrets are part of the revision."""
        return self.deployment is not None and self.deployment.track_config

    @property
    def autoscaling(self) -> Autoscaling | None:
        """How load decides how many pods a revision has, or None."""
        return self.deployment.autoscaling if self.deployment is not None else None

    @property
    def progress_deadline(self) -> timedelta:
        """How long a candidate may take to become ready."""
        if self.services is not None:
            return self.services.progress_deadline
        assert self.deployment is not None  # noqa: S101 - exactly one is set
        return self.deployment.progress_deadline

    @property
    def drain(self) -> timedelta:
        """How long a revision keeps its pods after its traffic has gone; no time at all where others scale them."""
        return self.deployment.drain if self.deployment is not None else timedelta(0)

    @property
    def warmup(self) -> Warmup | None:
        """What is done to a candidate that is ready before anybody else uses it."""
        return self.deployment.warmup if self.deployment is not None else None
