"""From series that the stable revision has to the metrics that are judged. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from modelrollout.api.drift import Against
from modelrollout.api.metrics import Metric, Ratio, Unit
from modelrollout.api.preset import PresetName
from modelrollout.metrics.edges import EVERYTHING, bucket_of, with_matcher
from modelrollout.metrics.preset_files import Preset, PresetMetric, Series
from modelrollout.metrics.provider import RawSeries

SHARE_ABOVE_EDGE: Final = 0.1
"""At most this share of the stable revision's requests lies above the edge that is chosen. A tenth leaves enough of
them to see a change soon, and is far from all."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a preset stands for.

    Attributes:
        left_out: metrics that cannot be judged here, each with why.
    """

    preset: PresetName
    metrics: tuple[Metric, ...]
    left_out: tuple[str, ...]


def detect(asked: PresetName, known: Iterable[Preset], found: Sequence[RawSeries]) -> Preset | None:
    """The server that the series tell of, or the one that was asked for; None where there is none.

    Args:
        known: in the order in which they are looked for.
        found: series of the stable revision.
    """
    if asked is not PresetName.AUTO:
        return next((preset for preset in known if preset.name is asked), None)
    return next((preset for preset in known if any(_there(marker, found) for marker in preset.markers)), None)


def expand_preset(preset: Preset, found: Sequence[RawSeries], *, comparable: bool) -> Expansion:
    """The metrics of a preset, as far as the stable revision has what they rest on.

    Args:
        found: series of the stable revision.
        comparable: whether the candidate can be compared with it.
    """
    metrics: dict[str, Metric] = {}
    reasons: dict[str, str] = {}
    for entry in preset.metrics:
        name = entry.metric.name
        if name in metrics:
            continue
        made = _made(entry, found, comparable=comparable)
        if isinstance(made, Metric):
            metrics[name] = made
            reasons.pop(name, None)
        else:
            reasons[name] = made
    return Expansion(preset.name, tuple(metrics.values()), tuple(f"{name}: {why}" for name, why in reasons.items()))


def names_of(presets: Iterable[Preset]) -> str:
    """A regular expression for the names of all series that are looked for."""
    return "|".join(dict.fromkeys(wanted.series for preset in presets for wanted in preset.series))


@dataclass(frozen=True, slots=True)
class Edge:
    """An upper bound of buckets.

    Attributes:
        tells: whether most of the stable revision's requests lie in buckets that show something of them.
    """

    at: Decimal
    tells: bool


def choose_edge(buckets: Iterable[RawSeries]) -> Edge | None:
    """The lowest edge above which at most a tenth lies; the highest where none is that high. None without an edge.

    Counts are what the pods have counted since they started. A histogram that has counted nothing yet gives its middle
    edge: any will do to compare two revisions by. It tells nothing, nor does one with nine tenths in its first bucket.
    """
    counts: dict[Decimal, float] = defaultdict(float)
    for series in buckets:
        if series.samples and (edge := _number(series.labels.get("le", ""))) is not None:
            counts[edge] += series.samples[-1][1]
    edges = sorted(counts)
    finite = [edge for edge in edges if edge.is_finite()]
    if not finite:
        return None
    total = counts[edges[-1]]
    if total <= 0:
        return Edge(finite[len(finite) // 2], tells=False)
    chosen = next((edge for edge in finite if counts[edge] >= (1 - SHARE_ABOVE_EDGE) * total), finite[-1])
    return Edge(chosen, tells=chosen > finite[0])


def _made(entry: PresetMetric, found: Sequence[RawSeries], *, comparable: bool) -> Metric | str:
    """The metric, or why it is left out."""
    if entry.when is not None and not _there(entry.when, found):
        return f"no series {_text(entry.when)}"
    metric = entry.metric
    if not comparable and metric.drift is not None and metric.drift.against is Against.STABLE:
        return "there is nothing to compare with"
    if not comparable and metric.check.no_worse_than is not None:
        if entry.alone is None:
            return "there is nothing to compare with"
        metric = metric.model_copy(update={"check": entry.alone})
    if entry.edge is None:
        return metric
    edge = choose_edge(series for series in found if _matches(entry.edge, series))
    if edge is None:
        return f"no series {_text(entry.edge)} with edges"
    return _limited(metric, edge)


def _limited(metric: Metric, edge: Edge) -> Metric:
    """The metric of a histogram with its limit at the edge.

    Where the histogram tells too little, it would be refused as a quantile: then only the share above the edge is
    compared, which still sees a candidate that is slower than that.
    """
    assert metric.histogram is not None  # noqa: S101 - the file has looked
    if edge.tells:
        return metric.model_copy(update={"check": metric.check.model_copy(update={"max": edge.at})})
    buckets = metric.histogram.buckets
    ratio = Ratio(good=bucket_of(buckets, edge.at), total=with_matcher(buckets, EVERYTHING))
    relative = metric.check.model_copy(update={"max": None})
    return metric.model_copy(update={"histogram": None, "ratio": ratio, "unit": Unit.RATIO, "check": relative})


def _there(wanted: Series, found: Sequence[RawSeries]) -> bool:
    return any(_matches(wanted, series) for series in found)


def _matches(wanted: Series, series: RawSeries) -> bool:
    if not re.fullmatch(wanted.series, series.labels.get("__name__", "")):
        return False
    return all(re.fullmatch(pattern, series.labels.get(label, "")) for label, pattern in wanted.where.items())


def _text(wanted: Series) -> str:
    inside = ",".join(f'{label}=~"{pattern}"' for label, pattern in wanted.where.items())
    return f"{wanted.series}{{{inside}}}" if inside else wanted.series


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # In full, as a limit is written: 1e+06 is 1000000.
    return number if not number.is_finite() else Decimal(f"{number:f}")
