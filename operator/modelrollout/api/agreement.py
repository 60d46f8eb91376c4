"""`spec.metrics[].agreement`: what two revisions answered to the same requests, as a comparer has counted it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from pydantic import ConfigDict, Field, model_validator

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import Limit, Selector, Whole
from modelrollout.api.slices import LabelName

ONE_QUESTION: Final = (
    "set exactly one of perClass (does it answer as stable does) and paired (is it right more often, where somebody "
    "knows)"
)
OWN_LIMITS: Final = "check does not belong to agreement: its limits are in perClass or paired"
DISAGREEING_IS_NO_FAULT: Final = (
    "a better model must disagree with stable: agreement.perClass does not Enforce; to Enforce, count wins and losses "
    "against right answers and use paired"
)


class PerClass(APIModel):
    """Agreement with stable, for each class of stable's answer."""

    min: Limit = Field(description='Least share of pairs of a class that agree, such as "0.9".')
    min_pairs: Whole = Field(50, ge=50, le=10_000_000, description="Pairs that each class needs to be judged.")
    max_classes: Whole = Field(20, ge=1, le=50, description="Most values that classLabel may have.")
    ceiling: Selector | None = Field(
        None,
        description="The same counter for stable mirrored to itself: no candidate is asked to agree with it more often "
        "than it does itself.",
    )


class PairedAnswers(APIModel):
    """Wins and losses of the candidate, of requests whose right answer somebody knows."""

    loss_ratio: Limit = Field(Decimal(1), description='Losses for each win that are still good, such as "1.2".')
    min_pairs: Whole = Field(100, ge=1, le=10_000_000, description="Pairs that a step needs to pass, ties among them.")


class Agreement(APIModel):
    """Pairs of answers to one request, one by each revision, counted by a comparer."""

    model_config = ConfigDict(json_schema_extra=cel(("has(self.perClass) != has(self.paired)", ONE_QUESTION)))

    source: Selector = Field(
        description="Counter of pairs, as a series selector: "
        'answer_pairs_total{$selector,candidate="$revision",reference="$stable"}. $selector stands for comparer.'
    )
    comparer: str = Field(
        min_length=1,
        max_length=253,
        description='Matchers that tell the comparer\'s own series, in this namespace: pod=~"comparer-.*".',
    )
    outcome_label: LabelName = Field(
        "outcome",
        description="Label that tells how a pair ended: agree or differ; with paired win, loss or tie.",
    )
    class_label: LabelName = Field("class", description="Label with the class of stable's answer; for perClass.")
    per_class: PerClass | None = Field(None, description="Least agreement with stable for each class of its answer.")
    paired: PairedAnswers | None = Field(None, description="Wins and losses against right answers.")

    @model_validator(mode="after")
    def _one_question(self) -> Agreement:
        if (self.per_class is None) == (self.paired is None):
            raise ValueError(ONE_QUESTION)
        return self
