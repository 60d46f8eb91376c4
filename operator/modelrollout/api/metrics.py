"""`spec.metrics`: what is measured, against which limit, and how much evidence a pass needs."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from modelrollout.api.agreement import DISAGREEING_IS_NO_FAULT, OWN_LIMITS, Agreement
from modelrollout.api.check import Check
from modelrollout.api.drift import NO_CHECK, Against, Drift
from modelrollout.api.histogram import ONE_EDGE, Histogram
from modelrollout.api.judgement import Clusters
from modelrollout.api.late import DELAYED_ARE_SERIES, SERIES_ARE_RATIOS, Delayed, Source
from modelrollout.api.mean import Mean
from modelrollout.api.model import APIModel, cel
from modelrollout.api.pipeline import RolloutName
from modelrollout.api.scalars import Duration, Interval, Selector, Whole, parse_whole
from modelrollout.api.signal import QUEUE_IS_NO_FAULT, QUEUE_NEEDS_QUERY, LoadShare, Signal
from modelrollout.api.slices import ONLY_FOR_COUNTS, SliceBy
from modelrollout.api.usual import ONLY_FOR_VALUES

QUERY_MAX = 4096
SOURCES = ("ratio", "query", "histogram", "agreement", "mean", "drift")
"""What a metric may be read from: one of them."""
EXACTLY_ONE_SOURCE = f"set exactly one of {', '.join(SOURCES[:-1])} and {SOURCES[-1]}"
EXACTLY_ONE_EVENTS = "set exactly one of events and good"
ONLY_FOR_QUERY = "window and failureLimit belong to query: anything else is judged on counts, at every tick"
NOT_FOR_QUERY = "harmRatio, harmDifference and confidence do not go with query: use ratio, histogram or mean"
CLUSTERS_OF_COUNTS = "clusters belong to metrics that are counted: of query, mean and agreement no requests are"
CHECK_NEEDED = "set check.max, check.min or check.noWorseThan, or mode: Observe"
OF_ANOTHER_IS_ABSOLUTE = (
    "of another rollout only max and min of ratio, query, histogram and mean can be judged: its stable pods answer for "
    "your stable and your candidate alike"
)


class Category(StrEnum):
    """What a metric is about."""

    SOFTWARE = "Software"
    INPUT = "Input"
    OUTPUT = "Output"
    PIPELINE = "Pipeline"


class Unit(StrEnum):
    """What a metric's values and limits are measured in."""

    RATIO = "ratio"
    SECONDS = "seconds"
    BYTES = "bytes"
    NONE = "none"


class Mode(StrEnum):
    """What a failing metric does: stop the rollout, keep it where it is, warn, or only be recorded."""

    ENFORCE = "Enforce"
    HOLD = "Hold"
    WARN = "Warn"
    OBSERVE = "Observe"


class OnNoData(StrEnum):
    """What an evaluation without data counts as."""

    HOLD = "Hold"
    FAIL = "Fail"
    PASS = "Pass"  # noqa: S105 - a verdict, not a password


class Ratio(APIModel):
    """A share of counted things: bad answers of all answers."""

    model_config = ConfigDict(json_schema_extra=cel(("has(self.events) != has(self.good)", EXACTLY_ONE_EVENTS)))

    events: Selector | None = Field(
        None,
        description='Counter of what the limit is about, as a series selector: errors_total{$selector,code=~"5.."}.',
    )
    good: Selector | None = Field(
        None, description="Counter of the opposite, where only that exists: events = total - good."
    )
    total: Selector = Field(description="Counter of everything, as a series selector: requests_total{$selector}.")

    @model_validator(mode="after")
    def _one_of(self) -> Ratio:
        if (self.events is None) == (self.good is None):
            raise ValueError(EXACTLY_ONE_EVENTS)
        return self


