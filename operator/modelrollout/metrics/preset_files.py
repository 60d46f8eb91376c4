"""What is known of model servers: one data file each in `presets/`, read once and checked when it is read.

A file says by which series a server is known, which metrics follow from its own, and what cannot be had of it. A metric
is written as in `spec.metrics`. See docs/presets.md.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import yaml
from pydantic import ConfigDict, Field

from modelrollout.api.check import Check
from modelrollout.api.metrics import Metric
from modelrollout.api.model import APIModel
from modelrollout.api.preset import PresetName

DIRECTORY: Final = Path(__file__).parent / "presets"
_COMMON: Final = "every"


class Proof(StrEnum):
    """What a preset was checked against."""

    RUN = "Run"
    """The text that the running server gave."""
    FACTS = "Facts"
    """A text written after the server's sources or documentation."""


class _Strict(APIModel):
    model_config = ConfigDict(extra="forbid")


class Series(_Strict):
    """Series by name and labels; both are regular expressions that match the whole."""

    series: str
    where: dict[str, str] = Field(default_factory=dict)


class PresetMetric(_Strict):
    """One metric of a preset.

    Attributes:
        when: series that the stable revision must have for it; without, it is always there. Of several entries with one
            name the first counts whose series are there: servers rename.
        edge: buckets of the metric's histogram; its limit becomes an edge above which at most a tenth of the stable
            revision's requests lie.
        metric: as in `spec.metrics`.
        alone: limits where there is nothing to compare with; without, it is left out there.
    """

    when: Series | None = None
    edge: Series | None = None
    metric: Metric
    alone: Check | None = None


class Preset(_Strict):
    """A server, as far as metrics go.

    Attributes:
        rank: of several servers that are found at once, the one with the lowest counts: an engine before what wraps it,
            a server before the mesh around it.
        markers: series by which it is known; any of them will do. None for what is never found by itself.
        source: where names, units and labels are from.
        exposed: where it serves them, and what must be switched on.
        cannot: what cannot be had of it.
    """

    name: PresetName
    title: str
    proof: Proof
    source: str
    exposed: str
    rank: int = 0
    markers: tuple[Series, ...] = ()
    metrics: tuple[PresetMetric, ...]
    cannot: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[Series, ...]:
        """All that must be looked for to know it and to choose its metrics."""
        wanted = (entry for metric in self.metrics for entry in (metric.when, metric.edge) if entry is not None)
        return (*self.markers, *wanted)


class _Common(_Strict):
    metrics: tuple[PresetMetric, ...]


@cache
def presets() -> tuple[Preset, ...]:
    """All of them, in the order in which they are looked for.

    Raises:
        ValidationError: a file is not as it should be, which is a defect of ours.
    """
    common = _Common.model_validate(_read(_COMMON)).metrics
    names = sorted(path.stem for path in DIRECTORY.glob("*.yaml") if path.stem != _COMMON)
    found = (Preset.model_validate(_read(name)) for name in names)
    whole = (one.model_copy(update={"metrics": (*one.metrics, *common)}) for one in found)
    return tuple(sorted(whole, key=lambda preset: (preset.rank, preset.name)))


def _read(name: str) -> object:
    document: object = yaml.safe_load((DIRECTORY / f"{name}.yaml").read_text(encoding="utf-8"))
    return document
