"""What Prometheus, and what stands before it, may answer."""

from __future__ import annotations

import json
import math

import pytest

from modelrollout.analysis.outcome import Ambiguous, NoData, NotFinite, Outcome, Partial, Rejected, Unavailable, Value
from modelrollout.analysis.ranges import Ranges
from modelrollout.metrics.answer import Answer, instant_outcome, parse_answer, raw_outcome
from modelrollout.metrics.provider import Native, RawSeries

pytestmark = pytest.mark.unit

HISTOGRAM = {"count": "3", "sum": "4.5", "buckets": [[0, "1", "2", "3"]]}


def success(kind: str, result: object, **more: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode()


def instant(body: bytes) -> Outcome:
    answer = parse_answer(200, body)
    return instant_outcome(answer) if isinstance(answer, Answer) else answer


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(success("scalar", [1.5, "0.25"]), Value(0.25), id="scalar"),
        pytest.param(success("vector", [{"metric": {}, "value": [1.5, "3"]}]), Value(3.0), id="one-series"),
        pytest.param(success("vector", []), NoData(), id="no-series"),
        pytest.param(
            success("vector", [{"metric": {"a": str(n)}, "value": [1, "3"]} for n in range(3)]),
            Ambiguous(3),
            id="three",
        ),
        pytest.param(success("vector", [{"metric": {}, "value": [1, "+Inf"]}]), NotFinite(math.inf), id="infinite"),
        pytest.param(
            success("scalar", [1, "0"], warnings=["a store is away"]), Partial(("a store is away",)), id="part"
        ),
        pytest.param(success("scalar", [1, "0"], infos=["not a counter?"]), Value(0.0), id="infos-are-only-hints"),
    ],
)
def test_instant(body: bytes, expected: Outcome) -> None:
    assert instant(body) == expected


def test_nan_is_not_finite() -> None:
    outcome = instant(success("vector", [{"metric": {}, "value": [1, "NaN"]}]))
    assert isinstance(outcome, NotFinite)
    assert math.isnan(outcome.value)


@pytest.mark.parametrize(
    ("kind", "result", "part"),
    [
        pytest.param("vector", [{"metric": {}, "histogram": [1, {}]}], "native histogram", id="histogram"),
        pytest.param("matrix", [], "put a function such as rate()", id="range"),
        pytest.param("string", [1, "a"], "a text, not a number", id="string"),
    ],
)
def test_a_result_that_is_no_number_is_the_querys_fault(kind: str, result: object, part: str) -> None:
    outcome = instant(success(kind, result))
    assert isinstance(outcome, Rejected)
    assert part in outcome.message


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, b"<html>Sign in</html>", id="login-page"),
        pytest.param(200, b"", id="empty"),
        pytest.param(200, b"[1, 2]", id="other-json"),
        pytest.param(200, b'{"status": "error", "error": "x"}', id="error-with-200"),
        pytest.param(200, success("vector", [{"metric": {}}]), id="a-series-without-a-value"),
        pytest.param(200, success("vector", [{"metric": {}, "value": [1, "x"]}]), id="a-value-that-is-no-number"),
        pytest.param(200, success("vector", [{"metric": {}, "value": [1, 2]}]), id="a-value-that-is-no-text"),
        pytest.param(200, success("scalar", None), id="no-result"),
        pytest.param(401, b'{"error": "token expired"}', id="credentials"),
        pytest.param(404, b"404 page not found", id="not-its-address"),
        pytest.param(429, b'{"error": "slow down"}', id="too-many"),
        pytest.param(503, b'{"status": "error", "error": "query timed out"}', id="timed-out"),
        pytest.param(500, b"<h1>oops</h1>", id="proxy-error"),
        pytest.param(302, b"", id="redirect"),
    ],
)
def test_anything_that_may_heal_is_unavailable(status: int, body: bytes) -> None:
    answer = parse_answer(status, body)
    outcome = instant_outcome(answer) if isinstance(answer, Answer) else answer
    assert isinstance(outcome, Unavailable)
    assert "<" not in outcome.message


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_query_gives_prometheus_own_words_on_one_short_line(status: int) -> None:
    body = json.dumps({"status": "error", "errorType": "bad_data", "error": "parse\n error: " + "x" * 1000}).encode()
    answer = parse_answer(status, body)
    assert isinstance(answer, Rejected)
    assert answer.message.startswith("parse error: xxx")
    assert len(answer.message) == 400


def test_raw_series_keep_labels_timestamps_and_odd_values() -> None:
    body = success("matrix", [{"metric": {"__name__": "m", "pod": "a"}, "values": [[1.5, "1"], [2.5, "NaN"]]}])
    answer = parse_answer(200, body)
    assert isinstance(answer, Answer)
    outcome = raw_outcome(answer)
    assert isinstance(outcome, tuple)
    assert outcome[0].labels == {"__name__": "m", "pod": "a"}
    assert [at for at, _ in outcome[0].samples] == [1.5, 2.5]
    assert math.isnan(outcome[0].samples[1][1])


@pytest.mark.parametrize(
    ("kind", "result", "expected"),
    [
        pytest.param("matrix", [], (), id="none"),
        pytest.param(
            "matrix", [{"metric": {}, "values": [[1, "2"]]}], (RawSeries({}, ((1.0, 2.0),)),), id="without-labels"
        ),
        pytest.param(
            "matrix",
            [
                {"metric": {}, "values": [[1, "2"]], "histograms": [[2, HISTOGRAM]]},
                {"metric": {}, "histograms": [[3, {"count": "NaN", "sum": "NaN"}]]},
            ],
            (RawSeries({}, ((1.0, 2.0), (2.0, 3.0)), ((2.0, Native(Ranges(((1.0, 2.0, 3.0),), 3.0), 4.5)),)),),
            id="histogram",
        ),
        pytest.param(
            "matrix",
            [{"metric": {}, "histograms": [[1, "2"]]}],
            Unavailable("a native histogram in Prometheus's answer has a form that is not known"),
            id="odd-histogram",
        ),
        pytest.param(
            "vector", [], Unavailable("Prometheus's answer to a range selector is not a matrix"), id="not-a-matrix"
        ),
        pytest.param(
            "matrix",
            [{"metric": {}}],
            Unavailable("a series in Prometheus's answer has a form that is not known"),
            id="odd",
        ),
    ],
)
def test_raw(kind: str, result: object, expected: object) -> None:
    answer = parse_answer(200, success(kind, result))
    assert isinstance(answer, Answer)
    assert raw_outcome(answer) == expected


def test_raw_with_warnings_is_partial() -> None:
    answer = parse_answer(200, success("matrix", [], warnings=["one", "two"]))
    assert isinstance(answer, Answer)
    assert raw_outcome(answer) == Partial(("one", "two"))
