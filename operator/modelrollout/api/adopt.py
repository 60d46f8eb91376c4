"""`spec.workload.deployment.adopt`: a Deployment that serves already, and plays stable until the first revision is."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.fallback import Fallback, FallbackService
from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import Port

NAME_MAX: Final = 46
"""Kubernetes cuts the beginning of a pod's name to 58 characters: a Deployment's name, ten of a hash, two dashes."""
SELECTOR_NEEDED: Final = (
    f"names of pods do not hold all of a Deployment's name that is longer than {NAME_MAX} characters: set selector"
)


class Afterwards(StrEnum):
    """What becomes of the adopted Deployment once nothing can go back to it: it stays, or is scaled to 0."""

    KEEP = "Keep"
    SCALE_DOWN = "ScaleDown"


class Adopt(APIModel):
    """A Deployment of the user's and its Service, in the namespace of the ModelRollout."""

    model_config = ConfigDict(
        json_schema_extra=cel((f"has(self.selector) || size(self.deployment) <= {NAME_MAX}", SELECTOR_NEEDED))
    )

    deployment: str = Field(
        min_length=1,
        max_length=253,
        pattern="^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
        description="Name of the Deployment. It is written at most once: see afterwards.",
    )
    service: str = Field(
        min_length=1,
        max_length=63,
        pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$",
        description="Name of the Service that selects its pods. It is never written.",
    )
    port: Port | None = Field(None, description="Port of that Service. Default: spec.service.port.")
    selector: str | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description="Label matchers of its series. Default: pods that are named after the Deployment.",
    )
    afterwards: Afterwards = Field(
        Afterwards.KEEP,
        description="ScaleDown: to 0, once, after a promotion, the rollback window and the drain. Clients that call "
        "its Service by name must have moved by then.",
    )

    @model_validator(mode="after")
    def _selectable(self) -> Adopt:
        if self.selector is None and len(self.deployment) > NAME_MAX:
            raise ValueError(SELECTOR_NEEDED)
        return self

    def stand_in(self, port: int) -> Fallback:
        """It, as what plays stable.

        Args:
            port: of the Service, where none is named.
        """
        service = FallbackService(name=self.service, port=self.port or port)
        return Fallback(service=service, selector=self.selector or pods_of(self.deployment))


def pods_of(deployment: str) -> str:
    """The matcher of a Deployment's pods: its name, the hash of a template, and five characters."""
    return f'pod=~"{deployment.replace(".", "[.]")}-[a-z0-9]+-[a-z0-9]{{5}}"'
