"""`metrics[].sliceBy`: the same counters, told apart by a label, so that harm to a few is not lost among the many."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import Limit, Whole

ONLY_FOR_COUNTS: Final = "sliceBy belongs to ratio and histogram: slices are judged on counts"
TARGET_LABELS: Final = ("pod", "instance", "job", "namespace", "le")
NOT_OF_REQUESTS: Final = (
    "slice by a label that says something of requests, such as a class, a tenant or a language: pod, instance, job, "
    "namespace and le do not"
)
LabelName = Annotated[str, Field(min_length=1, max_length=63, pattern="^[a-zA-Z_][a-zA-Z0-9_]*$")]


class SliceBy(APIModel):
    """Slices of a ratio, or of a histogram: each shows harm of its own, and none is needed to pass."""

    model_config = ConfigDict(
        json_schema_extra=cel((f"!(self.label in [{', '.join(map(repr, TARGET_LABELS))}])", NOT_OF_REQUESTS))
    )

    label: LabelName = Field(description="Label of both counters, such as a class, a tenant or a language.")
    max_slices: Whole = Field(
        20,
        ge=2,
        le=50,
        description="Most values that the label may have. With more nothing is judged by slice, and the step holds.",
    )
    min_samples: Whole = Field(
        50, ge=1, le=10_000_000, description="Requests of the candidate that a slice needs to be judged."
    )
    max_gap: Limit | None = Field(
        None, description='How far the candidate\'s rates in two slices may be apart, such as "0.1".'
    )

    @model_validator(mode="after")
    def _of_requests(self) -> SliceBy:
        if self.label in TARGET_LABELS:
            raise ValueError(NOT_OF_REQUESTS)
        return self
