"""What servers expose, as Prometheus would have it: read from tests/data/expositions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from modelrollout.metrics.provider import RawSeries

DIRECTORY: Final = Path(__file__).resolve().parents[1] / "data" / "expositions"
POD: Final = "digits-rstable-1"
_SAMPLE: Final = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)(?: \d+)?")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')


def text_of(server: str) -> str:
    """The exposition of a server."""
    return (DIRECTORY / f"{server}.txt").read_text(encoding="utf-8")


def series_of(server: str) -> tuple[RawSeries, ...]:
    """The exposition of a server as series of one pod of the stable revision, each scraped once."""
    return parsed(text_of(server))


def parsed(text: str) -> tuple[RawSeries, ...]:
    """An exposition as series of one pod. Names stay as they are, which the client library's own parser does not do."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return tuple(_parsed_line(line) for line in lines)


def _parsed_line(line: str) -> RawSeries:
    found = _SAMPLE.fullmatch(line)
    assert found is not None, line
    labels = dict(_LABEL.findall(found["labels"] or ""))
    of_pod = {"__name__": found["name"], "namespace": "demo", "pod": POD}
    return RawSeries({**labels, **of_pod}, ((0.0, float(found["value"])),))


def select(selector: str, series: tuple[RawSeries, ...]) -> tuple[RawSeries, ...]:
    """The series that a plain selector selects, as PromQL does; `$selector` stands for all."""
    name, _, inside = selector.strip().removesuffix("}").partition("{")
    matchers = [("__name__", "=", name)] if name else []
    matchers += _MATCHER.findall(inside)
    return tuple(one for one in series if all(_holds(one, *matcher) for matcher in matchers))


def value_of(selector: str, series: tuple[RawSeries, ...]) -> float:
    """Their last values, added up."""
    return sum(one.samples[-1][1] for one in select(selector, series))


def _holds(series: RawSeries, label: str, operator: str, wanted: str) -> bool:
    value = series.labels.get(label, "")
    wanted = wanted.replace("\\\\", "\\")
    match operator:
        case "=":
            return value == wanted
        case "!=":
            return value != wanted
        case "=~":
            return re.fullmatch(wanted, value) is not None
        case _:
            return re.fullmatch(wanted, value) is None