class Metric(APIModel):
    """One thing that is measured on the candidate, and on the stable revision for comparison."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            (f"[{', '.join(f'has(self.{name})' for name in SOURCES)}].exists_one(set, set)", EXACTLY_ONE_SOURCE),
            ("has(self.query) || (!has(self.window) && !has(self.failureLimit))", ONLY_FOR_QUERY),
            (
                "!has(self.histogram) || (has(self.check) && has(self.check.max) != has(self.check.min))",
                ONE_EDGE,
            ),
            ("has(self.ratio) || has(self.histogram) || !has(self.sliceBy)", ONLY_FOR_COUNTS),
            ("!has(self.agreement) || !has(self.check)", OWN_LIMITS),
            (
                "!has(self.agreement) || !has(self.agreement.perClass) || !has(self.mode) || self.mode != 'Enforce'",
                DISAGREEING_IS_NO_FAULT,
            ),
            (
                "!has(self.query) || !has(self.check) || !has(self.check.confidence) && (!has(self.check.noWorseThan) "
                "|| !has(self.check.noWorseThan.harmRatio) && !has(self.check.noWorseThan.harmDifference) && "
                "!has(self.check.noWorseThan.confidence))",
                NOT_FOR_QUERY,
            ),
            (
                "!has(self.clusters) || has(self.ratio) || has(self.histogram) || has(self.drift)",
                CLUSTERS_OF_COUNTS,
            ),
            (
                "has(self.agreement) || has(self.drift) || (has(self.mode) && self.mode == 'Observe') || "
                "(has(self.check) && (has(self.check.max) || has(self.check.min) || has(self.check.noWorseThan) || "
                "has(self.check.usual)))",
                CHECK_NEEDED,
            ),
            (
                "!has(self.check) || !has(self.check.usual) || has(self.ratio) || has(self.query) || has(self.mean)",
                ONLY_FOR_VALUES,
            ),
            ("!has(self.drift) || !has(self.check)", NO_CHECK),
            ("!has(self.signal) || self.signal != 'Saturation' || has(self.query)", QUEUE_NEEDS_QUERY),
            (
                "!has(self.signal) || self.signal != 'Saturation' || !has(self.mode) || self.mode != 'Enforce'",
                QUEUE_IS_NO_FAULT,
            ),
            (
                "!has(self.source) || self.source == 'Pods' || has(self.ratio) && !has(self.sliceBy)",
                SERIES_ARE_RATIOS,
            ),
            ("!has(self.delayed) || has(self.source) && self.source == 'Series'", DELAYED_ARE_SERIES),
            (
                "!has(self.of) || !has(self.agreement) && !has(self.drift) && !has(self.sliceBy) && "
                "!(has(self.source) && self.source == 'Series') && "
                "!(has(self.check) && has(self.check.noWorseThan))",
                OF_ANOTHER_IS_ABSOLUTE,
            ),
        )
    )

    name: str = Field(min_length=1, max_length=63, pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$", description="Unique name.")
    category: Category = Field(Category.SOFTWARE, description="What the metric is about.")
    of: RolloutName | None = Field(
        None,
        description="Another ModelRollout of the namespace, such as a later model of the pipeline: $selector then "
        "names its stable pods, and harm there is this candidate's. Default: this one.",
    )
    source: Source = Field(
        Source.PODS,
        description="Pods: counters of the revisions' pods. Series: counters that no pod of theirs carries; $selector "
        "then names the labels rollout and revision. For ratio.",
    )
    delayed: Delayed | None = Field(
        None, description="Outcomes that are known long after the answer. For source: Series."
    )
    unit: Unit = Field(Unit.RATIO, description="What values and limits are measured in.")
    signal: Signal | None = Field(
        None,
        description="What it tells when it fails: Latency, or Saturation of a queue, beside which failing latency is a "
        "lack of pods. Default: Latency for a Software metric in seconds.",
    )
    ratio: Ratio | None = Field(None, description="Two counters, judged by sequential tests on their counts.")
    query: str | None = Field(
        None,
        min_length=1,
        max_length=QUERY_MAX,
        description="PromQL that gives one value per revision. $selector, $window, $namespace, $rollout, $revision and "
        "$version are replaced.",
    )
    histogram: Histogram | None = Field(
        None, description="A quantile limit at an edge of a histogram, judged as a ratio of its counts."
    )
    agreement: Agreement | None = Field(
        None,
        description="Pairs of answers that a comparer counts while requests are mirrored. With perClass the default of "
        "mode is Warn.",
    )
    mean: Mean | None = Field(None, description="An average per request, judged by confidence sequences.")
    clusters: Clusters | None = Field(
        None,
        description="Requests whose outcomes hang together. Default: measured on the stable revision's last day, in "
        "groups of 2 at least.",
    )
    drift: Drift | None = Field(None, description="A distance between two distributions of what comes in or goes out.")
    window: Duration | None = Field(
        None, description="What $window stands for, clipped to the step; query only. Default: 1m."
    )
    interval: Interval = Field(timedelta(seconds=10), description="Time between evaluations, from 1s.")
    check: Check = Field(Check(), description="Limits.")
    min_samples: Whole = Field(
        100,
        ge=1,
        le=10_000_000,
        description="Requests of the candidate that a ratio needs in a step to pass; harm needs none.",
    )
    min_load: LoadShare | None = Field(
        None,
        description="Requests for each ready pod that a pass needs, as a share of those for each of stable's: a slow "
        "model looks fine while its pods idle. Default: any.",
    )
    slice_by: SliceBy | None = Field(
        None,
        description="Judges the ratio or histogram also for each value of a label; slices show harm and never pass "
        "anything.",
    )
    mode: Mode = Field(
        Mode.ENFORCE,
        description="Enforce acts, Hold waits while it fails, Warn reports, Observe records. Default: Enforce; of "
        "Saturation Hold; of drift Warn, and Observe where an Output is compared with stable.",
    )
    failure_limit: Annotated[int, Field(ge=0, le=100), BeforeValidator(parse_whole)] | None = Field(
        None, description="Failing evaluations in a row that are tolerated; query only. Default: 0."
    )
    on_no_data: OnNoData = Field(OnNoData.HOLD, description="What an evaluation without data counts as.")
    stages: tuple[Annotated[str, Field(min_length=1, max_length=63)], ...] | None = Field(
        None, max_length=20, description="Names of the stages that it is judged in; none of them with []. Default: all."
    )

    @model_validator(mode="before")
    @classmethod
    def _usual_mode(cls, data: Any) -> Any:
        """Agreement and drift are reasons to look, and a better model may say something else: unless asked, they stop
        nobody."""
        if not isinstance(data, dict) or data.get("mode") is not None:
            return data
        if data.get("signal") == Signal.SATURATION:
            return {**data, "mode": Mode.HOLD.value}
        agreement, drift = data.get("agreement"), data.get("drift")
        if isinstance(agreement, dict) and agreement.get("perClass") is not None:
            return {**data, "mode": Mode.WARN.value}
        if drift is None:
            return data
        against = drift.get("against") if isinstance(drift, dict) else getattr(drift, "against", None)
        is_of_output = data.get("category") == Category.OUTPUT and against in (None, Against.STABLE)
        return {**data, "mode": (Mode.OBSERVE if is_of_output else Mode.WARN).value}

    @model_validator(mode="after")
    def _consistent(self) -> Metric:
        if sum(getattr(self, name) is not None for name in SOURCES) != 1:
            raise ValueError(EXACTLY_ONE_SOURCE)
        if self.query is None and (self.window is not None or self.failure_limit is not None):
            raise ValueError(ONLY_FOR_QUERY)
        if self.histogram is not None and (self.check.max is None) == (self.check.min is None):
            raise ValueError(ONE_EDGE)
        if self.slice_by is not None and self.ratio is None and self.histogram is None:
            raise ValueError(ONLY_FOR_COUNTS)
        if self.query is not None and self.check.needs_counts:
            raise ValueError(NOT_FOR_QUERY)
        if self.clusters is not None and all(each is None for each in (self.ratio, self.histogram, self.drift)):
            raise ValueError(CLUSTERS_OF_COUNTS)
        self._refuse_misplaced()
        if self.agreement is not None:
            if "check" in self.model_fields_set:
                raise ValueError(OWN_LIMITS)
            if self.agreement.per_class is not None and self.mode is Mode.ENFORCE:
                raise ValueError(DISAGREEING_IS_NO_FAULT)
        elif self.drift is not None:
            if not self.check.is_empty:
                raise ValueError(NO_CHECK)
        elif self.mode is not Mode.OBSERVE and self.check.is_empty:
            raise ValueError(CHECK_NEEDED)
        return self

    @model_validator(mode="after")
    def _tells_of_a_queue(self) -> Metric:
        if self.signal is Signal.SATURATION and self.query is None:
            raise ValueError(QUEUE_NEEDS_QUERY)
        if self.signal is Signal.SATURATION and self.mode is Mode.ENFORCE:
            raise ValueError(QUEUE_IS_NO_FAULT)
        return self

    @model_validator(mode="after")
    def _usual_of_values(self) -> Metric:
        if self.check.usual is not None and all(each is None for each in (self.ratio, self.query, self.mean)):
            raise ValueError(ONLY_FOR_VALUES)
        return self

    def _refuse_misplaced(self) -> None:
        """What says whose counters are read goes with counters that can be read so."""
        is_series = self.source is Source.SERIES
        if is_series and (self.ratio is None or self.slice_by is not None):
            raise ValueError(SERIES_ARE_RATIOS)
        if self.delayed is not None and not is_series:
            raise ValueError(DELAYED_ARE_SERIES)
        others = (self.agreement, self.drift, self.slice_by, self.check.no_worse_than)
        if self.of is not None and (is_series or any(other is not None for other in others)):
            raise ValueError(OF_ANOTHER_IS_ABSOLUTE)

    @property
    def counts_requests(self) -> bool:
        """Whether it counts the requests that the revisions' own pods answer, as they answer them."""
        return self.source is Source.PODS and self.of is None

    @property
    def is_enforced(self) -> bool:
        """Whether its verdict can stop or hold a rollout."""
        return self.mode in (Mode.ENFORCE, Mode.HOLD)

    @property
    def draws_on_budget(self) -> bool:
        """Whether the error budget pays for its false alarms: values alone have no error probability."""
        return self.is_enforced and self.query is None

    @property
    def is_latency(self) -> bool:
        """Whether it tells how long answers take."""
        told = self.signal is None and self.unit is Unit.SECONDS and self.category is Category.SOFTWARE
        return told or self.signal is Signal.LATENCY

    @property
    def tells_of_a_full_queue(self) -> bool:
        """Whether failing, it shows that requests wait: one that only warns or is recorded decides nothing."""
        return self.signal is Signal.SATURATION and self.mode is Mode.HOLD

    def applies_to(self, stage: str) -> bool:
        """Whether it is judged in the stage of that name."""
        return self.stages is None or stage in self.stages
