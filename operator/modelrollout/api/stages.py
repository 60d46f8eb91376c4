"""`spec.stages`: how far the candidate goes, for how long, and what happens when the evidence stays open."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from modelrollout.api.automation import Approval
from modelrollout.api.gates import UNIQUE_GATES, Gate, Gates
from modelrollout.api.model import APIModel, cel, refuse_repeated
from modelrollout.api.scalars import Duration, Whole, parse_whole

EXACTLY_ONE_KIND = "set exactly one of shadow, preview, weight and ramp"
HOLDBACK_ONLY_FULL = "holdback belongs to a stage of weight 100"
RAMP_HAS_EVERY = "a ramp lasts `every` at each step: leave duration out"


ROLE_OF_SHADOW = (
    "modelRole: Shadow belongs to a stage with shadow, and such a stage has no other: leave it out, or set Shadow "
    "in a shadow stage and Assist, Partial or Full in a stage with weight or ramp"
)


class ModelRole(StrEnum):
    """What the model is trusted to do, as its servers are told."""

    SHADOW = "Shadow"
    ASSIST = "Assist"
    PARTIAL = "Partial"
    FULL = "Full"


class OnInconclusive(StrEnum):
    """What happens when a step has lasted maxDuration and its checks neither pass nor harm."""

    HOLD = "Hold"
    ROLLBACK = "Rollback"
    ADVANCE = "Advance"


class Shadow(APIModel):
    """Mirrored requests: the candidate's answers are used for nothing."""

    percent: Whole = Field(100, ge=1, le=100, description="Share of requests that is mirrored.")


class Preview(APIModel):
    """The candidate at full size, without live requests, on Service `<name>-preview` of the ModelRollout."""

    hostnames: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] | None = Field(
        None,
        min_length=1,
        max_length=16,
        description="Hosts that an HTTPRoute of its own answers for, on the same Gateways. Default: no such route.",
    )


class Ramp(APIModel):
    """Weights that rise in equal steps."""

    to: Whole = Field(ge=1, le=100, description="Weight of the last step.")
    step: Whole = Field(ge=1, le=100, description="How much each step adds.")
    every: Duration = Field(description="How long each step lasts at least.")


class Stage(APIModel):
    """One entry of the way from no traffic to all of it."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "(has(self.shadow) ? 1 : 0) + (has(self.preview) ? 1 : 0) + (has(self.weight) ? 1 : 0) + "
                "(has(self.ramp) ? 1 : 0) == 1",
                EXACTLY_ONE_KIND,
            ),
            ("!has(self.holdback) || (has(self.weight) && self.weight == 100)", HOLDBACK_ONLY_FULL),
            ("!has(self.ramp) || !has(self.duration)", RAMP_HAS_EVERY),
            (
                "!has(self.modelRole) || has(self.preview) || has(self.shadow) == (self.modelRole == 'Shadow')",
                ROLE_OF_SHADOW,
            ),
        )
    )

    name: str = Field(min_length=1, max_length=63, pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$", description="Unique name.")
    shadow: Shadow | None = Field(None, description="Mirror requests to the candidate.")
    preview: Preview | None = Field(None, description="Show the candidate to smoke tests, and to no client.")
    weight: Annotated[int, Field(ge=1, le=100), BeforeValidator(parse_whole)] | None = Field(
        None, description="Percent of live requests that the candidate answers."
    )
    ramp: Ramp | None = Field(None, description="Raise the weight step by step.")
    duration: Duration | None = Field(None, description="How long it lasts at least. Default: 5m.")
    max_duration: Duration = Field(timedelta(hours=24), description="How long a step may wait for its checks to pass.")
    on_inconclusive: OnInconclusive = Field(
        OnInconclusive.HOLD,
        description="What happens after maxDuration: Hold until there is data or a person, Rollback or Advance.",
    )
    approval: Approval = Field(
        Approval.AUTO, description="Manual: each of its steps is left only when a person has approved it."
    )
    holdback: Annotated[int, Field(ge=0, le=50), BeforeValidator(parse_whole)] | None = Field(
        None,
        description="At weight 100: percent that stays on stable until the bake ends, for comparison. Default: 0.",
    )

    pre: Gates = Field((), description="What must succeed before it begins, one after the other.")
    post: Gates = Field((), description="What must succeed, after its checks pass, before the next stage begins.")

    @field_validator("pre", "post")
    @classmethod
    def _gates_differ(cls, gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
        refuse_repeated((gate.name for gate in gates), UNIQUE_GATES)
        return gates

    model_role: ModelRole | None = Field(
        None,
        description="What the model is trusted to do; its servers get it as request header x-modelrollout-role. "
        "Default: as in the stage before.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Stage:
        if sum(kind is not None for kind in (self.shadow, self.preview, self.weight, self.ramp)) != 1:
            raise ValueError(EXACTLY_ONE_KIND)
        if self.holdback is not None and self.weight != 100:
            raise ValueError(HOLDBACK_ONLY_FULL)
        if self.ramp is not None and self.duration is not None:
            raise ValueError(RAMP_HAS_EVERY)
        is_shadow_role = self.model_role is ModelRole.SHADOW
        if self.model_role and self.preview is None and (self.shadow is not None) != is_shadow_role:
            raise ValueError(ROLE_OF_SHADOW)
        return self

    @property
    def is_live(self) -> bool:
        """Whether the candidate's answers reach clients in it."""
        return self.shadow is None and self.preview is None
