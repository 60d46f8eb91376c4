"""`spec.workload.deployment.autoscaling`: how many pods, by load."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, WithJsonSchema, model_validator

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import Preserved, Whole

PODS_MAX = 10_000
MIN_ABOVE_MAX = "minReplicas must not be above maxReplicas: lower minReplicas or raise maxReplicas"
REPLICAS_OUTSIDE = (
    "with autoscaling, replicas is the number that a revision starts with: set it from autoscaling.minReplicas to"
    " autoscaling.maxReplicas, or leave it out to start with minReplicas"
)
REPLICAS_INSIDE_RULE = (
    "!has(self.autoscaling) || !has(self.replicas) || (self.replicas <= self.autoscaling.maxReplicas"
    " && self.replicas >= (has(self.autoscaling.minReplicas) ? self.autoscaling.minReplicas : 1))"
)

PreservedList = Annotated[
    tuple[dict[str, Any], ...],
    WithJsonSchema(
        {
            "type": "array",
            "maxItems": 32,
            "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "x-kubernetes-list-type": "atomic",
        }
    ),
]


class Autoscaling(APIModel):
    """One HorizontalPodAutoscaler per revision, so that no autoscaler sees two models."""

    model_config = ConfigDict(
        json_schema_extra=cel(("!has(self.minReplicas) || self.minReplicas <= self.maxReplicas", MIN_ABOVE_MAX))
    )

    min_replicas: Whole = Field(1, ge=1, le=PODS_MAX, description="Fewest pods of a revision that serves.")
    max_replicas: Whole = Field(ge=1, le=PODS_MAX, description="Most pods of a revision.")
    metrics: PreservedList = Field((), max_length=32, description="As in autoscaling/v2, kept as given.")
    behavior: Preserved | None = Field(None, description="As in autoscaling/v2, kept as given.")

    @model_validator(mode="after")
    def _consistent(self) -> Autoscaling:
        if self.min_replicas > self.max_replicas:
            raise ValueError(MIN_ABOVE_MAX)
        return self
