"""The label job counts by when requests were made, in the way that the operator reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from examples.labels.labels import BadOutcomeError, Labels, Outcome, read_outcome
from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.metrics.cohorts import Buckets, CohortRules, cohort_tick
from modelrollout.metrics.joining import SERIES
from modelrollout.metrics.promql import Scope
from modelrollout.metrics.provider import RawSeries
from tests.support.expositions import parsed

pytestmark = pytest.mark.unit

DAY, HOUR = 86_400.0, 3_600.0
START = 1_767_268_800


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


def labels(clock: Clock) -> Labels:
    return Labels("fraud", 600, DAY + HOUR, clock)


def test_what_it_shows_is_read_as_a_cohort() -> None:
    clock = Clock()
    job = labels(clock)
    for index in range(400):
        revision, made_at = ("rnew" if index % 4 == 0 else "rold"), START + index
        job.add(Outcome(revision, made_at, "fraud" if index % 50 == 0 else "fine"))
    job.add(Outcome("rnew", START + 600, "fraud"))  # of the bucket after it
    clock.now = START + 600 + DAY
    shown = [_at(series, clock.now) for series in parsed(job.exposition())]
    rules = CohortRules(
        scope=Scope("demo", "fraud", SERIES),
        candidate="rnew",
        stable="rold",
        total="labels_total{$selector}",
        marked='labels_total{$selector,label="fraud"}',
        marks="events",
        label="made_at",
        buckets=Buckets(600.0, DAY),
    )
    cohort = [series for series in shown if series.labels["made_at"] == str(START)]
    marked = [series for series in cohort if series.labels["label"] == "fraud"]
    assert cohort_tick(cohort, marked, rules, float(START)) == Tick(
        START + 600.0, Counts(4, 100), Counts(4, 300), final=True
    )


def _at(series: RawSeries, at: float) -> RawSeries:
    return replace(series, samples=tuple((at, value) for _, value in series.samples))


def test_a_cohort_is_shown_until_an_hour_after_it_is_mature() -> None:
    clock = Clock()
    job = labels(clock)
    assert job.add(Outcome("rnew", START, "fine"))
    clock.now = START + 600 + DAY + HOUR
    assert 'made_at="1767268800"' in job.exposition()
    clock.now += 1
    assert "made_at" not in job.exposition()
    assert not job.add(Outcome("rnew", START, "fine"))


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ([], "an outcome is an object"),
        ({"madeAt": 1, "label": "fine"}, "revision must be"),
        ({"revision": "r1", "madeAt": 1, "label": 'a"b'}, "label must be one word"),
        ({"revision": "r1", "madeAt": True, "label": "fine"}, "madeAt must be Unix seconds"),
        ({"revision": "r1", "madeAt": "yesterday", "label": "fine"}, "madeAt must be Unix seconds"),
    ],
)
def test_what_cannot_be_counted_is_refused(raw: object, says: str) -> None:
    with pytest.raises(BadOutcomeError, match=says):
        read_outcome(raw)


def test_an_outcome_is_read() -> None:
    assert read_outcome({"revision": "r1", "madeAt": 5, "label": "fine"}) == Outcome("r1", 5.0, "fine")
