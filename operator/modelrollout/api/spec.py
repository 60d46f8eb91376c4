"""`spec`: what the user declares."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import ConfigDict, Field, field_validator, model_validator

from modelrollout.api.automation import Automation
from modelrollout.api.capacity import Capacity
from modelrollout.api.fallback import Fallback
from modelrollout.api.judgement import Judgement
from modelrollout.api.metrics import Metric
from modelrollout.api.model import LIST_MAP_BY_NAME, APIModel, cel, refuse_repeated
from modelrollout.api.pipeline import UNIQUE_UPSTREAMS, Upstream
from modelrollout.api.preset import PresetName
from modelrollout.api.remembered import remembered
from modelrollout.api.scalars import Duration, Whole
from modelrollout.api.stages import Stage
from modelrollout.api.traffic import Prometheus, Service, Traffic
from modelrollout.api.workload import Model, Workload

UNIQUE_STAGES = "stage names must be unique"
FALLBACK_NEEDS_OWN_ROUTE = (
    "a fallback needs a route that the operator makes: set traffic.gatewayAPI.parentRefs instead of httpRouteRef"
)
ADOPTION_NEEDS_OWN_ROUTE = (
    "an adoption needs a route that the operator makes: set traffic.gatewayAPI.parentRefs instead of httpRouteRef"
)
UNIQUE_METRICS = "metric names must be unique"
ONE_STAND_IN = (
    "set fallback or workload.deployment.adopt, not both: either plays stable until the first revision has passed the "
    "stages"
)
SERVICES_ALONE = (
    "workload.services goes without fallback, httpRouteRef, service.targetPort and service.appProtocol: leave them out"
)
_ADOPTS = "(has(self.workload.deployment) && has(self.workload.deployment.adopt))"


class OnFailure(StrEnum):
    """What harm in an enforced metric does: take the candidate's traffic away, or hold where it is."""

    ROLLBACK = "Rollback"
    HOLD = "Hold"


class DeletionPolicy(StrEnum):
    """What becomes of the version that serves when its ModelRollout is deleted."""

    DELETE = "Delete"
    ORPHAN = "Orphan"


class ModelRolloutSpec(APIModel):
    """A model, what serves it, who carries its traffic, and what must be shown before a new version gets more of it."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("!has(self.fallback) || !has(self.traffic.gatewayAPI.httpRouteRef)", FALLBACK_NEEDS_OWN_ROUTE),
            (f"!{_ADOPTS} || !has(self.traffic.gatewayAPI.httpRouteRef)", ADOPTION_NEEDS_OWN_ROUTE),
            (f"!has(self.fallback) || !{_ADOPTS}", ONE_STAND_IN),
            (
                "!has(self.workload.services) || !(has(self.fallback) || has(self.traffic.gatewayAPI.httpRouteRef)"
                " || has(self.service.targetPort) || has(self.service.appProtocol))",
                SERVICES_ALONE,
            ),
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
    depends_on: tuple[Upstream, ...] = Field(
        (),
        max_length=8,
        json_schema_extra=LIST_MAP_BY_NAME,
        description="ModelRollouts whose models this one's works on: no step is made while one of them moves or fails.",
    )
    metrics: tuple[Metric, ...] = Field(
        (), max_length=32, json_schema_extra=LIST_MAP_BY_NAME, description="What is measured."
    )
    preset: PresetName | None = Field(
        None,
        description="Metrics of a model server, beside those in metrics, which count where both have one of a name; "
        "auto finds out which server it is. Default: auto without metrics, none with.",
    )
    capacity: Capacity | None = Field(
        None, description="Throughput that ready pods must have shown before a weight is raised. Default: none."
    )
    judgement: Judgement = Field(Judgement(), description="How sure a verdict must be.")
    stages: tuple[Stage, ...] = Field(
        min_length=1,
        max_length=20,
        json_schema_extra={
            "x-kubernetes-list-type": "atomic",
            **cel(("self.all(s, self.exists_one(t, t.name == s.name))", UNIQUE_STAGES)),
        },
        description="The way from no traffic to all of it; weights never fall and end at 100.",
    )
    automation: Automation = Field(
        Automation.FULL,
        description="How far the operator acts without a person: HumanOnly, DryRun, Assist, Partial or Full.",
    )
    on_failure: OnFailure = Field(OnFailure.ROLLBACK, description="What harm in an enforced metric does.")
    rollback_window: Duration = Field(
        timedelta(hours=1), description="How long the previous revision stays warm after a promotion."
    )
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.DELETE,
        description="Whether the stable version goes when this is deleted, or, with Orphan, goes on serving.",
    )
    revision_history_limit: Whole = Field(5, ge=0, le=100, description="Older revisions that are kept.")

    @field_validator("stages")
    @classmethod
    def _stages_differ(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        refuse_repeated((stage.name for stage in stages), UNIQUE_STAGES)
        return stages

    @field_validator("depends_on")
    @classmethod
    def _upstreams_differ(cls, upstreams: tuple[Upstream, ...]) -> tuple[Upstream, ...]:
        refuse_repeated((upstream.name for upstream in upstreams), UNIQUE_UPSTREAMS)
        return upstreams

    @field_validator("metrics")
    @classmethod
    def _metrics_differ(cls, metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
        refuse_repeated((metric.name for metric in metrics), UNIQUE_METRICS)
        return metrics

    @model_validator(mode="after")
    def _stand_in_has_a_route(self) -> ModelRolloutSpec:
        if self.fallback is not None and self.traffic.gateway_api.http_route_ref is not None:
            raise ValueError(FALLBACK_NEEDS_OWN_ROUTE)
        if self.workload.adopt is not None and self.traffic.gateway_api.http_route_ref is not None:
            raise ValueError(ADOPTION_NEEDS_OWN_ROUTE)
        return self

    @model_validator(mode="after")
    def _one_stand_in(self) -> ModelRolloutSpec:
        if self.fallback is not None and self.workload.adopt is not None:
            raise ValueError(ONE_STAND_IN)
        return self

    @model_validator(mode="after")
    def _services_fit(self) -> ModelRolloutSpec:
        others = (
            self.fallback,
            self.traffic.gateway_api.http_route_ref,
            self.service.target_port,
            self.service.app_protocol,
        )
        if self.workload.services is not None and any(other is not None for other in others):
            raise ValueError(SERVICES_ALONE)
        return self

    @property
    @remembered
    def stand_in(self) -> Fallback | None:
        """What plays stable until a first revision is: the fallback, or what is adopted."""
        if self.fallback is not None or self.workload.adopt is None:
            return self.fallback
        return self.workload.adopt.stand_in(self.service.port)

    @property
    def foreign_services(self) -> frozenset[str]:
        """Services of the user's in the same namespace whose endpoints decide where traffic may go."""
        stand_in, services = self.stand_in, self.workload.services
        named = frozenset({stand_in.service.name} if stand_in and stand_in.service else ())
        return named if services is None else named | services.names

    @property
    def wanted_preset(self) -> PresetName:
        """Whose metrics are to be judged beside those of the spec; none once they are among them."""
        return self.preset or (PresetName.NONE if self.metrics else PresetName.AUTO)

    @property
    def awaits_preset(self) -> bool:
        """Whether metrics are still to come from a preset."""
        return self.wanted_preset is not PresetName.NONE

    @property
    def enforced_metrics(self) -> tuple[Metric, ...]:
        """Metrics whose verdict can stop or hold a rollout."""
        return tuple(metric for metric in self.metrics if metric.is_enforced)
