"""`spec.metrics[].drift`: whether what the model gets or says is distributed as it was."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import DECIMAL_PATTERN, SCALAR_MAX_LENGTH, Duration, Selector, parse_limit, parse_whole

NO_ORDER: Final = "values of a label have no order: use PSI, JS or ChiSquare"
SNAPSHOT_OR_HISTORY: Final = "a snapshot has no age: set either snapshot, or ago and window"
AGO_BEFORE_WINDOW: Final = "ago must be at least as long as window: the reference lies in the past"
ONLY_WITH_REFERENCE: Final = "reference and onInputDrift need against: Reference"
MAX_ABOVE_ZERO: Final = 'must be a decimal string above 0, such as "0.2"'
NO_CHECK: Final = "drift has a limit of its own: write drift.max instead of check"
WEEK: Final = timedelta(hours=168)
HOUR: Final = timedelta(hours=1)


class DriftMethod(StrEnum):
    """How a drift is measured."""

    PSI = "PSI"
    JS = "JS"
    WASSERSTEIN = "Wasserstein"
    KS = "KS"
    CHI_SQUARE = "ChiSquare"

    @property
    def needs_order(self) -> bool:
        """Whether it is for numbers only."""
        return self in (DriftMethod.WASSERSTEIN, DriftMethod.KS)


class Against(StrEnum):
    """What a distribution is compared with: stable's of the same time, or one from before."""

    STABLE = "Stable"
    REFERENCE = "Reference"


class OnInputDrift(StrEnum):
    """What is done when both revisions have drifted from the reference: said, or the step held."""

    REPORT = "Report"
    PAUSE = "Pause"


USUAL_MAX: Final = {
    DriftMethod.PSI: Decimal("0.2"),
    DriftMethod.JS: Decimal("0.1"),
    DriftMethod.WASSERSTEIN: Decimal("0.1"),
    DriftMethod.KS: Decimal("0.1"),
    DriftMethod.CHI_SQUARE: Decimal("0.3"),
}


def _above_zero(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError(f"{MAX_ABOVE_ZERO}, not {value}")
    return value


_DECIMAL_IN_CEL: Final = DECIMAL_PATTERN.replace("\\", "\\\\")
Distance = Annotated[
    Decimal,
    BeforeValidator(parse_limit),
    AfterValidator(_above_zero),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": SCALAR_MAX_LENGTH,
            **cel((f"self.matches('{_DECIMAL_IN_CEL}') && double(self) > 0.0", MAX_ABOVE_ZERO)),
        }
    ),
]


class Bin(APIModel):
    """One bin of a snapshot."""

    value: str = Field(
        min_length=1, max_length=128, description='Its upper edge, such as "0.5" or "+Inf", or the value of the label.'
    )
    count: Annotated[int, Field(ge=0, le=1_000_000_000_000), BeforeValidator(parse_whole)] = Field(
        description="How many lay in it, and not below it."
    )


class Reference(APIModel):
    """What was usual: the same hour of an earlier week, whichever revision served then, or a snapshot."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("!has(self.snapshot) || (!has(self.ago) && !has(self.window))", SNAPSHOT_OR_HISTORY),
            (
                "has(self.snapshot) || duration(has(self.ago) ? self.ago : '168h') >= "
                "duration(has(self.window) ? self.window : '1h')",
                AGO_BEFORE_WINDOW,
            ),
        )
    )

    ago: Duration | None = Field(None, description="How long ago. Default: 168h, the same hour of last week.")
    window: Duration | None = Field(None, description="How long it lasted. Default: 1h.")
    snapshot: tuple[Bin, ...] | None = Field(
        None,
        min_length=1,
        max_length=200,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["value"]},
        description="Counts of training data, say.",
    )

    @model_validator(mode="after")
    def _one_of(self) -> Reference:
        if self.snapshot is not None and (self.ago is not None or self.window is not None):
            raise ValueError(SNAPSHOT_OR_HISTORY)
        if self.snapshot is None and self.age < self.length:
            raise ValueError(AGO_BEFORE_WINDOW)
        return self

    @property
    def age(self) -> timedelta:
        """How long ago it was."""
        return WEEK if self.ago is None else self.ago

    @property
    def length(self) -> timedelta:
        """How long it lasted."""
        return HOUR if self.window is None else self.window


class Drift(APIModel):
    """A distance between two distributions."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("!has(self.label) || !has(self.method) || !(self.method in ['Wasserstein', 'KS'])", NO_ORDER),
            (
                "(has(self.against) && self.against == 'Reference') || (!has(self.reference) && "
                "!has(self.onInputDrift))",
                ONLY_WITH_REFERENCE,
            ),
        )
    )

    of: Selector = Field(
        description="The buckets of a classic histogram, feature_bucket{$selector}, a native one, feature{$selector}, "
        "or with label a counter, predictions_total{$selector}."
    )
    label: str | None = Field(
        None,
        max_length=63,
        pattern="^[a-zA-Z_][a-zA-Z0-9_]*$",
        description="Label whose values are compared, such as prediction. Default: the buckets of a histogram.",
    )
    method: DriftMethod = Field(DriftMethod.PSI, description="How it is measured.")
    max: Distance | None = Field(
        None,
        description="Largest distance that is still none. Default: 0.2 for PSI, 0.3 for ChiSquare, else 0.1.",
    )
    against: Against = Field(Against.STABLE, description="Stable: the same time. Reference: an earlier one.")
    reference: Reference | None = Field(None, description="The earlier time. Default: the same hour of last week.")
    window: Duration = Field(timedelta(minutes=10), description="How much of the step is compared, its latest part.")
    on_input_drift: OnInputDrift | None = Field(
        None,
        description="Report says that both revisions have drifted from the reference; Pause holds the step as well. "
        "Default: Report.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Drift:
        if self.label is not None and self.method.needs_order:
            raise ValueError(NO_ORDER)
        if self.against is Against.STABLE and (self.reference is not None or self.on_input_drift is not None):
            raise ValueError(ONLY_WITH_REFERENCE)
        return self

    @property
    def pauses(self) -> bool:
        """Whether a drift of the input holds the step."""
        return self.on_input_drift is OnInputDrift.PAUSE

    @property
    def limit(self) -> Decimal:
        """The largest distance that is still none."""
        return USUAL_MAX[self.method] if self.max is None else self.max
