"""`spec.workload.services`: versions that somebody else deploys, each behind a Service of the user's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import Duration

TWO_SERVICES: Final = "candidate must be another Service than stable"
PODS_MAX: Final = 40
"""How many groups of pods behind one Service are told apart; those of one ReplicaSet are one group."""

ServiceName = Annotated[str, Field(min_length=1, max_length=63, pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$")]


class Services(APIModel):
    """Services in the namespace of the ModelRollout. Neither they nor their pods are ever written or scaled."""

    model_config = ConfigDict(
        json_schema_extra=cel(("!has(self.candidate) || self.candidate != self.stable", TWO_SERVICES))
    )

    stable: ServiceName = Field(description="Service that serves now.")
    candidate: ServiceName | None = Field(
        None, description="Service of the version in spec.model. Default: stable has it."
    )
    progress_deadline: Duration = Field(
        timedelta(minutes=10), description="Until when all its endpoints must be ready."
    )

    @model_validator(mode="after")
    def _two(self) -> Services:
        if self.candidate == self.stable:
            raise ValueError(TWO_SERVICES)
        return self

    @property
    def names(self) -> frozenset[str]:
        """Both Services, or the one."""
        return frozenset({self.stable, self.candidate or self.stable})


class ServiceStatus(APIModel):
    """What has been behind the Service of a revision: evidence is about these pods and no others."""

    revision: str = Field(max_length=63, description="Hash of the input.")
    service: str = Field(max_length=63, description="Name of the Service.")
    pods: tuple[str, ...] = Field(
        (), max_length=PODS_MAX, description="A ReplicaSet's, or one and the start of its UID."
    )
    since: datetime = Field(description="Since when it has been these.")
