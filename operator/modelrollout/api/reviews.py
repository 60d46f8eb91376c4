"""What became of metrics that stop nothing: `status.reviews`, and what an attempt remembers for it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from modelrollout.api.metrics import Mode
from modelrollout.api.model import APIModel


class Fired(APIModel):
    """A metric that stops nothing and would have."""

    metric: str = Field(max_length=63, description="Its name.")
    at: datetime = Field(description="When it was first seen to.")
    stage: str = Field(max_length=63, description="In which stage.")


class MetricReview(APIModel):
    """What a metric with mode Warn or Observe would have done in the rollouts that have ended since it was written."""

    metric: str = Field(max_length=63, description="Its name.")
    mode: Mode = Field(description="What it does when it fails.")
    digest: str = Field(max_length=16, description="Of its definition: an edited metric is counted anew.")
    rollouts: int = Field(0, ge=0, description="Rollouts that have ended and that it was judged in.")
    fired: int = Field(0, ge=0, description="In how many of them it would have fired.")
    ahead: int = Field(0, ge=0, description="In how many of these sooner than what is enforced.")
    alone: int = Field(0, ge=0, description="In how many of these while nothing that is enforced did.")
    missed: int = Field(0, ge=0, description="In how many it did not, and something that is enforced did.")
    last: str = Field("", max_length=200, description="What it would have done in the last one.")
    advice: str = Field("", max_length=200, description="Whether it adds anything, or can be pruned.")
