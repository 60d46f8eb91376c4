import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from modelrollout.analysis.eprocess import GRID_POINTS, log_ratios, log_threshold, one_sample
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.starts import (
    ALONE,
    ATTEMPT,
    FIRST_SHARE,
    LATER_SHARE,
    STEPS_SHARE,
    Process,
    Weights,
    later_share,
    log_sum,
    step_share,
)

pytestmark = pytest.mark.unit

LIMIT = 0.01


def folded(process: Process, *ticks: Counts) -> Process:
    for tick in ticks:
        process = process.fold(log_ratios(tick, LIMIT))
    return process


def test_the_weights_sum_to_one_at_most() -> None:
    steps = sum(step_share(number) for number in range(1, 100_000))
    assert FIRST_SHARE + LATER_SHARE + STEPS_SHARE <= 1
    assert ATTEMPT.first == FIRST_SHARE
    assert ATTEMPT.after(7) == LATER_SHARE * later_share(7)
    assert steps == pytest.approx(STEPS_SHARE, rel=1e-3)


@given(st.integers(1, 10_000))
def test_later_starts_share_their_weight_and_never_exceed_it(blocks: int) -> None:
    shares = [later_share(number) for number in range(1, blocks + 1)]
    assert min(shares) > 0
    # What is left for all that follow is known: (1 + k / 10)^-1/4.
    assert math.fsum(shares) == pytest.approx(1 - (1 + blocks / 10) ** -0.25, rel=1e-9)


def test_after_weeks_of_scrapes_there_is_still_weight_for_a_start() -> None:
    assert later_share(10**7) > 1e-11
    assert sum(later_share(number) for number in range(10**7, 10**7 + 60)) > 1e-9


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(5, 50)), max_size=8))
def test_it_is_the_sum_over_all_starts(sizes: list[tuple[int, int]]) -> None:
    ticks = [Counts(*size) for size in sizes]
    expected = []
    for index in range(len(ticks)):
        rest = Counts(sum(each.events for each in ticks[index:]), sum(each.total for each in ticks[index:]))
        weight = ATTEMPT.after(index) if index else FIRST_SHARE
        expected.append(math.log(weight) + one_sample(rest, LIMIT))
    process = folded(Process.start(GRID_POINTS, ATTEMPT), *ticks)
    assert process.log_e == pytest.approx(log_sum(*expected) if expected else 0.0, abs=1e-9)
    assert process.blocks == len(ticks)


@pytest.mark.parametrize("weights", [ATTEMPT, ALONE])
def test_on_average_it_is_the_weight_of_the_starts_that_have_begun(weights: Weights) -> None:
    """At the edge of the null each start is worth exactly its weight on average: over all outcomes of four ticks."""
    size, total = 2, 0.0
    chances = binom.pmf(range(size + 1), size, LIMIT)
    for outcome in itertools.product(range(size + 1), repeat=4):
        process = folded(Process.start(GRID_POINTS, weights), *(Counts(events, size) for events in outcome))
        total += math.prod(float(chances[events]) for events in outcome) * math.exp(process.log_e)
    begun = weights.first + sum(weights.after(block) for block in (1, 2, 3))
    assert total == pytest.approx(begun, rel=1e-9)
    assert begun <= 1


def test_one_start_alone_is_the_test_itself() -> None:
    ticks = [Counts(1, 20), Counts(0, 30), Counts(4, 10)]
    assert folded(Process.start(GRID_POINTS, ALONE), *ticks).log_e == pytest.approx(one_sample(Counts(5, 60), LIMIT))


def _seconds_until_found(process: Process, rate: float, *, level: float = 0.005) -> int:
    """Of a candidate that gets five requests a second and errs at `rate` from now on; the median of a few."""
    random, found = np.random.default_rng(5), []
    for _ in range(15):
        state, seconds = process, 0
        while state.log_e < log_threshold(level):
            state = folded(state, Counts(int(random.binomial(10, rate)), 10))
            seconds += 2
        found.append(seconds)
    return sorted(found)[len(found) // 2]


def test_two_good_hours_do_not_hide_what_comes_then() -> None:
    good = [Counts(1, 20), *[Counts(0, 20)] * 9] * 180  # 0.5 % in two hours
    many, alone = folded(Process.start(GRID_POINTS, ATTEMPT), *good), folded(Process.start(GRID_POINTS, ALONE), *good)
    assert _seconds_until_found(many, 0.04) < 5 * 60
    assert _seconds_until_found(alone, 0.04) > 10 * 60


@given(st.lists(st.floats(-1e9, 700), min_size=1, max_size=5))
def test_sums_of_logs(logs: list[float]) -> None:
    assert log_sum(*logs) == pytest.approx(float(np.logaddexp.reduce(logs)), rel=1e-12, abs=1e-9)
