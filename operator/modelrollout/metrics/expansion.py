"""From series that the stable revision has to the metrics that are judged. Pure."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from modelrollout.api.metrics import Metric
from modelrollout.api.preset import PresetName
from modelrollout.metrics.preset_files import EDGE, Preset, PresetMetric, Series
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


def choose_edge(buckets: Iterable[RawSeries]) -> str | None:
    """The lowest edge above which at most a tenth lies, as the server writes it; the highest where none is that high.

    Counts are what the pods have counted since they started. A histogram that has counted nothing yet gives its middle
    edge: any will do to compare two revisions by.

    Returns:
        The text of the label `le`; None where there is no finite edge.
    """
    counts: dict[str, float] = defaultdict(float)
    for series in buckets:
        counts[series.labels.get("le", "")] += series.samples[-1][1] if series.samples else 0.0
    edges = sorted((number, text) for text in counts if (number := _number(text)) is not None)
    finite = [text for number, text in edges if math.isfinite(number)]
    if not finite:
        return None
    total = max((counts[text] for _, text in edges), default=0.0)
    if total <= 0:
        return finite[len(finite) // 2]
    return next((text for text in finite if counts[text] >= (1 - SHARE_ABOVE_EDGE) * total), finite[-1])


def _made(entry: PresetMetric, found: Sequence[RawSeries], *, comparable: bool) -> Metric | str:
    """The metric, or why it is left out."""
    if entry.when is not None and not _there(entry.when, found):
        return f"no series {_text(entry.when)}"
    metric = entry.metric
    if not comparable and metric.check.no_worse_than is not None:
        if entry.alone is None:
            return "there is nothing to compare with"
        metric = metric.model_copy(update={"check": entry.alone})
    if entry.edge is None:
        return metric
    edge = choose_edge(series for series in found if _matches(entry.edge, series))
    if edge is None:
        return f"no series {_text(entry.edge)} with edges"
    return Metric.model_validate_json(metric.model_dump_json(by_alias=True, exclude_none=True).replace(EDGE, edge))


def _there(wanted: Series, found: Sequence[RawSeries]) -> bool:
    return any(_matches(wanted, series) for series in found)


def _matches(wanted: Series, series: RawSeries) -> bool:
    if not re.fullmatch(wanted.series, series.labels.get("__name__", "")):
        return False
    return all(re.fullmatch(pattern, series.labels.get(label, "")) for label, pattern in wanted.where.items())


def _text(wanted: Series) -> str:
    inside = ",".join(f'{label}=~"{pattern}"' for label, pattern in wanted.where.items())
    return f"{wanted.series}{{{inside}}}" if inside else wanted.series


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
