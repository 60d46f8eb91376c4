"""`spec`: what the user declares."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.metrics import Metric
from modelrollout.api.model import LIST_MAP_BY_NAME, APIModel, cel
from modelrollout.api.scalars import Duration
from modelrollout.api.stages import Stage
from modelrollout.api.traffic import Prometheus, Service, Traffic
from modelrollout.api.workload import Model, Workload

UNIQUE_STAGES = "stage names must be unique"


class OnFailure(StrEnum):
    """What harm in an enforced metric does: take the candidate's traffic away, or hold where it is."""

    ROLLBACK = "Rollback"
    HOLD = "Hold"


class ModelRolloutSpec(APIModel):
    """A model, what serves it, who carries its traffic, and what must be shown before a new version gets more of it."""

    model_config = ConfigDict(
        json_schema_extra=cel(("self.stages.all(s, self.stages.exists_one(t, t.name == s.name))", UNIQUE_STAGES))
    )

    model: Model = Field(description="Identity of the model; part of the revision.")
    workload: Workload = Field(description="What serves it.")
    service: Service = Field(description="Port that it serves on; part of the revision.")
    traffic: Traffic = Field(description="Who carries its requests.")
    prometheus: Prometheus | None = Field(None, description="Where metrics are read. Default: the operator's setting.")
    metrics: tuple[Metric, ...] = Field(
        (), max_length=32, json_schema_extra=LIST_MAP_BY_NAME, description="What is measured."
    )
    stages: tuple[Stage, ...] = Field(
        min_length=1,
        max_length=20,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
        description="The way from no traffic to all of it; weights never fall and end at 100.",
    )
    on_failure: OnFailure = Field(OnFailure.ROLLBACK, description="What harm in an enforced metric does.")
    rollback_window: Duration = Field(
        timedelta(hours=1), description="How long the previous revision stays warm after a promotion."
    )
    revision_history_limit: int = Field(5, ge=0, le=100, description="Older revisions that are kept.")

    @model_validator(mode="after")
    def _consistent(self) -> ModelRolloutSpec:
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(UNIQUE_STAGES)
        if len({metric.name for metric in self.metrics}) != len(self.metrics):
            raise ValueError("metric names must be unique")
        return self

    @property
    def enforced_metrics(self) -> tuple[Metric, ...]:
        """Metrics whose verdict can stop or hold a rollout."""
        return tuple(metric for metric in self.metrics if metric.is_enforced)
