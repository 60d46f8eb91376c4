"""Prometheus's answers, read into closed types: what is not understood is an outcome too, never an exception."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from modelrollout.analysis.outcome import Ambiguous, NoData, NotFinite, Outcome, Partial, Rejected, Unavailable, Value
from modelrollout.metrics.natives import natives_in
from modelrollout.metrics.provider import RawOutcome, RawSeries

_TEXT_LIMIT: Final = 400
_REQUEST_IS_AT_FAULT: Final = frozenset({400, 422})
"""Prometheus: bad_data and execution. Other 4xx are about access, rate or address, and may heal without a new query."""


@dataclass(frozen=True)
class Answer:
    """A successful answer of the query API.

    Attributes:
        kind: its resultType: scalar, string, vector or matrix; empty where the endpoint has none.
        result: as sent.
        warnings: of Prometheus itself, or of a Thanos or Mimir that could not reach all of its stores.
    """

    kind: str
    result: Any
    warnings: tuple[str, ...]


def parse_answer(status: int, body: bytes) -> Answer | Rejected | Unavailable:
    """Read one HTTP answer of `/api/v1/...`.

    Bodies that are not the API's JSON (a login page, a proxy's error) are not quoted: they end up in status and events.
    """
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return Unavailable(
            f"the answer (HTTP {status}) is not Prometheus's: check prometheus.url and what is in between"
        )
    if status in _REQUEST_IS_AT_FAULT:
        return Rejected(_text(document.get("error") or f"HTTP {status}"))
    if status != 200 or document.get("status") != "success":
        return Unavailable(
            f"HTTP {status}: {_text(document.get('error') or document.get('status') or 'no reason given')}"
        )
    data = document.get("data")
    warnings = tuple(_text(warning) for warning in document.get("warnings") or ())
    if isinstance(data, dict):
        return Answer(str(data.get("resultType", "")), data.get("result"), warnings)
    return Answer("", data, warnings)


def instant_outcome(answer: Answer) -> Outcome:  # noqa: PLR0911 - one return for each form of answer
    """The one number of an instant query, or why there is none."""
    if answer.warnings:
        return Partial(answer.warnings)
    match answer.kind, answer.result:
        case "scalar", [_, text]:
            return _number(text)
        case "vector", []:
            return NoData()
        case "vector", [{"value": [_, text]}]:
            return _number(text)
        case "vector", [{"histogram": _}]:
            return Rejected("the query returns a native histogram, not a number: take histogram_quantile or _avg of it")
        case "vector", [_, _, *_]:
            return Ambiguous(len(answer.result))
        case "matrix", _:
            return Rejected("the query returns a range, not a number: put a function such as rate() around it")
        case "string", _:
            return Rejected("the query returns a text, not a number")
        case _:
            return Unavailable("Prometheus's answer has a form that is not known")


def raw_outcome(answer: Answer) -> RawOutcome:
    """The series of a range-vector instant query."""
    if answer.warnings:
        return Partial(answer.warnings)
    if answer.kind != "matrix" or not isinstance(answer.result, list):
        return Unavailable("Prometheus's answer to a range selector is not a matrix")
    series = []
    for entry in answer.result:
        match entry:
            case {"metric": dict() as labels, "histograms": list() as histograms}:
                natives = natives_in(histograms)
                if natives is None:
                    return Unavailable("a native histogram in Prometheus's answer has a form that is not known")
                # A series that was a counter before, or is one at times, may have both.
                counts = [(at, native.ranges.total) for at, native in natives]
                samples = sorted((*_samples(entry.get("values") or ()), *counts))
                if samples:
                    series.append(RawSeries(_labels(labels), tuple(samples), natives))
            case {"metric": dict() as labels, "values": list() as values}:
                series.append(RawSeries(_labels(labels), _samples(values)))
            case _:
                return Unavailable("a series in Prometheus's answer has a form that is not known")
    return tuple(series)


def _number(text: object) -> Outcome:
    value = _float(text)
    if value is None:
        return Unavailable("a value in Prometheus's answer is not a number")
    return Value(value) if math.isfinite(value) else NotFinite(value)


def _samples(values: Sequence[Any]) -> tuple[tuple[float, float], ...]:
    return tuple((float(at), value) for at, text in values if (value := _float(text)) is not None)


def _labels(labels: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in labels.items()}


def _float(text: object) -> float | None:
    try:
        return float(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _text(value: object) -> str:
    line = " ".join(str(value).split())
    return line if len(line) <= _TEXT_LIMIT else line[: _TEXT_LIMIT - 1] + "…"
