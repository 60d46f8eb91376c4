"""`spec.dependsOn` and `metrics[].of`: other ModelRollouts of the same namespace."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelrollout.api.model import APIModel
from modelrollout.api.names import NAME_MAX, NAME_PATTERN

UNIQUE_UPSTREAMS = "names in dependsOn must be unique"

RolloutName = Annotated[str, Field(min_length=1, max_length=NAME_MAX, pattern=NAME_PATTERN)]


class Upstream(APIModel):
    """A model whose answers this one works on."""

    name: RolloutName = Field(description="Name of its ModelRollout.")
