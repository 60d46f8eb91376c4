"""`metrics[].check`: the limits of a metric, absolute, beside the stable revision, or from what was usual."""

from __future__ import annotations

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.judgement import Confidence
from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import Limit
from modelrollout.api.usual import SETS_MAX, Usual

NO_WORSE_NEEDED = "set ratio, difference or both"
HARM_RATIO_NEEDS = "harmRatio must not be above ratio, which must be set"
HARM_DIFFERENCE_NEEDS = "harmDifference must not be above difference, which must be set"
CONFIDENCE_NEEDS = "confidence is about max and min: set one of them; noWorseThan has a confidence of its own"


class NoWorseThan(APIModel):
    """How much worse than the stable revision the candidate may be.

    The limit is the larger of ratio x stable and stable + difference.
    """

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("has(self.ratio) || has(self.difference)", NO_WORSE_NEEDED),
            (
                "!has(self.harmRatio) || has(self.ratio) && double(self.harmRatio) <= double(self.ratio)",
                HARM_RATIO_NEEDS,
            ),
            (
                "!has(self.harmDifference) || has(self.difference) && "
                "double(self.harmDifference) <= double(self.difference)",
                HARM_DIFFERENCE_NEEDS,
            ),
        )
    )

    ratio: Limit | None = Field(
        None, description='Factor on the stable revision\'s value, such as "1.5". Default: "1".'
    )
    difference: Limit | None = Field(
        None, description="Amount above the stable revision's value, in the metric's unit. Default: \"0\"."
    )
    harm_ratio: Limit | None = Field(
        None, description="Factor from which evidence is harm, at most ratio. Default: ratio."
    )
    harm_difference: Limit | None = Field(
        None, description="Amount from which evidence is harm, at most difference. Default: difference."
    )
    confidence: Confidence | None = Field(
        None, description="Evidence that a pass needs. Default: the estimate within the limit, on minSamples."
    )

    @model_validator(mode="after")
    def _any_of(self) -> NoWorseThan:
        if self.ratio is None and self.difference is None:
            raise ValueError(NO_WORSE_NEEDED)
        return self

    @model_validator(mode="after")
    def _harm_within(self) -> NoWorseThan:
        if self.harm_ratio is not None and (self.ratio is None or self.harm_ratio > self.ratio):
            raise ValueError(HARM_RATIO_NEEDS)
        if self.harm_difference is not None and (self.difference is None or self.harm_difference > self.difference):
            raise ValueError(HARM_DIFFERENCE_NEEDS)
        return self

    @property
    def needs_counts(self) -> bool:
        """Whether it asks for more than values can tell."""
        return any(part is not None for part in (self.harm_ratio, self.harm_difference, self.confidence))


class Check(APIModel):
    """The limits of a metric; all of them must be kept."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("!has(self.confidence) || has(self.max) || has(self.min) || has(self.usual)", CONFIDENCE_NEEDS),
            ("!has(self.usual) || !has(self.max)", SETS_MAX),
        )
    )

    max: Limit | None = Field(None, description="Largest value that is still good.")
    min: Limit | None = Field(None, description="Smallest value that is still good.")
    no_worse_than: NoWorseThan | None = Field(
        None, description="Limit relative to the stable revision in the same ticks."
    )
    usual: Usual | None = Field(
        None, description="Makes max from what was usual in the same hours of earlier weeks, when an attempt begins."
    )
    confidence: Confidence | None = Field(None, description="Evidence that passing max and min needs.")

    @model_validator(mode="after")
    def _confident_of_something(self) -> Check:
        if self.confidence is not None and self.max is None and self.min is None and self.usual is None:
            raise ValueError(CONFIDENCE_NEEDS)
        if self.usual is not None and self.max is not None:
            raise ValueError(SETS_MAX)
        return self

    @property
    def needs_counts(self) -> bool:
        """Whether it asks for more than values can tell."""
        return self.confidence is not None or (self.no_worse_than is not None and self.no_worse_than.needs_counts)

    @property
    def awaits_history(self) -> bool:
        """Whether a limit is still to be made from what was usual: then it stands beside `usual` as `max`."""
        return self.usual is not None and self.max is None

    @property
    def is_empty(self) -> bool:
        """Whether no limit is set."""
        return all(limit is None for limit in (self.max, self.min, self.no_worse_than, self.usual))
