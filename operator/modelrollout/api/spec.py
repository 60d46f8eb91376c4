"""`spec`: what the user declares."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import ConfigDict, Field, field_validator, model_validator

from modelrollout.api.fallback import Fallback
from modelrollout.api.metrics import Metric
from modelrollout.api.model import LIST_MAP_BY_NAME, APIModel, cel, refuse_repeated
from modelrollout.api.scalars import Duration, Whole
from modelrollout.api.stages import Stage
from modelrollout.api.traffic import Prometheus, Service, Traffic
from modelrollout.api.workload import Model, Workload

UNIQUE_STAGES = "stage names must be unique"
FALLBACK_NEEDS_OWN_ROUTE = (
    "a fallback needs a route that the operator makes: set traffic.gatewayAPI.parentRefs instead of httpRouteRef"
)
UNIQUE_METRICS = "metric names must be unique"


class OnFailure(StrEnum):
    """What harm in an enforced metric does: take the candidate's traffic away, or hold where it is."""

    ROLLBACK = "Rollback"
    HOLD = "Hold"


class ModelRolloutSpec(APIModel):
    """A model, what serves it, who carries its traffic, and what must be shown before a new version gets more of it."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("!has(self.fallback) || !has(self.traffic.gatewayAPI.httpRouteRef)", FALLBACK_NEEDS_OWN_ROUTE),
        )
    )

    model: Model = Field(description="Identity of the model; part of the revision.")
    workload: Workload = Field(description="What serves it.")
    service: Service = Field(description="Port that it serves on; part of the revision.")
    traffic: Traffic = Field(description="Who carries its requests.")
    prometheus: Prometheus | None = Field(None, description="Where metrics are read. Default: the operator's setting.")
    fallback: Fallback | None = Field(
        None,
        description="Who answers until a first revision is stable. With it the first revision runs the stages too.",
    )
    metrics: tuple[Metric, ...] = Field(
        (), max_length=32, json_schema_extra=LIST_MAP_BY_NAME, description="What is measured."
    )
    stages: tuple[Stage, ...] = Field(
        min_length=1,
        max_length=20,
        json_schema_extra={
            "x-kubernetes-list-type": "atomic",
            **cel(("self.all(s, self.exists_one(t, t.name == s.name))", UNIQUE_STAGES)),
        },
        description="The way from no traffic to all of it; weights never fall and end at 100.",
    )
    on_failure: OnFailure = Field(OnFailure.ROLLBACK, description="What harm in an enforced metric does.")
    rollback_window: Duration = Field(
        timedelta(hours=1), description="How long the previous revision stays warm after a promotion."
    )
    revision_history_limit: Whole = Field(5, ge=0, le=100, description="Older revisions that are kept.")

    @field_validator("stages")
    @classmethod
    def _stages_differ(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        refuse_repeated((stage.name for stage in stages), UNIQUE_STAGES)
        return stages

    @field_validator("metrics")
    @classmethod
    def _metrics_differ(cls, metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
        refuse_repeated((metric.name for metric in metrics), UNIQUE_METRICS)
        return metrics

    @model_validator(mode="after")
    def _fallback_has_a_route(self) -> ModelRolloutSpec:
        if self.fallback is not None and self.traffic.gateway_api.http_route_ref is not None:
            raise ValueError(FALLBACK_NEEDS_OWN_ROUTE)
        return self

    @property
    def foreign_services(self) -> frozenset[str]:
        """Services of the user's in the same namespace whose endpoints decide where traffic may go."""
        return frozenset({self.fallback.service.name} if self.fallback and self.fallback.service else ())

    @property
    def enforced_metrics(self) -> tuple[Metric, ...]:
        """Metrics whose verdict can stop or hold a rollout."""
        return tuple(metric for metric in self.metrics if metric.is_enforced)
