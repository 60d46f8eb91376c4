"""Both revisions are compared over the same time, whoever was not scraped in it."""

from __future__ import annotations

import pytest

from modelrollout.analysis import mean_state, ratio_state
from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.mean_state import MeanState
from modelrollout.analysis.ratio import RatioCheck, judge
from modelrollout.analysis.ratio_state import RatioState
from modelrollout.analysis.stretches import LONGEST_SECONDS, Stretch
from modelrollout.analysis.verdict import Verdict
from modelrollout.metrics.counters import FORGET_SECONDS

pytestmark = pytest.mark.unit

SECONDS = 30.0
GOOD, SHOCK = 0.01, 0.3
RELATIVE = Limits(ratio=1.5, difference=0.005)
Known = int | None


def compared(*ticks: tuple[Known, Known], seconds: float = SECONDS) -> list[tuple[int, int]]:
    stretch: Stretch[int] = Stretch()
    found = []
    for number, (candidate, stable) in enumerate(ticks):
        stretch, both = stretch.add(number * seconds, candidate, stable)
        found += [] if both is None else [both]
    return found


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        pytest.param([(1, 10), (2, 20)], [(1, 10), (2, 20)], id="each-tick-alone"),
        pytest.param([(1, 10), (None, 20), (5, 30)], [(1, 10), (5, 50)], id="the-candidate-is-not-scraped"),
        pytest.param([(1, 10), (2, None), (3, 50)], [(1, 10), (5, 50)], id="stable-is-not-scraped"),
        pytest.param([(1, 10), (None, None), (3, 30)], [(1, 10), (3, 30)], id="prometheus-is-away"),
        pytest.param([(1, 10), (None, 20), (4, None), (3, 50)], [(1, 10), (7, 70)], id="one-after-the-other"),
        pytest.param([(None, None), (2, 20)], [(2, 20)], id="nobody-is-scraped-yet"),
        pytest.param([(None, 10), (2, 20)], [(2, 30)], id="the-candidate-is-new"),
        pytest.param([(1, None), (2, 90), (3, 30)], [(3, 30)], id="nobody-knows-what-stable-counts-from"),
        pytest.param([(1, 10), (2, None)], [(1, 10)], id="still-open"),
    ],
)
def test_what_is_compared(ticks: list[tuple[Known, Known]], expected: list[tuple[int, int]]) -> None:
    assert compared(*ticks) == expected


def test_a_gap_in_which_counters_are_forgotten_is_left_out() -> None:
    gap = [(None, 10)] * int(LONGEST_SECONDS / SECONDS)
    assert compared((1, 10), *gap[1:], (2, 20)) == [(1, 10), (2, 10 * len(gap[1:]) + 20)]
    assert compared((1, 10), *gap, (2, 20), (3, 30)) == [(1, 10), (3, 30)]
    assert LONGEST_SECONDS == FORGET_SECONDS


def test_ticks_that_are_rarer_than_that_are_compared_all_the_same() -> None:
    assert compared((1, 10), (2, 20), seconds=2 * LONGEST_SECONDS) == [(1, 10), (2, 20)]


def history(late: str) -> list[Tick]:
    """Ten minutes, two of them an outage that hits both alike, in which one revision is not scraped."""
    rates = [GOOD] * 8 + [SHOCK] * 4 + [GOOD] * 8
    ticks = []
    waiting = {"candidate": Counts(), "stable": Counts()}
    for number, rate in enumerate(rates):
        now: dict[str, Counts | None] = {}
        for who, requests in (("candidate", 200), ("stable", 1800)):
            waiting[who] += Counts(round(requests * rate), requests)
            scraped = who != late or rate == GOOD
            now[who] = waiting[who] if scraped else None
            waiting[who] = Counts() if scraped else waiting[who]
        ticks.append(Tick(number * SECONDS, now["candidate"], now["stable"], final=True))
    return ticks


@pytest.mark.parametrize("late", ["candidate", "stable", "nobody"])
def test_an_outage_of_both_blames_nobody_however_scrapes_fail_in_it(late: str) -> None:
    span = ratio_state.gather(RatioState.start(RELATIVE), history(late))
    result = judge(RatioCheck("errors", min_samples=100), span, span, 1).result
    assert result.verdict is Verdict.PASS, result.reason
    assert (span.final.paired_candidate.total, span.final.paired_stable.total) == (20 * 200, 20 * 1800)


def test_means_are_compared_over_the_same_time_too() -> None:
    ticks = [
        Tick(0.0, Counts(0, 100), Counts(0, 900), final=True, candidate_sum=10.0, stable_sum=90.0),
        Tick(30.0, None, Counts(0, 900), final=True, stable_sum=900.0),
        Tick(60.0, Counts(0, 200), Counts(0, 900), final=True, candidate_sum=110.0, stable_sum=90.0),
    ]
    state = mean_state.gather(MeanState.start(RELATIVE), ticks).final
    candidate, stable = state.paired_candidate, state.paired_stable
    assert (candidate.count, stable.count) == (300, 2700)
    assert candidate.mean == stable.mean == pytest.approx(0.4)
