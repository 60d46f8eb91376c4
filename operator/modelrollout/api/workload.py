"""`spec.model` and `spec.workload`: what serves."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from modelrollout.api.model import APIModel
from modelrollout.api.scalars import Duration, Preserved, Whole


class Model(APIModel):
    """The model's identity as people know it; part of the revision."""

    name: str = Field(min_length=1, max_length=253, description="Name of the model.")
    version: str = Field(min_length=1, max_length=63, description="Version of the model, shown by kubectl get.")
    uri: str | None = Field(None, max_length=2048, description="Where the model comes from, for people and tools.")


class Deployment(APIModel):
    """One Deployment per revision, made by the operator."""

    replicas: Whole = Field(1, ge=1, le=10_000, description="Pods per revision.")
    template: Preserved = Field(description="PodTemplateSpec, kept as given. Part of the revision.")
    progress_deadline: Duration = Field(
        timedelta(minutes=10), description="How long a candidate may take to become ready, model loading included."
    )
    drain: Duration = Field(
        timedelta(seconds=30),
        description="How long a revision keeps its pods after the gateway has accepted a route without it.",
    )


class Workload(APIModel):
    """What serves the model."""

    deployment: Deployment = Field(description="Pods made from a template.")

    @property
    def replicas(self) -> int:
        """Pods that a revision needs to answer all requests."""
        return self.deployment.replicas

    @property
    def progress_deadline(self) -> timedelta:
        """How long a candidate may take to become ready."""
        return self.deployment.progress_deadline

    @property
    def drain(self) -> timedelta:
        """How long a revision keeps its pods after its traffic has gone."""
        return self.deployment.drain
