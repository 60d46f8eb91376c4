"""Counting at the client: what users got, from which version."""

from __future__ import annotations

import json
import math

import pytest

from examples.digits.load.accounting import GATEWAY, Answer, Durations, NoAnswer, Tally

pytestmark = pytest.mark.unit


def answer(version: str = "v1", code: int = 200, *, correct: bool = True, seconds: float = 0.002) -> Answer:
    return Answer(version, code, correct, seconds)


def tally_of(*results: Answer | NoAnswer) -> Tally:
    tally = Tally(bad=["v3", "v5"])
    for result in results:
        tally.sent()
        tally.finished(result)
    return tally


def test_answers_are_counted_for_the_version_that_gave_them() -> None:
    report = tally_of(
        answer("v1"), answer("v1", correct=False), answer("v2"), answer("v5", 500, correct=False)
    ).report()

    assert report["versions"] == {
        "v1": {"answered": 2, "codes": {"200": 2}, "correct": 1, "p50_seconds": 0.001988, "p99_seconds": 0.001988},
        "v2": {"answered": 1, "codes": {"200": 1}, "correct": 1, "p50_seconds": 0.001988, "p99_seconds": 0.001988},
        "v5": {"answered": 1, "codes": {"500": 1}, "correct": 0, "p50_seconds": 0.001988, "p99_seconds": 0.001988},
    }
    assert report["codes"] == {"200": 3, "500": 1}
    assert report["answered"] == 4


@pytest.mark.parametrize(
    ("result", "bad_version", "harmed"),
    [
        pytest.param(answer("v1"), 0, 0, id="a good answer"),
        pytest.param(answer("v1", correct=False), 0, 0, id="a good version may be wrong"),
        pytest.param(answer("v3"), 1, 1, id="a bad version's answer, though its code is 200"),
        pytest.param(answer("v5", 500), 1, 1, id="a bad version's error is one harm, not two"),
        pytest.param(answer("v1", 500), 0, 1, id="a good version's error"),
        pytest.param(answer(GATEWAY, 503), 0, 1, id="the gateway's own error"),
        pytest.param(NoAnswer("timeout"), 0, 1, id="no answer in time"),
        pytest.param(NoAnswer("reset"), 0, 1, id="a connection that broke"),
    ],
)
def test_each_request_harms_at_most_once(result: Answer | NoAnswer, bad_version: int, harmed: int) -> None:
    report = tally_of(result).report()

    assert (report["bad_version"], report["harmed"]) == (bad_version, harmed)


def test_every_sent_request_ends_in_exactly_one_count() -> None:
    tally = tally_of(answer(), answer("v5", 500), NoAnswer("timeout"), NoAnswer("timeout"), NoAnswer("refused"))
    tally.skipped()
    report = tally.report()

    assert report["failures"] == {"timeout": 2, "reset": 0, "refused": 1}
    assert report["sent"] == 5
    assert report["answered"] == 2
    assert report["skipped"] == 1


def test_a_report_is_json_even_before_the_first_request() -> None:
    report = tally_of().report()

    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_quantiles_are_within_two_and_a_half_percent() -> None:
    durations = Durations()
    for milliseconds in range(1, 1001):
        durations.add(milliseconds / 1000)

    assert durations.quantile(0.5) == pytest.approx(0.5, rel=0.026)
    assert durations.quantile(0.99) == pytest.approx(0.99, rel=0.026)


def test_a_duration_of_zero_is_counted() -> None:
    durations = Durations()
    durations.add(0.0)

    assert durations.quantile(0.5) == pytest.approx(1e-6, rel=0.05)


def test_without_durations_there_is_no_quantile() -> None:
    assert math.isnan(Durations().quantile(0.5))
